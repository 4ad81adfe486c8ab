"""The search: the program is performed again and again until it fails, the budget is used up or all has been seen.

To run one script from a test: ``explore_script(path, runs=1000, seconds=None, seed=0, scheduler="rotation")``.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from plait._check.access import Types
from plait._check.canary import Canary
from plait._check.diagnosis import give_up
from plait._check.fresh import FreshModules, Rewrite
from plait._check.hooks import Hooks
from plait._check.one_core import OneCore
from plait._check.other_ends import threads_of_this
from plait._check.patches import Patches
from plait._check.performance import perform
from plait._check.process_state import ProcessState
from plait._check.programs.program import Program, Script
from plait._check.record import TIME_IS_UP, Record, Switch
from plait._check.rewrite.code_cache import cached_rewrite
from plait._check.scout import Discovery, Scout
from plait._check.sites import Sites
from plait._check.stage import STAGE
from plait._check.stand_in.input import Input
from plait._check.verdict import Coverage, Tally, Verdict, verdict
from plait._core.errors import UsageError
from plait._schedulers.interface import Scheduler
from plait._schedulers.random_walk import RandomWalkScheduler
from plait._schedulers.replay import ReplayScheduler
from plait._schedulers.table import make_scheduler

_NESTED = (
    "it calls plait.check itself: run it as it is, or check what it checks; a script that does so on a thread "
    "of its own starts that below `if __name__ == '__main__':`"
)

_CANARY_RUNS = 64  # a random walk that misses the race as often does not work
_CANARY_SEED = 2  # the first that finds it: with 0, each search would begin with two executions in vain
_COLLECT = 64  # executions between two collections of garbage; loops collect within one, and shall find their own
_ALONE = 2  # executions in which there was nothing to choose, after which no more is expected
_PRIME = 1_000_003  # between the seeds of two searches

_Found = tuple[Record | None, object, str]  # what ended the search, what was seen in it, what was searched to the end
_NOTHING: _Found = (None, None, "")

Examine = Callable[[Record], object]
Again = Callable[[Sequence[Switch]], Record]
Conclude = Callable[[Record, object, Again], object]


class Result(NamedTuple):
    """What a search has found.

    Attributes:
        verdict: the word and its reason.
        coverage: what was seen.
        record: the execution that failed, or that `finding` is about.
        finding: what `examine` saw in it, or `conclude` made of it.
        seconds: how long the search took.
    """

    verdict: Verdict
    coverage: Coverage
    record: Record | None
    finding: object
    seconds: float


class Doubt(NamedTuple):
    """What `conclude` answers when the failure says nothing about schedules, and why."""

    reason: str


class Course(NamedTuple):
    """Executions one after the other: what chooses their schedules, what looks at each, the seed of them all."""

    scheduler: Scheduler | str
    examine: Examine | None = None
    seed: int = 0


class Second(NamedTuple):
    """A second search, in another process.

    Attributes:
        scout: that process, as we see it.
        judge: what the record of what it has discovered says, performed here; nothing if that did not come true.
        course: the executions that it performs, to do them again.
    """

    scout: Scout
    judge: Callable[[Record, Discovery], object]
    course: Course


class Budget(NamedTuple):
    """How long to search: what is reached first ends it. None is no limit."""

    runs: int | None
    seconds: float | None


def explore(
    make: Callable[[FreshModules], Program],
    *,
    budget: Budget,
    course: Course,
    mine: Callable[[str], bool],
    conclude: Conclude | None = None,
    rewrite: Rewrite = cached_rewrite,
    second: Second | None = None,
) -> Result:
    """Performs the program that `make` gives under many schedules.

    `mine` says which files are the user's; what the course's `examine` returns for a record ends the search as a
    failure does. Then `conclude` gets the record, what was returned for it, and a function that performs the program
    under given switches; it may answer with a `Doubt`. What a second search finds while this one goes on is performed
    here, and judged as if it were our own.
    """
    if not STAGE.taken.acquire(False):
        if STAGE.execution is not None:
            give_up(STAGE.execution, _NESTED)
        raise UsageError("a check is going on in this process already; run one after the other")
    try:
        search = _Search(make, mine, rewrite, course.scheduler)
        return search.run(budget, course, conclude, second)
    finally:
        STAGE.taken.release()


def explore_script(
    path: str | os.PathLike[str],
    arguments: Sequence[str] = (),
    *,
    runs: int | None = None,
    seconds: float | None = 2.0,
    seed: int = 0,
    scheduler: Scheduler | str = "rotation",
    examine: Examine | None = None,
    rewrite: Rewrite = cached_rewrite,
) -> Result:
    """Performs a script under many schedules; what is the user's is what lies in its folder."""
    file = os.path.abspath(path)
    folder = str(Path(file).parent) + os.sep
    return explore(
        lambda fresh: Script(file, arguments, fresh),
        budget=Budget(runs, seconds),
        course=Course(scheduler, examine, seed),
        mine=lambda name: name.startswith(folder),
        rewrite=rewrite,
    )


class _Search:
    """One search; `run` may be called once."""

    def __init__(
        self,
        make: Callable[[FreshModules], Program],
        mine: Callable[[str], bool],
        rewrite: Rewrite,
        scheduler: Scheduler | str,
    ) -> None:
        make_scheduler(scheduler)  # it says so if there is none of that name
        self._fresh = FreshModules(mine, rewrite)
        self._sites = Sites()
        self._sites.files = self._fresh.files
        self._program = make(self._fresh)
        self._process = ProcessState()
        self._core = OneCore(STAGE.beside)
        self._canary = Canary(rewrite)
        self._tally = Tally()
        self._typed = Input()
        self._freezes = False
        self._types = Types(self._fresh.files)

    def run(self, budget: Budget, course: Course, conclude: Conclude | None, second: Second | None) -> Result:
        began = monotonic()
        collected = gc.isenabled()
        gc.disable()
        self._freezes = freezes = not _program_freezes()
        if freezes:
            gc.freeze()  # a collection looks at what executions have made, and at nothing else
        Hooks(self._types).install()
        STAGE.before = threads_of_this()
        try:
            with self._core, Patches(self._core.stand_ins()) as self._patches, self._fresh, self._process:
                canary = self._find_canary()
                until = None if budget.seconds is None else began + budget.seconds
                found = self._both(course, budget.runs, until, second) if canary else _NOTHING
                record, finding, exhausted = found
                if record is not None and conclude is not None:
                    finding = conclude(record, finding, self._again)
                if record is not None and _has_tasks(record):
                    gc.collect()  # coroutines that were cut off say so when they are collected: not later, to others
        finally:
            if freezes:
                gc.unfreeze()
            if collected:
                gc.enable()
        doubt = finding.reason if isinstance(finding, Doubt) else ""
        tally = self._tally
        processes = 2 if second is not None and second.scout.tally.schedules else 1
        coverage = tally.coverage([f"{file} ({why})" for file, why in self._fresh.plain.items()], processes)
        word = verdict(
            coverage,
            failed=record is not None and not doubt,
            exhausted=exhausted,
            gave_up=tally.gave_up or doubt,
            observed=bool(self._fresh.files),
            canary=canary,
        )
        return Result(word, coverage, record, finding, monotonic() - began)

    def _again(self, switches: Sequence[Switch | tuple[int, int, int]]) -> Record:
        scheduler = ReplayScheduler([switch[:3] for switch in switches])
        scheduler.begin(0)
        record = perform(self._program, scheduler, self._sites, typed=self._typed)
        self._forget()
        return record

    def _forget(self) -> None:
        self._patches.late()
        self._fresh.forget()
        self._types.forget()
        self._process.leave_out(self._fresh.renewed)
        self._process.restore()
        if self._fresh.finalizes:
            _collect_quietly()  # not in the next execution, which may collect its own
            if self._freezes:
                gc.freeze()  # nor shall the next one, which collects under locks, look through what the search keeps

    def _find_canary(self) -> bool:
        scheduler = RandomWalkScheduler()
        for seed in range(_CANARY_SEED, _CANARY_SEED + _CANARY_RUNS):
            scheduler.begin(seed)
            if perform(self._canary, scheduler, self._sites).failure is not None:
                return True
        return False

    def _both(self, course: Course, runs: int | None, until: float | None, second: Second | None) -> _Found:
        """Searches; what a second search has found by the end counts, too, and so does what it has seen."""
        if second is None:
            return self._search(course, self._tally, runs, until, None)
        try:
            found = self._search(course, self._tally, runs, until, second)
            if found is _NOTHING and second.scout.asked:
                found = self._follow(second) or found
        finally:
            second.scout.end()
        self._tally.add_all(second.scout.tally.all())
        return found

    def _search(
        self, course: Course, tally: Tally, runs: int | None, until: float | None, second: Second | None
    ) -> _Found:
        scheduler = make_scheduler(course.scheduler)
        number = 0
        while runs is None or number < runs:
            if until is not None and monotonic() > until:
                break
            number += 1
            if STAGE.pulse is not None:
                STAGE.pulse.begin(number)
            if not scheduler.begin(course.seed * _PRIME + number):
                return None, None, getattr(scheduler, "proof", "every schedule")
            began = monotonic()
            record = perform(self._program, scheduler, self._sites, typed=self._typed, until=until)
            took = monotonic() - began
            if record.failure is not None or record.gave_up:
                self._process.silence()
            self._forget()
            self._core.look()
            if record.gave_up == TIME_IS_UP:
                tally.cut_short(record)
                break
            tally.add(record, took)
            finding = course.examine(record) if course.examine is not None else None
            if record.failure is not None or finding:
                return record, finding, ""
            if second is not None and (found := self._follow(second)) is not None:
                return found
            if tally.gave_up or (number == _ALONE and tally.coverage(()).one_order):
                break
            if number % _COLLECT == 0 or _has_tasks(record):
                gc.collect(1)
        return _NOTHING

    def _follow(self, second: Second) -> _Found | None:
        """What the second search has found, if it comes true here; where its process has died, we go, too."""
        for discovery in second.scout.discoveries():
            for turns in (discovery.turns, ()):  # where ours does as a rule what is rare over there, ours is the other
                record = self._again(turns)
                finding = second.judge(record, discovery)
                if finding:
                    return record, finding, ""
            second.scout.discredit()
        if second.scout.died:
            return self._repeat(second)
        return None

    def _repeat(self, second: Second) -> _Found | None:
        """Performs what it has performed, up to the execution in which its process died: ours will die in it, too."""
        runs = second.scout.pulse.number
        second.scout.end()
        if STAGE.pulse is None:
            return None
        number = STAGE.pulse.number
        STAGE.pulse.repeat(True)
        found = self._search(second.course, Tally(), runs, None, None)
        STAGE.pulse.repeat(False)
        STAGE.pulse.begin(number)
        return None if found is _NOTHING else found


def _collect_quietly() -> None:
    """What finalizers say when their execution is over is no business of anybody."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            gc.collect()
    finally:
        sys.unraisablehook = hook


def _program_freezes() -> bool:
    """Whether the program has ever frozen what it wants to keep: to ask anew, all of that is counted."""
    if not _FROZEN and gc.get_freeze_count():
        _FROZEN.append(True)
    return bool(_FROZEN)


_FROZEN: list[bool] = []


def _has_tasks(record: Record) -> bool:
    return any(thread.kind == "task" for thread in record.threads)
