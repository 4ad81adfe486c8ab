"""Helpers: how many cores threads that are not Python's keep busy, such as those a BLAS computes with."""

from __future__ import annotations

import os
import threading
import time

from plait._engines.core_wait import core_times


class Helpers:
    """Watches, from its creation on, the threads of this process that run no Python."""

    __slots__ = ("_before", "_began", "_ours")

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._ours = _ours()
        self._before = core_times(os.getpid())

    def cores(self) -> float:
        """How many cores they have kept busy; 0.0 where nobody can tell.

        >>> Helpers().cores() >= 0.0
        True
        """
        took = time.perf_counter() - self._began
        ours = self._ours | _ours()  # also those that are ending, which Python does not know any more
        busy = 0.0
        for thread, (ran, _) in core_times(os.getpid()).items():
            if thread not in ours:
                before, _ = self._before.get(thread, (0.0, 0.0))
                busy += min(ran - before, took)
        return busy / took if took > 0 else 0.0


def _ours() -> set[int | None]:
    """The native ids of the threads that run Python."""
    return {getattr(thread, "native_id", None) for thread in threading.enumerate()}
