"""Keeps a search on one core: only one of its threads runs at a time, so other cores would only be woken for nothing.

To wake a thread on another core, and to let it begin while the one that woke it still has the GIL, costs more than most
steps of a program. So the search runs on the core where it is, by the policy SCHED_BATCH, under which a thread that is
woken does not displace the one that runs; where others want that core, it moves on. Measured by bench/check_core.py.
A scout leaves the core of the search to that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, monotonic_ns, process_time
from types import TracebackType
from typing import Any

from plait._core.forks import forks

_LOOK = 0.1  # seconds between two looks at what we get of the core
_ENOUGH = 0.8  # of the core; with less, somebody else wants it, or we wait for something outside
_SPAWNS = "posix_spawn", "posix_spawnp"


class OneCore:
    """Moves to one core on entry and gives the others back on exit; does nothing where a system cannot do that.

    `beside` is the process that searches beside this one and keeps its own core; 0 for none.
    """

    def __init__(self, beside: int = 0) -> None:
        self._beside = beside
        self._all: set[int] = set()  # empty where nothing is done
        self._policy = -1
        self._core = -1
        self._looked = self._used = 0.0

    def __enter__(self) -> OneCore:
        if hasattr(os, "sched_setaffinity"):
            try:
                self._ask = os.sched_getaffinity
                self._all, self._policy = self._ask(0), os.sched_getscheduler(0)
                here, free = _core_now(), sorted(self._all - self._taken())
                self._stay(here if here in free or not free else free[0])
            except OSError:  # forbidden, as in some sandboxes, or no /proc
                self._all = set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._give_back()

    def look(self) -> None:
        """Between two executions: if we did not get most of this core, another one may be better."""
        if len(self._all) < 2:
            return
        now = monotonic()
        if now - self._looked < _LOOK:
            return
        used = process_time()
        if used - self._used < _ENOUGH * (now - self._looked):
            others = sorted(self._all - {self._core} - self._taken()) or [self._core]
            self._stay(others[monotonic_ns() // 1000 % len(others)])
        self._looked, self._used = now, used

    def stand_ins(self) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
        """What must not notice: the program asks for its cores, and other programs that it starts get all of them."""
        if not self._all:
            return
        yield self._ask, lambda _: self._affinity
        spawns = (getattr(os, name) for name in _SPAWNS if hasattr(os, name))
        for start in {*(fork for _, _, fork in forks()), *spawns}:
            yield start, self._with_all

    def _taken(self) -> set[int]:
        """The one core of the search beside which this one searches, if it has moved to one."""
        if not self._beside:
            return set()
        try:
            cores = self._ask(self._beside)
        except OSError:  # it is gone
            return set()
        return cores if len(cores) == 1 else set()

    def _stay(self, core: int) -> None:
        os.sched_setaffinity(0, {core})
        if self._policy == os.SCHED_OTHER:
            _follow(os.SCHED_BATCH)
        self._core = core
        self._looked, self._used = monotonic(), process_time()

    def _give_back(self) -> None:
        if self._all:
            os.sched_setaffinity(0, self._all)
            if self._policy == os.SCHED_OTHER:
                _follow(os.SCHED_OTHER)

    def _affinity(self, pid: int, /) -> set[int]:
        return set(self._all) if pid in (0, os.getpid()) else self._ask(pid)

    def _with_all(self, start: Callable[..., Any]) -> Callable[..., Any]:
        def started(*args: Any, **kwargs: Any) -> Any:
            parent = os.getpid()
            self._give_back()
            try:
                return start(*args, **kwargs)
            finally:
                if os.getpid() == parent:
                    self._stay(self._core)

        return started


def _follow(policy: int) -> None:
    with suppress(OSError):  # a sandbox may forbid it
        os.sched_setscheduler(0, policy, os.sched_param(0))


def _core_now() -> int:
    """The core on which the calling thread runs."""
    with open("/proc/thread-self/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[36])
