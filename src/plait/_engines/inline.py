"""InlineEngine: one item after the other in the caller's own thread, with every promise of the other engines."""

from __future__ import annotations

import time
from _collections_abc import Generator
from _thread import get_ident

from plait._core.batch import Batch
from plait._core.bell import Bell
from plait._core.current import StopTask, Task, current_task
from plait._core.job import Job, Running
from plait._core.sizing import BatchSizer
from plait._core.worker_state import WorkerState
from plait._engines.batch_task import BatchTask
from plait._engines.interface import Plan
from plait._engines.loops import keep_failure, run_plain, run_timed
from plait._engines.stealing import Portion, portion_type

_BATCH_SECONDS = 0.001
_MEANWHILE = 64  # items that may be run while one before them waits for its retry


class InlineEngine:
    """Runs items in the thread that iterates; with a timeout in one helper thread, as nobody can interrupt itself.

    >>> import plait
    >>> list(plait.map(abs, [-1, 2], engine=plait.engines.InlineEngine()))  # as engine="inline"
    [1, 2]
    """

    name = "inline"

    def __init__(self) -> None:
        self._portion: type[Portion] = portion_type()

    def plan(self, requested: int | None, items: int | None) -> Plan:
        return Plan(1, "items run in the calling thread")

    def run(self, job: Job) -> Generator[Batch, None, None]:
        if job.timeout is not None:
            from plait._engines.thread import ThreadEngine  # only here: plain inline maps need no threads

            job.tally.reasons.append("a timeout needs a second thread to keep it")
            yield from ThreadEngine().run(job)
            return
        task = InlineTask(job, self._portion)
        entered = job.context.run(current_task.set, task)
        try:
            yield from self._batches(job, task)
        finally:
            # Whoever explains an interrupt asks after the stop; and the job keeps the task, and so itself and its
            # input, alive no longer.
            job.rest(task.snapshot())
            task.end()
            job.context.run(task.end_state, job.tally.note)
            job.context.run(current_task.reset, entered)

    def close(self) -> None:
        """Nothing is held between runs."""

    def _batches(self, job: Job, task: InlineTask) -> Generator[Batch, None, None]:
        sizer = BatchSizer(_BATCH_SECONDS)
        job.snapshot = task.snapshot
        job.tally.peak = 1
        feed = job.feed
        job.wake = task.look_up
        job.unfetched = feed.withdrawn
        while not feed.finished and not task.cancelled:
            _withdraw(job)
            feed.window = max(sizer.size, _MEANWHILE) if feed.postponed else sizer.size
            if not feed.withdrawn:  # else what has been run comes first: the next item may be long in coming
                feed.fill(sizer.size)
            if feed.withdrawn:
                yield feed.withdrawn[0]  # taken out when it has arrived: Ctrl-C may come in between
                feed.withdrawn.popleft()
                continue
            batch = feed.take(sizer.size)
            if batch is None:
                if not (feed.ready or feed.withdrawn or feed.finished):
                    task.bell.wait(None if feed.due is None else max(0.0, feed.due - time.perf_counter()))
                continue
            portion = task.begin(batch)
            batch.worker = "inline"
            batch.started = time.perf_counter()
            try:
                _run(job, portion, batch, task)
            except BaseException:
                batch.ended = time.perf_counter()
                if batch.values:  # Ctrl-C in one item does not lose those before it
                    job.unfetched.append(batch.part(0, len(batch.values)))
                raise
            batch.ended = time.perf_counter()
            task.end()
            done = len(batch.values)
            sizer.record(done, batch.ended - batch.started)
            if done < len(batch.items):
                feed.hand_back(batch.base + done, batch.items[done:], batch.attempt)
            if done:
                feed.withdrawn.append(batch if done == len(batch.items) else batch.part(0, done))
        if not feed.finished:
            job.cancelled = True  # the map around this one was stopped
        while feed.withdrawn:
            yield feed.withdrawn[0]
            feed.withdrawn.popleft()


class InlineTask(BatchTask):
    """The item that the calling thread is running."""

    __slots__ = ("_outer", "_portion", "_type", "batch", "bell", "job")

    name = "inline"
    began = 0.0  # nobody asks: a timeout needs a thread

    def __init__(self, job: Job, portion: type[Portion]) -> None:
        self.job = job
        self.batch: Batch | None = None
        self.bell = Bell()
        self._type = portion
        self._portion: Portion | None = None
        self._outer: Task | None = job.context.get(current_task)
        self.thread_id = get_ident()

    def begin(self, batch: Batch) -> Portion:
        """The items of the batch, of which none is begun once the job is cancelled or some item was revoked."""
        self.batch = batch
        self._portion = portion = self._type(batch.items)
        if self.cancelled or self.job.revoked:  # `look_up` may have come before there was a portion to end
            portion.end()
        return portion

    def end(self) -> None:
        """The batch has been run."""
        self.batch = self._portion = None

    def look_up(self) -> None:
        """The job was cancelled, an item was revoked, or there is something new to look at; any thread."""
        portion = self._portion
        if portion is not None and (self.job.cancelled or self.job.revoked):
            portion.end()
        if self.job.cancelled:
            self.rouse()
        self.bell.ring()

    @property
    def cancelled(self) -> bool:
        return (self.job.cancelled and not self.tears_down) or (self._outer is not None and self._outer.cancelled)

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


def _withdraw(job: Job) -> None:
    while job.revoked:
        job.feed.withdraw(job.revoked.popleft())


def _run(job: Job, portion: Portion, batch: Batch, task: InlineTask) -> None:
    """Run the batch. An item that StopTask ends because the work is being stopped has not ended, as on threads."""
    loop = run_timed if job.timed else run_plain
    while True:
        try:
            job.context.run(loop, job.fn, portion.iterator, batch, (KeyboardInterrupt, StopTask))
            return
        except StopTask as error:
            if task.cancelled:
                return
            keep_failure(batch, error)  # the function raised it by itself
            if job.timed:
                batch.spans.append((batch.spans[-1][1] if batch.spans else batch.started, time.perf_counter()))
