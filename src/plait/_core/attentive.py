"""Waits of the main thread that come up for air: a signal that arrives just as a wait begins does not interrupt it.

CPython looks for signals before it waits, and the wait itself ends when one arrives. In between, while the thread hands
over the GIL, a signal is noted and nobody wakes: Ctrl-C would be heard when the wait ends by itself.
"""

from __future__ import annotations

import threading
import time
from _collections_abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import TypeVar

    T = TypeVar("T")

BREATH: float | None = 1.0  # seconds that a wait goes on at once; None for as long as it takes, in virtual time


def attentively(wait: Callable[[float | None], T], seconds: float | None) -> T:
    """What `wait` returns for so many seconds, or for None without an end; nothing (False) when they have passed.

    >>> attentively(lambda seconds: seconds == 0.5, 0.5)
    True
    """
    breath = BREATH
    if breath is None or (seconds is not None and seconds <= breath):
        return wait(seconds)
    end = None if seconds is None else time.monotonic() + seconds
    found = wait(breath)
    while not found:
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            break
        in_main = threading.get_ident() == threading.main_thread().ident
        found = wait(left if not in_main or (left is not None and left < breath) else breath)
    return found
