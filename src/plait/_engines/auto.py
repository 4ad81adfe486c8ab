"""AutoEngine: starts on threads, which share memory as a plain loop does, measures, and moves the rest if that pays.

Meaning first: items go to processes only when the function holds the GIL, what is left is worth the start, and nothing
shows that it depends on shared memory; the report says which of these decided. Threads go on until processes are ready.
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plait._engines.process import ProcessEngine
    from plait._engines.warming import Warming


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
        move = Move(job, self._requested)
        try:
            yield from self._on_threads(job, move)
            job.feed.release()
            if move.pending and job.feed.finished:
                job.tally.settle_on("thread", job.workers, "threads: it was over before processes were ready")
            elif move.pending and not job.cancelled:
                yield from move.go()
        finally:
            move.end()

    def close(self) -> None:
        """Nothing is held between runs."""

    def _on_threads(self, job: Job, move: Move) -> Generator[Batch, None, None]:
        """Run on threads: to the end if they suit, otherwise until processes are ready."""
        plain, call = job.fn, Plain(job.fn)

        def follow(choice: Choice) -> None:
            job.fn = plain  # they go on without being measured
            if choice.engine == "process":
                move.prepare(choice, plain)
            elif pilot.unsure is None:
                job.tally.settle_on("thread", job.workers, choice.reason)

        pilot = Pilot(job, call, follow, self._requested or 0)
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
        elif pilot.unsure is not None:
            job.tally.settle_on("thread", job.workers, pilot.choice.reason)


class Move:
    """The move of a job from threads to processes.

    Attributes:
        pending: why it is to be made, or None when it is not.
    """

    def __init__(self, job: Job, requested: int | None) -> None:
        self.pending: Choice | None = None
        self._job = job
        self._requested = requested
        self._warming: Warming | None = None

    def prepare(self, choice: Choice, fn: Callable[..., object]) -> None:
        """Have processes get ready; when they are, threads end with what they run. Called again and again."""
        if self._warming is None:
            from plait._engines.process import ProcessEngine
            from plait._engines.warming import Warming

            self.pending = choice
            engine = ProcessEngine()
            self._warming = Warming(engine, fn, self._plan(engine).workers)
        elif self._warming.over:
            self._job.feed.hold()

    def go(self) -> Generator[Batch, None, None]:
        """Run the rest there."""
        job, choice, warming = self._job, self.pending, self._warming
        assert choice is not None
        assert warming is not None
        warming.end()
        plan = self._plan(warming.engine)
        job.workers = plan.workers
        job.tally.settle_on("process", plan.workers, choice.reason)
        job.tally.reasons.append(plan.reason)
        job.tally.peak = 0
        job.final = True
        yield from warming.engine.run(job)

    def end(self) -> None:
        """End the processes."""
        if self._warming is None:
            return
        try:
            self._warming.end()
        finally:
            self._warming.engine.close()

    def _plan(self, engine: ProcessEngine) -> Plan:
        return engine.plan(self._requested, self._job.feed.left)


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
