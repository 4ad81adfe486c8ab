"""Slices made of what maps, pools and scopes told: pure, from finished batches and calls to a `Trace`."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from plait._core.batch import Batch
from plait._core.trace import Lane, Slice, State, Trace
from plait._engines.facts import pid_in

_SHORT = 100  # microseconds of an item; shorter ones are drawn as one slice for their batch


class Told(NamedTuple):
    """A batch that has ended, the run it belongs to, and the thread that took it, by the system's number.

    `rate` is how many items of the run may start in a second, 0 for any number, `ran` the thread of this process that
    ran it, 0 where that is not known, and `reasons` what its report says of engine and workers.
    """

    name: str
    run: int
    batch: Batch
    tid: int
    rate: float = 0.0
    ran: int = 0
    reasons: Sequence[str] = ()

    @property
    def is_call(self) -> bool:
        """Whether it is a call of a pool or scope, not items of a map."""
        return self.name.endswith(")")

    @property
    def inline(self) -> bool:
        """Whether the thread that takes the results has run it."""
        return self.ran == self.tid

    @property
    def pid(self) -> int:
        """Of the worker process; 0 for a thread of this one."""
        return pid_in(self.batch.worker)

    def span(self, origin: int) -> tuple[int, int]:
        """When it began and ended, in microseconds of the trace; before the trace is less than 0."""
        return int(self.batch.started * 1e6) - origin, int(self.batch.ended * 1e6) - origin


class Ran(NamedTuple):
    """A call that a thread of this process has run."""

    tid: int
    began: int
    ended: int
    words: str
    failed: bool


def add_items(trace: Trace, batches: Iterable[Told], calls: Iterable[Ran], origin: int) -> list[int]:
    """A slice for each item and each call, on the lane of who ran it; those of the batches, -1 for none."""
    places, lanes = _Places(trace), []
    for told in batches:
        at = places.of(told, origin) if told.batch.started else -1
        lanes.append(at)
        if at >= 0:
            _add_batch(trace, at, told, origin)
    for call in calls:
        at = places.by_tid.get(call.tid, -1)
        if at >= 0:
            group = call.words.partition("(")[0]
            began, ended = max(0, call.began - origin), call.ended - origin
            trace.slices.append(Slice(at, began, ended, call.words, group, call.failed))
            if trace.lanes[at].name.startswith("plait-"):
                trace.lanes[at].kind = "worker"
    trace.slices.sort(key=lambda one: one.began)
    own: dict[int, list[Slice]] = {}
    for one in trace.slices:
        own.setdefault(one.lane, []).append(one)
    for at, items in own.items():
        if trace.lanes[at].kind == "worker":
            _without_work(trace.lanes[at], items)
    return lanes


class _Places:
    """Where batches ran: the lanes by the numbers of threads, and by the names of workers."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.by_tid = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.tid}
        self._by_name: dict[str, list[int]] = {}
        for at, lane in enumerate(trace.lanes):
            self._by_name.setdefault(_worker_in(lane), []).append(at)

    def of(self, told: Told, origin: int) -> int:
        """The lane, which is called as the worker from now on; one of its own if there was none."""
        worker = told.batch.worker
        if told.ran:
            at = self.by_tid.get(told.ran, -1)
        else:
            at = _alive(self._trace, self._by_name.get(worker, ()), *told.span(origin))
        if at < 0:
            at = len(self._trace.lanes)
            self._trace.lanes.append(Lane(worker, "worker", 0, told.ran))
            self.by_tid[told.ran] = at
            self._by_name.setdefault(worker, []).append(at)
        elif not told.inline:
            lane = self._trace.lanes[at]
            lane.name = worker
            if lane.kind != "task":
                lane.kind = "worker"
        return at


_OF_A_WORKER = re.compile(r"plait-([\w-]+)$|.* \(plait-([\w-]+)\)$")  # a thread, or a task


def _worker_in(lane: Lane) -> str:
    """What the worker is called whose thread or task this is.

    >>> _worker_in(Lane("plait-thread-2", "thread", 1, 7)), _worker_in(Lane("work (plait-async-3)", "task", 0, 0))
    ('thread-2', 'async-3')
    """
    found = _OF_A_WORKER.match(lane.name)
    return lane.name if found is None else found[1] or found[2]


def _alive(trace: Trace, lanes: Sequence[int], began: int, ended: int) -> int:
    """Which of these lanes was there when a batch was: workers of several maps have one name. -1 if there is none."""
    for at in lanes:
        moments = trace.lanes[at].moments
        if not moments or (moments[0] < ended and began < moments[-1]):
            return at
    return lanes[-1] if lanes else -1


def _add_batch(trace: Trace, lane: int, told: Told, origin: int) -> None:
    name, batch = told.name, told.batch
    began, ended = told.span(origin)
    if told.is_call:
        trace.slices.append(Slice(lane, max(0, began), ended, name, name.partition("(")[0], bool(batch.failures)))
        return
    if ended - began < _SHORT * len(batch.items) or (len(batch.items) > 1 and not batch.spans):
        which = f"item {batch.base}" if len(batch.items) == 1 else f"items {batch.base} to {batch.end - 1}"
        label = f"{name}, {which}"
        trace.slices.append(Slice(lane, max(0, began), ended, label, name, bool(batch.failures)))
        return
    for offset in range(len(batch.items)):
        start, stop = batch.span(offset)
        label = f"{name}, item {batch.base + offset}"
        first, last = max(0, int(start * 1e6) - origin), int(stop * 1e6) - origin
        trace.slices.append(Slice(lane, first, last, label, name, offset in batch.failures))


def _without_work(lane: Lane, items: list[Slice]) -> None:
    """A worker that waits for a lock nobody noted, or its process for a pipe between items, waits for work."""
    elsewhere = bool(lane.pid) and lane.pid != os.getpid()
    begins = [one.began for one in items]
    for at, state in enumerate(lane.states):
        ended = lane.moments[at + 1] if at + 1 < len(lane.moments) else lane.moments[at] + 1
        middle = (lane.moments[at] + ended) // 2  # what was seen from outside may begin a moment before the item ends
        before = bisect_right(begins, middle) - 1
        inside = before >= 0 and items[before].ended > middle
        if not inside and (state == State.LOCK or (elsewhere and state == State.SOCKET)):
            lane.states[at] = State.IDLE
