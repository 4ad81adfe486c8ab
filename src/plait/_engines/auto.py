"""AutoEngine: starts on threads, which share memory as a plain loop does, measures, and moves the rest if that pays.

Meaning first: items go to processes only when the function holds the GIL, what is left is worth the start, and nothing
shows that it depends on shared memory; the report says which of these decided.
"""

from __future__ import annotations

import sys
import threading
import time
from _collections_abc import Callable, Generator
from _pickle import dumps
from types import CoroutineType

from plait._core.batch import Batch
from plait._core.budget import available_cores
from plait._core.daemons import daemons_allowed
from plait._core.errors import UsageError
from plait._core.job import Job
from plait._engines.choice import Choice, Measured, choose
from plait._engines.core_wait import waited_for_core
from plait._engines.inline import InlineEngine
from plait._engines.interface import Plan
from plait._engines.thread import ThreadEngine

_ENOUGH_SECONDS = 0.03  # of measuring
_ENOUGH_CALLS = 256
_COMPARED = 2  # calls whose argument is compared before and after
_CANARY = 0.001  # seconds between two attempts to wake up


class AutoEngine:
    """Chooses between inline, threads and processes for one map."""

    name = "auto"

    def __init__(self) -> None:
        self._requested: int | None = None

    def plan(self, requested: int | None, items: int | None) -> Plan:
        self._requested = requested
        return Plan(ThreadEngine().plan(requested, items).workers, "")  # the reason comes with the choice

    def run(self, job: Job) -> Generator[Batch, None, None]:
        if job.feed.interdependent:
            job.tally.settle_on("thread", job.workers, "threads: tasks of a pool may wait for one another")
            yield from ThreadEngine().run(job)
            return
        if job.workers == 1 and job.timeout is None:
            job.tally.settle_on("inline", 1, "inline: no two items may run at the same time, or there is only one")
            job.fn = Plain(job.fn)
            yield from InlineEngine().run(job)
            return
        choice = yield from self._pilot(job)
        job.feed.release()
        if choice is None or job.cancelled or job.feed.finished:
            return
        if choice.engine == "process":
            yield from self._on_processes(job, choice)
        else:
            job.tally.settle_on("thread", job.workers, choice.reason)
            yield from ThreadEngine().run(job)

    def close(self) -> None:
        """Nothing is held between runs."""

    def _pilot(self, job: Job) -> Generator[Batch, None, Choice | None]:
        """Run on threads until it is known what suits; None when the input has ended on the way."""
        probe = Probe(Plain(job.fn))
        fn, job.fn = job.fn, probe
        job.tally.settle_on("thread", job.workers, "")
        canary = Canary()
        choice: Choice | None = None
        try:
            for batch in ThreadEngine().run(job):
                yield batch
                if choice is None and probe.knows_enough:
                    choice = self._decide(job, probe, canary, fn)
                    if choice.engine == "process" or probe.is_cheap:
                        job.feed.hold()  # the run ends with what is in flight, the rest runs without the probe
                    else:
                        job.tally.settle_on("thread", job.workers, choice.reason)
        finally:
            canary.stop()
            job.fn = fn
        if choice is None:
            job.tally.settle_on("thread", job.workers, "threads: it was over before there was anything to measure")
            return None
        return choice

    def _decide(self, job: Job, probe: Probe, canary: Canary, fn: Callable[..., object]) -> Choice:
        probe.open = False
        canary.stop()
        free_threaded = not getattr(sys, "_is_gil_enabled", lambda: True)()
        measured = Measured(
            calls=probe.calls,
            elapsed=probe.elapsed,
            busy=probe.busy,
            gil=canary.waiting,
            left=job.feed.left,
            cores=available_cores().count,
            free_threaded=free_threaded,
        )
        choice = choose(measured)
        if choice.engine == "process":
            from plait._engines.sharing import obstacle  # reads byte code: only when it matters

            reason = probe.obstacle or obstacle(fn)
            if reason:
                return Choice("thread", f"threads, although it holds the GIL: {reason}")
        return choice

    def _on_processes(self, job: Job, choice: Choice) -> Generator[Batch, None, None]:
        from plait._engines.process import ProcessEngine

        engine = ProcessEngine()
        plan = engine.plan(self._requested, job.feed.left)
        job.workers = plan.workers
        job.tally.settle_on("process", plan.workers, choice.reason)
        job.tally.reasons.append(plan.reason)
        job.tally.peak = 0
        job.final = True
        try:
            yield from engine.run(job)
        finally:
            engine.close()


class Plain:
    """Calls a function, and refuses a coroutine that comes out of it: nobody would await it."""

    def __init__(self, fn: Callable[..., object]) -> None:
        self._fn = fn

    def __call__(self, item: object) -> object:
        value = self._fn(item)
        if type(value) is CoroutineType:
            value.close()
            name = getattr(self._fn, "__qualname__", self._fn)
            raise UsageError(f'{name} returned a coroutine, which nobody would await here; pass engine="async"')
        return value


class Probe:
    """Calls the function and notes what the first calls cost; afterwards it only calls.

    Attributes:
        open: whether calls are still measured.
        busy: seconds the measured calls together spent on a core or ready for one.
        calls: how many there were.
        obstacle: why arguments or results cannot be moved to another process, as far as was seen.
    """

    def __init__(self, fn: Callable[..., object]) -> None:
        self._fn = fn
        self._lock = threading.Lock()
        self._began = 0.0
        self.open = True
        self.elapsed = 0.0
        self.busy = 0.0
        self.calls = 0
        self.obstacle = ""

    def __call__(self, item: object) -> object:
        if not self.open:
            return self._fn(item)
        before = self._picture(item) if self.calls < _COMPARED else None
        began, ready = time.perf_counter(), time.thread_time() + waited_for_core()
        try:
            value = self._fn(item)
        finally:
            self._note(began, time.thread_time() + waited_for_core() - ready)
        if before is not None:
            self._compare(item, before, value)
        return value

    @property
    def knows_enough(self) -> bool:
        """Whether deciding makes sense now."""
        return self.calls > 0 and (self.elapsed >= _ENOUGH_SECONDS or self.calls >= _ENOUGH_CALLS)

    @property
    def is_cheap(self) -> bool:
        """Whether calls cost so little that the probe itself would be felt."""
        return self.elapsed / max(1, self.calls) < 0.0001

    def _note(self, began: float, busy: float) -> None:
        with self._lock:
            self._began = min(self._began or began, began)
            self.elapsed = time.perf_counter() - self._began
            self.busy += busy
            self.calls += 1

    def _picture(self, item: object) -> bytes | None:
        if type(item) in (int, str, float, bytes, type(None)):
            return None
        try:
            return dumps(item, 5)
        except Exception as error:
            self.obstacle = f"its arguments cannot be pickled: {error}"
            return None

    def _compare(self, item: object, before: bytes, value: object) -> None:
        if self._picture(item) != before:
            self.obstacle = 'it changes its argument; pass engine="process" to give it a copy'
            return
        try:
            dumps(value, 5)
        except Exception as error:
            self.obstacle = f"its results cannot be pickled: {error}"


class Canary:
    """A thread that only wakes up, again and again, and notes how long it had to wait for the GIL to do so."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._late = 0.0
        self._total = 0.0
        self._thread = threading.Thread(target=self._sing, name="plait-canary", daemon=daemons_allowed())
        self._thread.start()

    @property
    def waiting(self) -> float:
        """The share of the time it waited for the GIL, from 0 to 1."""
        return self._late / self._total if self._total else 0.0

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _sing(self) -> None:
        while not self._stop.is_set():
            began, delayed = time.perf_counter(), waited_for_core()
            time.sleep(_CANARY)
            took = time.perf_counter() - began - (waited_for_core() - delayed)
            self._late += max(0.0, took - 2 * _CANARY)
            self._total += took
