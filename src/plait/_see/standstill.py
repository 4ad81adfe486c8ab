"""For how long nothing has moved in this process: every thread is where it was, and none has run, or wanted to."""

from __future__ import annotations

import os
import sys
import time
from _thread import get_ident, get_native_id
from types import FrameType

from plait._engines.core_wait import core_times, is_runnable

_STILL = 0.02  # share of a core below which a process is taken to be at a standstill
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Standstill:
    """Looked at now and then, by one thread, which does not count itself."""

    def __init__(self) -> None:
        self._seen: object = None
        self._since = self._looked = time.monotonic()
        self._spent = _spent(_others())
        self._told = False

    def reached(self, seconds: float) -> float | None:
        """For how long nothing has moved, once it is longer than that; None before, and after it was said."""
        me = get_ident()
        seen = {ident: _place(frame) for ident, frame in sys._current_frames().items() if ident != me}
        now, others = time.monotonic(), _others()
        spent = _spent(others)
        moved = seen != self._seen or spent - self._spent > _STILL * (now - self._looked)
        moved = moved or any(map(is_runnable, others))  # for how long is counted when they have got a core
        self._spent, self._looked = spent, now
        if moved:
            self._seen, self._since, self._told = seen, now, False
        elif now - self._since >= seconds and not self._told:
            self._told = True
            return now - self._since
        return None


def _others() -> dict[int, tuple[float, float]]:
    """The `core_times` of all threads but the calling one, whose looking around is no movement."""
    times = core_times(os.getpid())
    times.pop(get_native_id(), None)
    return times


def _spent(others: dict[int, tuple[float, float]]) -> float:
    """Seconds of them, on a core or without one: the latter is no standstill of this process, others have the cores."""
    return time.process_time() - time.thread_time() + sum(waited for _, waited in others.values())


def _place(frame: FrameType | None) -> tuple[int, int] | None:
    """Where a thread is; within our own code it does not count, since that looks around now and then while it waits."""
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return None if frame is None else (id(frame), frame.f_lasti)
