"""FakeThreads: the smallest engine with several workers, to test what drives engines apart from the real ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from queue import Empty, SimpleQueue

from plait._core.batch import Batch
from plait._core.current import Task, current_task
from plait._core.job import Job
from plait._engines.interface import Plan
from plait._engines.loops import run_plain, run_timed

_Event = tuple[threading.Thread, Batch | None]
_Events = SimpleQueue[_Event | None]


class FakeThreads:
    """Starts a thread for each item, at most `workers` at the same time."""

    name = "fake"

    def __init__(self) -> None:
        self.closed = 0

    def plan(self, requested: int | None, items: int | None) -> Plan:
        return Plan(requested or 4, "as asked")

    def run(self, job: Job) -> Generator[Batch, None, None]:
        events: _Events = SimpleQueue()
        job.wake = lambda: events.put(None)
        feed = job.feed
        running: set[threading.Thread] = set()
        try:
            while not feed.finished and not job.cancelled:
                feed.window = feed.taken - feed.delivered + 1
                feed.fill(1)
                if feed.ready and len(running) < job.workers:
                    running.add(self._start(job, events))
                    continue
                event = self._next_event(events, feed.due)
                if event is None:
                    continue
                thread, batch = event
                running.remove(thread)
                thread.join()
                if batch is not None:
                    yield batch
                del event, thread, batch
        finally:
            for thread in running:
                thread.join()

    def close(self) -> None:
        self.closed += 1

    @staticmethod
    def _next_event(events: _Events, due: float | None) -> _Event | None:
        try:
            return events.get(timeout=None if due is None else max(0.0, due - time.perf_counter()))
        except Empty:
            return None

    def _start(self, job: Job, events: _Events) -> threading.Thread:
        thread = threading.Thread(target=self._work, args=(job, events), daemon=True)
        thread.start()
        return thread

    @staticmethod
    def _work(job: Job, events: _Events) -> None:
        batch = job.feed.take(1)
        if batch is not None:
            batch.worker = threading.current_thread().name
            batch.started = time.perf_counter()
            context = job.context.copy()
            context.run(current_task.set, _FakeTask(job, batch))
            context.run(run_timed if job.timed else run_plain, job.fn, batch.items, batch, ())
            batch.ended = time.perf_counter()
        events.put((threading.current_thread(), batch))


class _FakeTask(Task):
    __slots__ = ("batch", "job")

    def __init__(self, job: Job, batch: Batch) -> None:
        self.job = job
        self.batch = batch

    @property
    def index(self) -> int:
        return self.batch.base

    @property
    def attempt(self) -> int:
        return self.batch.attempt

    @property
    def worker(self) -> str:
        return threading.current_thread().name

    @property
    def deadline(self) -> float | None:
        return None

    @property
    def cancelled(self) -> bool:
        return self.job.cancelled
