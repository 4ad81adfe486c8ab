"""The search: the program is performed again and again until it fails, the budget is used up or all has been seen.

To run one script from a test: ``explore_script(path, runs=1000, seconds=None, seed=0, scheduler="rotation")``.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from plait._check.access import Types
from plait._check.canary import Canary
from plait._check.code_cache import cached_rewrite
from plait._check.fresh import FreshModules, Rewrite
from plait._check.hooks import Hooks
from plait._check.one_core import OneCore
from plait._check.patches import Patches
from plait._check.performance import perform
from plait._check.process_state import ProcessState
from plait._check.program import Program, Script
from plait._check.record import Record, Switch
from plait._check.sites import Sites
from plait._check.stage import STAGE
from plait._check.stand_in_input import Input
from plait._check.verdict import Coverage, Tally, Verdict, verdict
from plait._core.errors import UsageError
from plait._schedulers.interface import Scheduler
from plait._schedulers.random_walk import RandomWalkScheduler
from plait._schedulers.replay import ReplayScheduler
from plait._schedulers.table import make_scheduler

_CANARY_RUNS = 64  # a random walk that misses the race as often does not work
_COLLECT = 64  # executions between two collections of garbage; loops collect within one, and shall find their own
_ALONE = 8  # executions that start nothing after which no more is expected
_PRIME = 1_000_003  # between the seeds of two searches

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


class Budget(NamedTuple):
    """How long to search: what is reached first ends it. None is no limit."""

    runs: int | None
    seconds: float | None


def explore(
    make: Callable[[FreshModules], Program],
    *,
    budget: Budget,
    seed: int = 0,
    scheduler: Scheduler | str = "rotation",
    mine: Callable[[str], bool],
    examine: Examine | None = None,
    conclude: Conclude | None = None,
    rewrite: Rewrite = cached_rewrite,
) -> Result:
    """Performs the program that `make` gives under many schedules.

    `mine` says which files are the user's; `examine` looks at each record and returns what it has found, which ends the
    search as a failure does. Then `conclude` gets the record, what `examine` returned for it, and a function that
    performs the program under given switches; it may answer with a `Doubt`.
    """
    if not STAGE.taken.acquire(False):
        raise UsageError("a check is going on in this process already; run one after the other")
    try:
        search = _Search(make, scheduler, mine, rewrite)
        return search.run(budget, seed, examine, conclude)
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
        seed=seed,
        scheduler=scheduler,
        mine=lambda name: name.startswith(folder),
        examine=examine,
        rewrite=rewrite,
    )


class _Search:
    """One search; `run` may be called once."""

    def __init__(
        self,
        make: Callable[[FreshModules], Program],
        scheduler: Scheduler | str,
        mine: Callable[[str], bool],
        rewrite: Rewrite,
    ) -> None:
        self._scheduler = make_scheduler(scheduler)
        self._name = scheduler if isinstance(scheduler, str) else type(scheduler).__name__
        self._fresh = FreshModules(mine, rewrite)
        self._sites = Sites()
        self._sites.files = self._fresh.files
        self._program = make(self._fresh)
        self._process = ProcessState()
        self._core = OneCore()
        self._canary = Canary(rewrite)
        self._tally = Tally()
        self._typed = Input()
        self._types = Types(self._fresh.files)

    def run(self, budget: Budget, seed: int, examine: Examine | None, conclude: Conclude | None) -> Result:
        began = monotonic()
        collected = gc.isenabled()
        gc.disable()
        Hooks(self._types).install()
        try:
            with self._core, Patches(self._core.stand_ins()), self._fresh, self._process:
                canary = self._find_canary()
                record, finding, exhausted = self._search(budget, seed, examine, began) if canary else (None, None, "")
                if record is not None and conclude is not None:
                    finding = conclude(record, finding, self._again)
                if record is not None and _has_tasks(record):
                    gc.collect()  # coroutines that were cut off say so when they are collected: not later, to others
        finally:
            if collected:
                gc.enable()
        doubt = finding.reason if isinstance(finding, Doubt) else ""
        tally = self._tally
        coverage = tally.coverage([f"{file} ({why})" for file, why in self._fresh.plain.items()])
        word = verdict(
            coverage,
            failed=record is not None and not doubt,
            exhausted=exhausted,
            gave_up=tally.gave_up or doubt,
            observed=bool(self._fresh.files),
            canary=canary,
        )
        return Result(word, coverage, record, finding, monotonic() - began)

    def _again(self, switches: Sequence[Switch]) -> Record:
        scheduler = ReplayScheduler([switch[:3] for switch in switches])
        scheduler.begin(0)
        record = perform(self._program, scheduler, self._sites, seed=0, name=scheduler.name, typed=self._typed)
        self._forget()
        return record

    def _forget(self) -> None:
        self._fresh.forget()
        self._types.forget()
        self._process.restore()

    def _find_canary(self) -> bool:
        scheduler = RandomWalkScheduler()
        for seed in range(_CANARY_RUNS):
            scheduler.begin(seed)
            if perform(self._canary, scheduler, self._sites, seed=seed, name="canary").failure is not None:
                return True
        return False

    def _search(
        self, budget: Budget, seed: int, examine: Examine | None, began: float
    ) -> tuple[Record | None, object, str]:
        scheduler, tally = self._scheduler, self._tally
        number = 0
        until = None if budget.seconds is None else began + budget.seconds
        while budget.runs is None or number < budget.runs:
            if until is not None and monotonic() > until:
                break
            number += 1
            if STAGE.pulse is not None:
                STAGE.pulse.begin(number)
            mine = seed * _PRIME + number
            if not scheduler.begin(mine):
                return None, None, getattr(scheduler, "proof", "every schedule")
            record = perform(
                self._program, scheduler, self._sites, seed=mine, name=self._name, typed=self._typed, until=until
            )
            self._forget()
            self._core.look()
            tally.add(record)
            finding = examine(record) if examine is not None else None
            if record.failure is not None or finding:
                return record, finding, ""
            if tally.gave_up or (number == _ALONE and tally.coverage(()).alone):
                break
            if number % _COLLECT == 0 or _has_tasks(record):
                gc.collect(1)
        return None, None, ""


def _has_tasks(record: Record) -> bool:
    return any(thread.kind == "task" for thread in record.threads)
