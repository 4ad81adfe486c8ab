"""Runs some items on one engine with one number of workers, and notes how fast that was and what it took."""

from __future__ import annotations

import contextvars
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from plait._core.batch import Batch
from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines.facts import descendants, proportional_bytes
from plait._engines.interface import Engine

_SHARED = ("thread", "interpreter", "inline", "async")  # workers that live in this process
_MOST = 4_000_000  # items of one trial


@dataclass(slots=True)
class Trial:
    """What one engine did with a number of workers.

    Attributes:
        engine, workers: which, and how many at most.
        per_second: items per second when it was running; 0 when it could not.
        start_seconds: from the call to the first result, less what an item takes.
        worker_bytes: the memory one more worker takes (PSS); None where nobody can tell.
        failed: how many items raised, of `items`.
        problem: why it could not run, in words; or an empty string.
    """

    engine: str
    workers: int
    per_second: float = 0.0
    start_seconds: float = 0.0
    worker_bytes: int | None = None
    items: int = 0
    failed: int = 0
    problem: str = ""

    def seconds(self, items: int) -> float:
        """How long a map of so many items would take, from a cold start."""
        return self.start_seconds + items / self.per_second if self.per_second else float("inf")


class Bench:
    """One engine, kept warm while it is tried with more and more workers."""

    def __init__(self, engine: Engine, fn: Callable[..., object], items: Sequence[object], cost: float) -> None:
        self._engine = engine
        self._fn = fn
        self._items = items
        self._cost = cost
        self._before = descendants()
        self._memory_before = proportional_bytes(os.getpid()) or 0
        self._start: float | None = None

    def run(self, workers: int, seconds: float) -> Trial:
        """About so many seconds with so many workers, in which at least each of them is busy once."""
        trial = Trial(self._engine.name, workers)
        warm = self._map(workers, workers)  # in which workers start, and import what they need
        if self._start is None:
            self._start = max(0.0, warm.first - self._cost)
        found, wanted = warm, max(workers, int(seconds / 4 / self._cost))
        while not found.problem and (found is warm or (found.seconds < seconds / 2 and wanted > found.done)):
            found = self._map(workers, wanted)
            wanted = min(_MOST, int(found.done / found.seconds * seconds))
        trial.problem = found.problem
        trial.items, trial.failed = found.done, found.failed
        trial.per_second = 0.0 if found.problem else found.done / found.seconds
        trial.start_seconds = self._start
        trial.worker_bytes = self._worker_bytes(warm)
        return trial

    def _map(self, workers: int, count: int) -> _Ran:
        ran = _Ran()
        feed = Feed(list(islice(cycle(self._items), count)))
        job = Job(self._fn, feed, workers=workers, timeout=None, context=contextvars.copy_context())
        feed.serve(job)
        began = time.perf_counter()
        try:
            for batch in self._engine.run(job):
                ran.note(batch, began)
                feed.settle(len(batch.items))
                feed.deliver(len(batch.items))
                if feed.finished or ran.memory is None:
                    ran.memory = proportional_bytes(os.getpid()) if self._engine.name in _SHARED else 0
        except Exception as error:
            ran.problem = _in_a_line(error)
        ran.seconds = max(time.perf_counter() - began, 1e-9)
        ran.workers = max(1, job.tally.peak)
        if ran.done and ran.failed == ran.done:
            ran.problem = ran.problem or f"every item failed: {_in_a_line(ran.error)}"
        return ran

    def _worker_bytes(self, ran: _Ran) -> int | None:
        if self._engine.name in _SHARED:
            return None if ran.memory is None else max(0, ran.memory - self._memory_before) // ran.workers
        sizes = [size for pid in descendants() - self._before if (size := proportional_bytes(pid))]
        return sum(sizes) // max(1, len(sizes)) if sizes else None


class _Ran:
    """What happened in one map."""

    def __init__(self) -> None:
        self.done = self.failed = 0
        self.first = self.seconds = 0.0
        self.workers = 1
        self.memory: int | None = None
        self.error: BaseException = RuntimeError("nothing ran")
        self.problem = ""

    def note(self, batch: Batch, began: float) -> None:
        if not self.done:
            self.first = time.perf_counter() - began
        self.done += len(batch.items)
        self.failed += len(batch.failures)
        for error in batch.failures.values():
            self.error = error


def _in_a_line(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
