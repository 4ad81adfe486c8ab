"""Bell: wakes one waiting thread; a ring that nobody waits for is kept."""

from __future__ import annotations

import threading

from plait._core.attentive import attentively

allocate = threading.Lock  # in a check something else: who waits for a bell is no deadlock with themselves


class Bell:
    """A binary semaphore on a raw lock.

    `ring` may be called from any thread, from a signal handler, and from a destructor that runs inside `wait` or
    another `ring`: it takes no lock that its caller could already hold.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate()
        self._lock.acquire()

    def ring(self) -> None:
        """Let the current or the next `wait` return."""
        try:
            self._lock.release()
        except RuntimeError:
            return  # it has been rung already and nobody has waited since

    def wait(self, seconds: float | None = None) -> bool:
        """Return when the bell has been rung since the last `wait`; False if `seconds` have passed without."""
        return attentively(self._wait, seconds)

    def _wait(self, seconds: float | None) -> bool:
        return self._lock.acquire(timeout=-1.0 if seconds is None else min(seconds, threading.TIMEOUT_MAX))
