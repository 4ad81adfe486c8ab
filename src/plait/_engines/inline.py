"""InlineEngine: one item after the other in the caller's own thread, with every promise of the other engines."""

from __future__ import annotations

import threading
import time
from _collections_abc import Generator, Iterator
from _thread import get_ident

from plait._core.batch import Batch
from plait._core.bell import Bell
from plait._core.current import Task, current_task
from plait._core.job import Job, Running
from plait._core.rng import Seeding
from plait._core.sizing import BatchSizer
from plait._core.worker_state import WorkerState
from plait._engines.interface import Plan
from plait._engines.loops import run_plain, run_timed
from plait._engines.stealing import Portion, portion_type

_BATCH_SECONDS = 0.001


class InlineEngine:
    """Runs items in the thread that iterates; with a timeout in one helper thread, as nobody can interrupt itself."""

    name = "inline"

    def plan(self, requested: int | None, items: int | None) -> Plan:
        return Plan(1, "items run in the calling thread")

    def run(self, job: Job) -> Generator[Batch, None, None]:
        if job.timeout is not None:
            from plait._engines.thread import ThreadEngine  # only here: plain inline maps need no threads

            job.tally.reasons.append("a timeout needs a second thread to keep it")
            yield from ThreadEngine().run(job)
            return
        task = InlineTask(job)
        try:
            yield from self._batches(job, task)
        finally:
            task.batch = None
            job.context.run(task.end_state, job.tally.note)

    def close(self) -> None:
        """Nothing is held."""

    def _batches(self, job: Job, task: InlineTask) -> Generator[Batch, None, None]:
        sizer = BatchSizer(_BATCH_SECONDS)
        loop = run_timed if job.timed else run_plain
        job.snapshot = task.snapshot
        job.tally.peak = 1
        job.context.run(current_task.set, task)
        feed = job.feed
        job.wake = task.look_up
        job.unfetched = feed.withdrawn
        while not feed.finished and not task.cancelled:
            while job.revoked:
                feed.withdraw(job.revoked.popleft())
            while feed.withdrawn:
                yield feed.withdrawn.popleft()
            feed.window = sizer.size
            feed.fill(sizer.size)
            batch = feed.take(sizer.size)
            if batch is None:
                if not (feed.ready or feed.withdrawn or feed.finished):
                    task.bell.wait(None if feed.due is None else max(0.0, feed.due - time.perf_counter()))
                continue
            batch.worker = "inline"
            batch.started = time.perf_counter()
            for portion in task.portions(batch):
                job.context.run(loop, job.fn, portion.iterator, batch, (KeyboardInterrupt,))
            batch.ended = time.perf_counter()
            sizer.record(len(batch.items), batch.ended - batch.started)
            yield batch
        if not feed.finished:
            job.cancelled = True  # perhaps it is the map around this one that was stopped


class InlineTask(Task):
    """The item that the calling thread is running."""

    __slots__ = ("_lock", "_outer", "_portion", "batch", "bell", "job")

    def __init__(self, job: Job) -> None:
        self.thread_id = get_ident()
        self._outer = job.context.get(current_task)
        self.job = job
        self.batch: Batch | None = None
        self.bell = Bell()
        self._portion: Portion | None = None
        self._lock = threading.RLock()  # a destructor that runs while it is held may ask for a look

    def portions(self, batch: Batch) -> Iterator[Portion]:
        """The items of the batch as far as nobody has taken them back; one portion unless somebody has."""
        kind = portion_type()
        self.batch = batch
        while True:
            with self._lock:
                done = len(batch.values)
                if done == len(batch.items):
                    self.batch = self._portion = None
                    return
                portion = self._portion = kind(batch.items[done:] if done else batch.items)
            yield portion

    def look_up(self) -> None:
        """Begin no further item before the driver has looked at what somebody wants; any thread."""
        with self._lock:
            if self.batch is not None and self._portion is not None and (self.job.cancelled or self.job.revoked):
                rest = self._portion.rest(self.batch)
                if rest:
                    self.job.feed.hand_back(self.batch.end, rest, self.batch.attempt)
        self.bell.ring()

    def _running(self) -> Batch:
        if self.batch is None:
            raise LookupError("plait.current(): no item is running in this context")
        return self.batch

    @property
    def index(self) -> int:
        batch = self._running()
        return batch.base + len(batch.values)

    @property
    def attempt(self) -> int:
        return self._running().attempt

    @property
    def worker(self) -> str:
        return "inline"

    @property
    def deadline(self) -> float | None:
        return None

    @property
    def cancelled(self) -> bool:
        return self.job.cancelled or (self._outer is not None and self._outer.cancelled)

    @property
    def seeding(self) -> Seeding:
        return self.job.seeding

    @property
    def state(self) -> WorkerState:
        """That of the task around this map, if there is one: its worker is who runs the items."""
        outer = self._outer
        if outer is not None and getattr(outer, "thread_id", 0) == self.thread_id:
            return outer.state
        return super().state

    def snapshot(self) -> list[Running]:
        """The item being run, if any."""
        batch = self.batch
        if batch is None:
            return []
        offset = len(batch.values)
        if offset >= len(batch.items):
            return []
        return [Running(batch.base + offset, batch.items[offset], "inline", time.perf_counter() - batch.started)]
