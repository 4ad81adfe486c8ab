"""AutoEngine: starts on threads, which share memory as a plain loop does, measures, and moves the rest if that pays.

Meaning first: items go to processes only when the function holds the GIL, what is left is worth the start, and nothing
shows that it depends on shared memory; the report says which of these decided.
"""

from __future__ import annotations

from _collections_abc import Callable, Generator
from types import CoroutineType

from plait._core.batch import Batch
from plait._core.errors import UsageError
from plait._core.job import Job
from plait._engines.auto_pilot import Pilot, because_lazy
from plait._engines.choice import Choice
from plait._engines.inline import InlineEngine
from plait._engines.interface import Plan
from plait._engines.thread import ThreadEngine


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
        choice = yield from self._on_threads(job)
        job.feed.release()
        if choice is not None and choice.engine == "process" and not (job.cancelled or job.feed.finished):
            yield from self._on_processes(job, choice)

    def close(self) -> None:
        """Nothing is held between runs."""

    def _on_threads(self, job: Job) -> Generator[Batch, None, Choice | None]:
        """Run on threads: to the end if they suit, otherwise until that is known."""
        plain, call = job.fn, Plain(job.fn)

        def settle(choice: Choice) -> None:
            if choice.engine == "thread":  # they go on without being measured
                job.fn = plain
                job.tally.settle_on("thread", job.workers, choice.reason)
            else:  # this run ends with what is in flight
                job.feed.hold()

        pilot = Pilot(job, call, settle, self._requested or 0)
        job.fn = pilot.meter
        job.tally.settle_on("thread", job.workers, "")
        engine = ThreadEngine()
        engine.growth = pilot.growth
        try:
            for batch in engine.run(job):
                yield batch
                pilot.look()
        finally:
            pilot.end()
            job.fn = plain
        if pilot.choice is None:
            lazy = pilot.meter.lazy
            brief = "threads: it was over before there was anything to measure"
            job.tally.settle_on("thread", job.workers, because_lazy(lazy) if lazy else brief)
        return pilot.choice

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
