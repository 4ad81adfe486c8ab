"""Runs some items on one engine with one number of workers, and notes how fast that was and what it took."""

from __future__ import annotations

import contextvars
import math
import os
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import cycle, islice, takewhile
from statistics import median
from threading import get_native_id

from plait._core.batch import Batch
from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines.core_wait import core_times
from plait._engines.facts import descendants, pid_in, proportional_bytes
from plait._engines.interface import Engine
from plait._see.advise.forecast import REMOTE
from plait._see.advise.load import Taken, between, unhindered
from plait._see.advise.profile import Profile

_SHARED = ("thread", "interpreter", "inline", "async")  # workers that live in this process
_MOST = 4_000_000  # items of one trial
_BOOT = 2.0  # seconds after which nobody waits any longer for the last worker
_PLENTY = 100_000  # items at a time while it is waited for
_LENIENT = 0.9  # what a call may cost, at the least, of what it cost in the profile


@dataclass(slots=True)
class Trial:
    """What one engine did with a number of workers.

    Attributes:
        engine, workers: which, and how many at most.
        per_second: items per second when it was running, the median of its rounds; 0 when it could not.
        start_seconds: from the call to the first result, less what an item takes.
        worker_bytes: the memory one more worker takes (PSS); None where nobody can tell.
        failed: how many items raised, of `items`.
        problem: why it could not run, in words; or an empty string.
        rounds: items per second in each round, less what other programs took of the cores.
        hindered: of the time that its threads were ready for a core, the share in which others had it, as far as known.
        call_seconds: what one call takes in a loop, once that is known; no map takes less.
    """

    engine: str
    workers: int
    per_second: float = 0.0
    start_seconds: float = 0.0
    worker_bytes: int | None = None
    items: int = 0
    failed: int = 0
    problem: str = ""
    rounds: list[float] = field(default_factory=list)
    hindered: float = 0.0
    call_seconds: float = 0.0

    def add(self, per_second: float) -> None:
        """It ran once more."""
        self.rounds.append(per_second)
        self.per_second = median(self.rounds)

    def seconds(self, items: int) -> float:
        """How long a map of so many items would take, from a cold start.

        A worker does one whole item after the other, so that few items are no faster than the one who has most of them.

        >>> four = Trial("thread", 4, per_second=400.0, call_seconds=0.01)
        >>> four.seconds(1), four.seconds(5), four.seconds(4000)
        (0.01, 0.02, 10.0)
        """
        if not self.per_second:
            return float("inf")
        turns = math.ceil(items / self.workers) * min(self.call_seconds, self.workers / self.per_second)
        return self.start_seconds + max(items / self.per_second, turns, self.call_seconds)


class Bench:
    """One engine, kept warm while it is tried with more and more workers."""

    def __init__(
        self, engine: Engine, fn: Callable[..., object], items: Sequence[object], profile: Profile, cores: int
    ) -> None:
        self._engine = engine
        self._fn = fn
        self._items = items
        self._profile = profile
        self._cost = profile.seconds + (profile.transfer_seconds if engine.name in REMOTE else 0.0)  # of one item
        self._cores = cores
        self._before = descendants()
        self._pids: set[int] = set()  # of its worker processes
        self._memory_before = proportional_bytes(os.getpid()) or 0
        self._start: float | None = None

    def run(self, workers: int, seconds: float) -> Trial:
        """About so many seconds with so many workers, in which at least each of them is busy once."""
        trial = Trial(self._engine.name, workers)
        warm = self._warmed(workers)
        if self._engine.name not in _SHARED:
            self._pids = descendants() - self._before
        if self._start is None:
            self._start = max(0.0, warm.first - self._profile.seconds)
        trial.start_seconds = self._start
        trial.worker_bytes = self._worker_bytes(warm)
        if warm.problem:
            trial.problem = warm.problem
            return trial
        self.repeat(trial, seconds)
        return trial

    def _warmed(self, workers: int) -> _Ran:
        """The map in which workers start and import what they need; others follow until each has done something."""
        warm = self._map(workers, workers)
        if self._engine.name in REMOTE:
            seen, deadline = set(warm.names), time.perf_counter() + _BOOT
            while len(seen) < workers and not warm.problem and (left := deadline - time.perf_counter()) > 0:
                count = max(2 * workers, min(_PLENTY, int(left / self._cost) * workers))
                seen |= self._map(workers, count, left, seen).names
        return warm

    def repeat(self, trial: Trial, seconds: float) -> None:
        """About so many seconds more of a trial."""
        wanted = max(trial.workers, int(seconds / 4 / self._cost))
        while True:
            found = self._map(trial.workers, wanted, seconds)
            if found.problem or found.seconds >= seconds / 2 or wanted > found.done or wanted >= _MOST:
                break
            wanted = min(_MOST, max(wanted + 1, int(found.done / found.seconds * seconds)))
        trial.items, trial.failed, trial.problem = found.done, found.failed, found.problem
        if not found.problem:
            trial.add(found.done / self._unhindered(found, trial.workers))
            if trial.workers <= self._cores:  # more of them wait for one another
                trial.hindered = max(trial.hindered, found.cores.hindered)

    def _unhindered(self, ran: _Ran, workers: int) -> float:
        """How long it would have taken if the cores had been free."""
        profile, taken = self._profile, ran.cores
        share = 1 / workers
        if self._engine.name == "thread":  # the driver is hardly needed, and all of them need the GIL
            taken, share = taken._replace(driver_waited=0.0), max(share, profile.gil)
        each = max(share * profile.seconds, profile.children_seconds / self._cores)  # children compete for cores, too
        return unhindered(ran.seconds, taken, self._cores, _LENIENT * ran.done * each)

    def _core_times(self) -> dict[int, tuple[float, float]]:
        found = {}
        for pid in (os.getpid(), *self._pids):
            found.update(core_times(pid))
        return found

    def _map(self, workers: int, count: int, seconds: float = math.inf, known: AbstractSet[str] = frozenset()) -> _Ran:
        """So many items, or fewer after so many seconds, but at least one for each worker.

        With workers that are `known`, no more are begun as soon as the others have done something, too: to stop what
        runs would cost workers.
        """
        ran = _Ran()
        items = islice(cycle(self._items), count)
        feed = Feed(takewhile(lambda _: len(ran.names | known) < workers, items) if known else list(items))
        job = Job(self._fn, feed, workers=workers, timeout=None, context=contextvars.copy_context())
        feed.serve(job)
        before = self._core_times()
        began = time.perf_counter()
        batches = self._engine.run(job)
        try:
            for batch in batches:
                ran.note(batch, began)
                feed.settle(len(batch.items))
                feed.deliver(len(batch.items))
                over = ran.done >= workers and time.perf_counter() - began > seconds
                if feed.finished or over:  # while its threads are there
                    ran.seconds = time.perf_counter() - began
                    ran.cores = between(before, self._core_times(), get_native_id())
                    ran.memory = proportional_bytes(os.getpid()) if self._engine.name in _SHARED else 0
                if over:
                    break
            batches.close()
        except Exception as error:
            ran.problem = _in_a_line(error)
        ran.seconds = max(ran.seconds, 1e-9)
        ran.workers = max(1, job.tally.peak)
        if ran.done and ran.failed == ran.done:
            ran.problem = ran.problem or f"every item failed: {_in_a_line(ran.error)}"
        return ran

    def _worker_bytes(self, ran: _Ran) -> int | None:
        if self._engine.name in _SHARED:
            return None if ran.memory is None else max(0, ran.memory - self._memory_before) // ran.workers
        workers = self._pids & {pid_in(name) for name in ran.names}  # there is what starts them, too
        sizes = [size for pid in workers if (size := proportional_bytes(pid))]
        return sum(sizes) // max(1, len(sizes)) if sizes else None


class _Ran:
    """What happened in one map."""

    def __init__(self) -> None:
        self.done = self.failed = 0
        self.first = self.seconds = 0.0
        self.workers = 1
        self.names: set[str] = set()  # of workers that did something
        self.memory: int | None = None
        self.cores = Taken(0.0, 0.0, 0.0)
        self.error: BaseException = RuntimeError("nothing ran")
        self.problem = ""

    def note(self, batch: Batch, began: float) -> None:
        if not self.done:
            self.first = time.perf_counter() - began
        self.done += len(batch.items)
        self.names.add(batch.worker)
        self.failed += len(batch.failures)
        for error in batch.failures.values():
            self.error = error


def _in_a_line(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
