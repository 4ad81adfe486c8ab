"""AutoEngine: starts on threads, which share memory as a plain loop does, measures, and moves the rest if that pays.

Meaning first: items go to processes only when the function holds the GIL, what is left is worth the start, and nothing
shows that it depends on shared memory; the report says which of these decided. Until processes are ready, items go on
in this one. Where one thread does as much as several, that is the caller's, see `caller_runs`.
"""

from __future__ import annotations

import time
from _collections_abc import Callable, Generator
from types import CoroutineType

from plait._core import checked
from plait._core.batch import Batch
from plait._core.budget import available_cores
from plait._core.errors import NotTransferable, UsageError
from plait._core.job import Job
from plait._engines.choosing.auto_pilot import Pilot
from plait._engines.choosing.caller_runs import CallerRuns
from plait._engines.choosing.choice import Choice, because_lazy
from plait._engines.choosing.proof import Proof
from plait._engines.inline import InlineEngine
from plait._engines.interface import Plan
from plait._engines.reading.process_wide import process_wide
from plait._engines.thread import ThreadEngine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plait._engines.choosing.warming import Warming
    from plait._engines.process import ProcessEngine
    from plait._engines.reading.tables import Tables


_NAP = 50e-6  # seconds for which the caller lets the GIL go after each batch while processes start


class AutoEngine:
    """Chooses between inline, threads and processes for one map."""

    name = "auto"

    def __init__(self) -> None:
        self._requested: int | None = None

    def plan(self, requested: int | None, items: int | None) -> Plan:
        self._requested = requested
        return Plan(ThreadEngine().plan(requested, items).workers, "")  # the reason comes with the choice

    def run(self, job: Job) -> Generator[Batch, None, None]:
        if job.feed.interdependent or checked.WORKERS is not None:
            in_pool = job.feed.interdependent
            why = "tasks of a pool may wait for one another" if in_pool else "in a check nothing is measured"
            job.tally.settle_on("thread", job.workers, f"threads: {why}")
            yield from ThreadEngine().run(job)
            return
        if job.workers == 1 and job.timeout is None:
            yield from _inline(job, "no two items may run at the same time, or there is only one")
            return
        only = process_wide(job.fn)
        if only.own_thread and job.timeout is None and not job.pumped:
            yield from _inline(job, only.own_thread)
            return
        if only.one_at_a_time:
            job.workers = 1
            job.tally.reasons.append(f"one at a time in this process, since {only.one_at_a_time}")
        course = Course(job, self._requested)
        try:
            yield from course.batches()
        finally:
            course.end()

    def close(self) -> None:
        """Nothing is held between runs."""


def _inline(job: Job, reason: str) -> Generator[Batch, None, None]:
    job.tally.settle_on("inline", 1, f"inline: {reason}")
    job.fn = Plain(job.fn)
    yield from InlineEngine().run(job)


class Course:
    """The course of one run: on threads, until a pilot knows where the rest goes; there the items are plain calls."""

    def __init__(self, job: Job, requested: int | None) -> None:
        self._job = job
        self._plain = job.fn
        self._move = Move(job, requested)
        self._caller = CallerRuns(job)
        self._said = ""  # why it runs where it does
        self._stale = ""  # why processes are to do no more of it
        self._again = False  # whether it has begun a second time,
        self._anew = False  # a moment ago, though the feed may be held for what was chosen before
        self._pilot = Pilot(job, Plain(job.fn), self._follow, requested or 0)

    def batches(self) -> Generator[Batch, None, None]:
        """Run to the end, or to that of the job."""
        job, feed, move, pilot = self._job, self._job.feed, self._move, self._pilot
        job.fn = pilot.meter
        job.tally.settle_on("thread", job.workers, "")
        yield from self._here()
        pilot.end()
        if move.pending is None:
            self._settle()
        elif feed.finished:
            self._settle_on("threads: it was over before processes were ready")
        elif not job.cancelled:
            yield from self._there()

    def _here(self) -> Generator[Batch, None, None]:
        """On threads or by the caller, to the end or until processes are ready."""
        job, feed, move, caller, pilot = self._job, self._job.feed, self._move, self._caller, self._pilot
        while True:
            by_caller = caller.wanted
            for batch in self._by_caller() if by_caller else caller.watched(self._on_threads()):
                yield batch
                began = time.perf_counter()
                pilot.look()
                caller.note_look(time.perf_counter() - began)
            feed.release()
            if job.cancelled or feed.finished or move.ready or (caller.wanted == by_caller and not self._anew):
                break
            self._anew = False

    def _there(self) -> Generator[Batch, None, None]:
        """In processes, unless they do less than the caller, where that may run items: then here again.

        So it is when the program changes a table that they have a copy of.
        """
        job, move, threads = self._job, self._move, self._job.workers
        proof = Proof(self._pilot.cost, move.workers, available_cores().count) if self._caller.wanted else None
        yield from self._in_processes(proof)
        if proof is not None and proof.doubted and not (self._stale or job.cancelled):
            job.fn = self._plain
            for batch in InlineEngine().run(job):
                yield batch
                if proof.note_here(batch):
                    job.feed.hold()
            job.feed.release()
            self._stale = proof.failed
            if not (self._stale or job.cancelled or job.feed.finished):
                yield from self._in_processes()
        if self._stale and not (job.cancelled or job.feed.finished):
            job.workers = threads
            move.give_up()
            self._pilot.stay(self._stale)
            yield from self._here()

    def _in_processes(self, proof: Proof | None = None) -> Generator[Batch, None, None]:
        """To the end, or until they are in doubt or have a copy of what has been changed."""
        job, tables = self._job, self._pilot.tables
        if self._is_stale(at_once=True):
            return
        job.fn = tables.carried_by(self._plain)
        for batch in self._move.go(final=proof is None and not tables.any):
            yield batch
            if (proof is not None and proof.note(batch)) or self._is_stale():
                job.feed.hold()
        job.feed.release()

    def _is_stale(self, *, at_once: bool = False) -> bool:
        """Whether processes have a copy of what the program has changed since, which is why they do no more."""
        if not self._stale and (name := self._pilot.tables.changed(at_once=at_once)):
            self._stale = f'threads: "{name}" was changed meanwhile'
        return bool(self._stale)

    def end(self) -> None:
        """End what was started for it."""
        try:
            self._pilot.end()
            self._job.fn = self._plain
        finally:
            self._move.end()

    def _on_threads(self) -> Generator[Batch, None, None]:
        engine = ThreadEngine()
        engine.growth = self._pilot.growth
        return engine.run(self._job)

    def _by_caller(self) -> Generator[Batch, None, None]:
        peak = self._job.tally.peak
        try:
            yield from self._caller.batches(self._move.let_start)
        finally:
            self._job.tally.peak = max(peak, self._job.tally.peak)

    def _follow(self, choice: Choice | None) -> None:
        job, pilot, caller = self._job, self._pilot, self._caller
        if choice is None:
            self._begin_again()
            return
        metered = pilot.hindsight is not None and pilot.hindsight.metered
        job.fn = pilot.meter if metered else self._plain  # most go on without being measured
        moves = choice.engine == "process"
        if moves and (obstacle := self._move.prepare(choice, self._plain, pilot.tables)):
            pilot.stay(obstacle)
            return
        if (moves or choice.alone) and not caller.wanted:
            if caller.consider(pilot.cost, job.feed.left, pilot.notices_threads):
                pilot.leave()
                job.feed.hold()
        if not moves and pilot.unsure is None:
            self._settle()

    def _begin_again(self) -> None:
        """What was chosen is wrong: measure on threads."""
        if self._said in self._job.tally.reasons:
            self._job.tally.reasons.remove(self._said)
        self._again = self._anew = True
        self._move.pending = None
        self._job.tally.settle_on("thread", self._job.workers, "")
        if self._caller.wanted:
            self._caller.wanted = False
            self._job.feed.hold()

    def _settle(self) -> None:
        """Say where it runs unless it moves, and why."""
        if self._pilot.choice is not None:
            self._settle_on(self._caller.against or self._pilot.choice.reason)
        elif self._pilot.meter.lazy:
            self._settle_on(because_lazy(self._pilot.meter.lazy))
        else:
            later = "it was known what later calls are like" if self._again else "there was anything to measure"
            self._settle_on(f"threads: it was over before {later}")

    def _settle_on(self, reason: str) -> None:
        if self._caller.wanted:
            self._said = reason.replace("threads", "inline", 1)
            self._job.tally.settle_on("inline", 1, self._said)
        else:
            self._said = reason
            self._job.tally.settle_on("thread", self._job.workers, reason)


class Move:
    """The move of a job to processes.

    Attributes:
        pending: why it is to be made, or None when it is not.
    """

    def __init__(self, job: Job, requested: int | None) -> None:
        self.pending: Choice | None = None
        self._job = job
        self._requested = requested
        self._warming: Warming | None = None

    @property
    def ready(self) -> bool:
        """Whether the processes are."""
        warming = self._warming
        return self.pending is not None and warming is not None and warming.over and warming.failure is None

    def let_start(self) -> float:
        """Let the GIL go for a moment if processes are being started, which takes it again and again; the seconds."""
        if self._warming is None or self._warming.over:
            return 0.0
        began = time.perf_counter()
        time.sleep(_NAP)
        return time.perf_counter() - began

    def prepare(self, choice: Choice, fn: Callable[..., object], tables: Tables) -> str:
        """Have processes get ready; when they are, others end with what they run. Called again and again.

        What is returned says why nothing can move, or is an empty string.
        """
        self.pending = choice
        if self._warming is None:
            from plait._engines.cargo import FunctionCargo
            from plait._engines.choosing.warming import Warming
            from plait._engines.process import ProcessEngine

            sent = tables.carried_by(fn)
            try:
                FunctionCargo(0, sent, None, timeout=None, seeding=self._job.seeding, variables=[])
            except NotTransferable as error:
                self.pending = None
                return f"threads: {error}"
            engine = ProcessEngine()
            try:
                self._warming = Warming(engine, fn, self._plan(engine).workers)
            except RuntimeError as error:
                engine.close()
                self.pending = None
                return f"threads: no thread could be started to start processes: {error}"
        elif self._warming.over:
            if self._warming.failure is not None:
                self.pending = None
                return f"threads: processes could not be started: {self._warming.failure}"
            self._job.feed.hold()
        return ""

    @property
    def workers(self) -> int:
        """How many processes there will be."""
        assert self._warming is not None
        return self._plan(self._warming.engine).workers

    def go(self, *, final: bool = False) -> Generator[Batch, None, None]:
        """Run what is left there; with `final` nothing is run there afterwards."""
        job, choice, warming = self._job, self.pending, self._warming
        assert choice is not None
        assert warming is not None
        warming.end()
        plan = self._plan(warming.engine)
        job.workers = plan.workers
        job.tally.settle_on("process", plan.workers, choice.reason)
        if plan.reason not in job.tally.reasons:
            job.tally.reasons.append(plan.reason)
        job.tally.peak = 0
        job.final = final
        yield from warming.engine.run(job)

    def give_up(self) -> None:
        """Nothing moves any more."""
        self.pending = None
        self.end()
        self._warming = None

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
