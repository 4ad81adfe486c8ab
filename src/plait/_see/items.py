"""Slices made of what maps, pools and scopes told: pure, from finished batches and calls to a `Trace`."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from plait._core.batch import Batch
from plait._core.trace import Lane, Slice, State, Trace
from plait._engines.facts import pid_in

_SHORT = 100  # microseconds of an item; shorter ones are drawn as one slice for their batch


class Told(NamedTuple):
    """A batch that has ended, the run it belongs to, and the thread that took it, by the system's number.

    `rate` is how many items of the run may start in a second, 0 for any number.
    """

    name: str
    run: int
    batch: Batch
    tid: int
    rate: float = 0.0

    @property
    def is_call(self) -> bool:
        """Whether it is a call of a pool or scope, not items of a map."""
        return self.name.endswith(")")

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


def add_items(trace: Trace, batches: Iterable[Told], calls: Iterable[Ran], origin: int) -> None:
    """A slice for each item and each call, on the lane of who ran it."""
    lanes: dict[str, int] = {}
    threads = {lane.name: at for at, lane in enumerate(trace.lanes)}
    for told in batches:
        worker = told.batch.worker
        if not told.batch.started:
            continue
        if worker not in lanes:
            known = threads.get(worker, threads.get(f"plait-{worker}", -1))
            if known < 0:
                known = len(trace.lanes)
                trace.lanes.append(Lane(worker, "worker", 0, 0))
            else:
                trace.lanes[known].name = worker
                trace.lanes[known].kind = "worker"
            lanes[worker] = known
        _add_batch(trace, lanes[worker], told, origin)
    known_by_tid = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.tid}
    for call in calls:
        at = known_by_tid.get(call.tid, -1)
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
