"""Garbage: how long the collector of reference cycles looked for some while a trace was recorded, where, and what for.

It is exact, since the collector itself says when it begins and ends (`gc.callbacks`). All threads wait meanwhile: it
keeps the GIL.
"""

from __future__ import annotations

import _thread
import gc
import linecache
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from time import perf_counter_ns, thread_time_ns
from types import FrameType
from typing import NamedTuple

from plait._see.whereabouts import line_of, program_frame

_SHOWN = 100_000  # nanoseconds of a collection that is kept: briefer ones are added up only
_FIRST, _PLACED = 200_000, 5_000_000  # of collections after which the line of the last is noted: at first, later
_KEPT = 1_000_000


class Collection(NamedTuple):
    """One that a picture shows: the thread it ran in, and its microseconds."""

    tid: int
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Garbage:
    """All collections of a trace.

    Attributes:
        collections: how many there were.
        seconds: the processor time that they took, all together.
        by_thread: the same, by the system's number of the thread that they ran in.
        found: how many objects were garbage.
        longest: how many seconds the longest one lasted.
        longest_at: the line that brought it on; "" when it is not known.
        where: the line that brought on most of them, by time; "" when none is known.
        asked: the line that calls gc.collect, where most of the time is of such calls; otherwise "".
        shown: those that are long enough to be seen.
    """

    collections: int = 0
    seconds: float = 0.0
    by_thread: dict[int, float] = field(default_factory=dict)
    found: int = 0
    longest: float = 0.0
    longest_at: str = ""
    where: str = ""
    asked: str = ""
    shown: tuple[Collection, ...] = ()


class GarbageRecorder:
    """Listens to the collector between `install` and `remove`."""

    def __init__(self) -> None:
        self._began = self._cpu = 0
        self._by_thread: dict[int, int] = {}
        self._shown: deque[Collection] = deque(maxlen=_KEPT)
        self._places: Counter[tuple[str, bool]] = Counter()  # by the line, and whether it asks for them
        self._collections = self._unplaced = self._found = self._longest = 0
        self._longest_at, self._enough = "", _FIRST

    def install(self) -> None:
        """Begin."""
        gc.callbacks.append(self._heard)

    def remove(self) -> None:
        """End; unless the program has taken us away itself."""
        if self._heard in gc.callbacks:
            gc.callbacks.remove(self._heard)

    def sums(self) -> Garbage:
        """What has been heard."""
        total = sum(self._by_thread.values())
        (where, asked), most = max(self._places.items(), key=lambda one: one[1], default=(("", False), 0))
        return Garbage(
            self._collections,
            total / 1e9,
            {tid: took / 1e9 for tid, took in self._by_thread.items()},
            self._found,
            self._longest / 1e9,
            self._longest_at,
            where,
            where if asked and 2 * most >= total else "",
            tuple(self._shown),
        )

    def _heard(self, phase: str, info: dict[str, int]) -> None:  # brief: there may be 10,000 collections a second
        if phase == "start":
            self._began, self._cpu = perf_counter_ns(), thread_time_ns()
            return
        if not self._began:  # it is the one in which this was installed
            return
        took, lasted = thread_time_ns() - self._cpu, perf_counter_ns() - self._began
        tid = _thread.get_native_id()
        self._by_thread[tid] = self._by_thread.get(tid, 0) + took
        self._collections += 1
        self._found += info["collected"]
        self._unplaced += took
        if lasted >= _SHOWN:
            began = self._began // 1000
            self._shown.append(Collection(tid, began, began + lasted // 1000))
        if self._unplaced >= self._enough:
            place = _place(sys._getframe().f_back)
            self._places[place] += self._unplaced
            self._unplaced, self._enough = 0, min(_PLACED, 2 * self._enough)
            if lasted > self._longest:
                self._longest, self._longest_at = lasted, place[0]


def _place(frame: FrameType | None) -> tuple[str, bool]:
    """The line of the program that brings on a collection, and whether it asks for it."""
    own = program_frame(frame)
    line = linecache.getline(own.f_code.co_filename, own.f_lineno or 0) if own is not None else ""
    return line_of(frame), "collect(" in line
