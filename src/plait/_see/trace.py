"""``plait.trace``: records what threads, tasks and workers do while its block runs."""

from __future__ import annotations

import _thread
import os
import re
import sys
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from plait._core.batch import Batch
from plait._core.errors import UsageError
from plait._core.onlooker import ONLOOKER
from plait._core.trace import Lane, Slice, State, Trace
from plait._see.recorder import Recorder
from plait._see.recorder_tasks import WATCH, TaskRecorder
from plait._see.sampler import Sampler, now
from plait._see.show import form_of, save
from plait._see.states import add_threads, await_results
from plait._see.summary import summarise
from plait._see.task_lanes import add_tasks, blocked_words

_KEPT = 1_000_000  # slices
_SHORT = 100  # microseconds of an item; shorter ones are drawn as one slice for their batch
_PID = re.compile(r"\(pid (\d+)\)")
_recording = threading.Lock()


class trace:  # noqa: N801  used as a verb: with plait.trace("run.html")
    """Record what threads and workers do while the block runs, and write it to a file.

    The block is given the `Trace`, which is filled when it ends; also when an exception ends it. Locks, queues and
    threads that are made in the block are known by name and holder; of those made before, only that somebody waits.
    Off Linux only the waits that plait records are seen, and the trace says so.

    Args:
        path: ``.html`` for a page, ``.json`` for ui.perfetto.dev, ``.txt`` for a terminal; None for no file.

    Raises:
        UsageError: the path ends in something else, or a trace is being recorded in this process already.
        OSError: the file cannot be written.

    >>> import plait, time
    >>> with plait.trace() as trace:
    ...     time.sleep(0.05)
    >>> trace.seconds > 0.04
    True
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else Path(path)
        if self._path is not None:
            form_of(self._path)
        self._title = " ".join([os.path.basename(sys.argv[0]) or "python", *sys.argv[1:]])

    def __enter__(self) -> Trace:
        if not _recording.acquire(blocking=False):
            raise UsageError("plait.trace: a trace is being recorded already; a process can record one at a time")
        try:
            self._sampler = Sampler()
            self._sampler.start()
            self._recorder = Recorder()
            self._batches: deque[tuple[str, Batch, int]] = deque(maxlen=_KEPT)
            self._consumed: deque[tuple[int, int, int]] = deque(maxlen=_KEPT)  # thread, from when, until when
            self._recorder.install()
            self._tasks = TaskRecorder()
            self._tasks.install()
            ONLOOKER.told = self._note
        except BaseException:
            _recording.release()
            raise
        self._trace = Trace(self._title, time.time())
        self._origin = now()
        return self._trace

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            ended = now()
            ONLOOKER.told = None
            self._tasks.remove()
            self._recorder.remove()
            samples = self._sampler.stop()
        finally:
            _recording.release()
        trace = self._trace
        trace.microseconds = ended - self._origin
        workers = {pid: batch.worker for _, batch, pid in self._batches if pid}
        names = {tid: name for tid, name in self._recorder.names.items() if name != WATCH}
        add_threads(trace, samples, self._recorder.noted, names, self._origin, workers)
        await_results(trace, self._consumed, self._origin)
        _add_slices(trace, self._batches, self._origin)
        add_tasks(trace, self._tasks.steps, self._tasks.names, self._origin)
        trace.missing += samples.missing
        trace.facts = {"rate": samples.rate, "cost": samples.cost}
        blocked = blocked_words(self._tasks.blocked, self._tasks.steps)
        trace.summary = summarise(trace) + blocked
        if self._path is not None:
            save(trace, self._path)

    def _note(self, fn: Callable[..., object], batch: Batch) -> None:
        fn = getattr(fn, "fn", fn)  # what a map over several iterables calls
        name = getattr(fn, "__name__", type(fn).__name__)
        found = _PID.search(batch.worker)
        self._batches.append((name, batch, int(found[1]) if found else 0))
        if batch.started:
            self._consumed.append((_thread.get_native_id(), int(batch.started * 1e6), now()))


def _add_slices(trace: Trace, batches: deque[tuple[str, Batch, int]], origin: int) -> None:
    """A slice for each item, on the lane of the worker that ran it."""
    lanes: dict[str, int] = {}
    threads = {lane.name: at for at, lane in enumerate(trace.lanes)}
    for name, batch, _ in batches:
        if not batch.started:
            continue
        worker = batch.worker
        if worker not in lanes:
            known = threads.get(worker, threads.get(f"plait-{worker}", -1))
            if known < 0:
                known = len(trace.lanes)
                trace.lanes.append(Lane(worker, "worker", 0, 0))
            else:
                trace.lanes[known].name = worker
                trace.lanes[known].kind = "worker"
            lanes[worker] = known
        _add_items(trace, lanes[worker], name, batch, origin)
    trace.slices.sort(key=lambda one: one.began)
    for lane in lanes.values():
        _without_work(trace.lanes[lane], [one for one in trace.slices if one.lane == lane])


def _add_items(trace: Trace, lane: int, name: str, batch: Batch, origin: int) -> None:
    began, ended = int(batch.started * 1e6) - origin, int(batch.ended * 1e6) - origin
    if ended - began < _SHORT * len(batch.items) or (len(batch.items) > 1 and not batch.spans):
        which = f"{batch.base}" if len(batch.items) == 1 else f"{batch.base} to {batch.end - 1}"
        label = f"{name}, item {which}" if len(batch.items) == 1 else f"{name}, items {which}"
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
        before = bisect_right(begins, lane.moments[at]) - 1
        inside = before >= 0 and items[before].ended > lane.moments[at]
        if not inside and (state == State.LOCK or (elsewhere and state == State.SOCKET)):
            lane.states[at] = State.IDLE
