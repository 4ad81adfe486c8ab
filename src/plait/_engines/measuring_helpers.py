"""Helpers: how many cores threads that are not Python's keep busy, such as those a BLAS computes with."""

from __future__ import annotations

import os
import threading
import time

from plait._engines.core_wait import core_times


class Helpers:
    """Watches, from its creation on, the threads of this process that run no Python."""

    __slots__ = ("_before", "_began")

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._before = _computed()

    def cores(self) -> float:
        """How many cores they have kept busy; 0.0 where nobody can tell.

        >>> Helpers().cores()
        0.0
        """
        took = time.perf_counter() - self._began
        more = sum(seconds - self._before.get(thread, 0.0) for thread, seconds in _computed().items())
        return more / took if took > 0 else 0.0


def _computed() -> dict[int, float]:
    """Seconds on a core of each of them, by native id."""
    ours = {getattr(thread, "native_id", None) for thread in threading.enumerate()}
    return {thread: ran for thread, (ran, _) in core_times(os.getpid()).items() if thread not in ours}
