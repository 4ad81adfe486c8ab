"""Which threads have taken a semaphore and not given it back: who has to wait for it waits for one of them.

A semaphore that is released by a thread that has not taken it passes word between threads: nobody holds it.
"""

from __future__ import annotations

import threading
import weakref
from _thread import get_ident


class Takers:
    """Of each semaphore, the threads that have it, in the order in which they took it."""

    def __init__(self) -> None:
        self._takers: weakref.WeakKeyDictionary[threading.Semaphore, list[int] | None] = weakref.WeakKeyDictionary()

    def took(self, semaphore: threading.Semaphore) -> None:
        """The current thread has it."""
        takers = self._takers.setdefault(semaphore, [])
        if takers is not None:
            takers.append(get_ident())

    def gives(self, semaphore: threading.Semaphore) -> None:
        """The current thread is about to release it."""
        takers = self._takers.get(semaphore, [])
        try:
            if takers is not None:
                takers.remove(get_ident())
        except ValueError:
            self._takers[semaphore] = None

    def first(self, semaphore: threading.Semaphore) -> tuple[int, int]:
        """Who has had it longest, if that keeps others waiting, 0 for nobody; and how many have it."""
        takers = None if semaphore._value else self._takers.get(semaphore)
        return (takers[0], len(takers)) if takers else (0, 1)
