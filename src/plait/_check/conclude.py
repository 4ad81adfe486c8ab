"""A check from the first execution to the story: searches with hints, and investigates what ends the search."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import NamedTuple

from plait._check.explore import Again, Budget, Course, Doubt, Second, explore
from plait._check.findings import Finding
from plait._check.fresh import FreshModules
from plait._check.investigate import Case, Told, investigate, one_that_passes
from plait._check.look import Look
from plait._check.predict import loss
from plait._check.programs.program import Program
from plait._check.reading.source import Sources
from plait._check.reading.words import headline
from plait._check.record import Record
from plait._check.scout import SEED, Scout, Scouting
from plait._check.settle import settle
from plait._check.shrink import same_failure
from plait._check.token import decode, stale
from plait._check.verdict import Coverage, Verdict
from plait._schedulers.hinted import HintedScheduler
from plait._schedulers.interface import Scheduler
from plait._schedulers.replay import ReplayScheduler
from plait._schedulers.table import make_scheduler

_LEFT = (
    "{}: it comes by now under a schedule that has passed before, too. So the order of threads is not to blame, but "
    "what an earlier execution has left behind, in files for example. Make it clean up, or begin by that"
)
_SHRINKING = 1.0  # seconds for making a failure short


class Checked(NamedTuple):
    """What a check has come to.

    Attributes:
        verdict, coverage: the word, its reason, and what was seen.
        told: what is wrong, when something is.
        notes: what is worth a remark although nothing failed by it.
        sources: the lines that the story shows.
        stale: why a token did not apply any more; "" for a search, and for a token that did.
    """

    verdict: Verdict
    coverage: Coverage
    told: Told | None
    notes: tuple[Finding, ...]
    sources: Sources
    stale: str = ""


class Subject(NamedTuple):
    """What is checked: how its program is made, and which files are the user's."""

    make: Callable[[FreshModules], Program]
    mine: Callable[[str], bool]


def search(
    subject: Subject,
    budget: Budget,
    *,
    seed: int,
    scheduler: str | Scheduler,
    one_output: bool = False,
    scout: Scout | None = None,
) -> Checked:
    """Performs the subject under many schedules until it fails or the budget is used up.

    With `one_output` it fails, too, when it does not print the same under all of them. A `scout` does `go_ahead` in
    another process meanwhile.
    """
    sources = Sources(_lines)
    hinted, look = looking(scheduler, sources, one_output=one_output)
    second = None
    if scout is not None:
        second = Second(scout, look.confirm, Course(*looking(scheduler, sources, one_output=one_output), SEED))

    def conclude(record: Record, case: object, again: Again) -> Told | Doubt:
        end = monotonic() + _SHRINKING
        known = case if isinstance(case, Case) else Case(record)
        if _fails_by_now(known, again):
            passing = one_that_passes(record, again, lambda: monotonic() < end)
            if passing is None:
                return Doubt(_LEFT.format(headline(record.failure)) if record.failure is not None else "")
            known = known._replace(passing=passing)
        return investigate(known, again, lambda: monotonic() < end, sources)

    found = explore(
        subject.make,
        budget=budget,
        course=Course(hinted, look, seed),
        mine=subject.mine,
        conclude=conclude,
        second=second,
    )
    told = found.finding if isinstance(found.finding, Told) else None
    return Checked(found.verdict, found.coverage, told, look.notes, sources)


def go_ahead(subject: Subject, scouting: Scouting, *, scheduler: str | Scheduler, one_output: bool = False) -> None:
    """Searches as a scout does: until it is ended, or has found something, which it tells."""
    hinted, look = looking(scheduler, Sources(_lines), one_output=one_output)

    def examine(record: Record) -> Case | None:
        case = look(record)
        scouting.tally.add(record)
        scouting.tell()
        return case

    def conclude(record: Record, case: object, _: Again) -> None:
        prediction = case.prediction if isinstance(case, Case) and record.failure is None else None
        turns = [switch[:3] for switch in record.switches]
        scouting.discover(turns, prediction.sites if prediction is not None else ())

    explore(
        subject.make,
        budget=Budget(None, None),
        course=Course(hinted, examine, SEED),
        mine=subject.mine,
        conclude=conclude,
    )
    scouting.finish()


def looking(scheduler: str | Scheduler, sources: Sources, *, one_output: bool) -> tuple[HintedScheduler, Look]:
    """A scheduler, and who looks at what it does and tells it what to try."""
    hinted = HintedScheduler(make_scheduler(scheduler), partial(ReplayScheduler, impatient=True))
    return hinted, Look(hinted.hint, sources, one_output=one_output, follows=lambda: hinted.follows)


def _fails_by_now(case: Case, again: Again) -> bool:
    """Whether the schedule that has passed fails in the same way by now.

    Then the schedule is not to blame; unless it is another one by now, since what the standard library does once in a
    process has been done, and others pass.
    """
    if case.passing is None or case.record.failure is None:
        return False
    return same_failure(again(case.passing.switches).failure, case.record.failure)


def follow(subject: Subject, token: str, *, one_output: bool = False) -> Checked:
    """Performs the subject under the switches of a token, wherever their places are by now.

    With `one_output` it fails, too, when it prints something else than without any switches.

    Raises:
        UsageError: the token is damaged.
    """
    sources = Sources(_lines)
    switches = decode(token)
    applied = [len(switches)]

    def conclude(_: Record, __: object, again: Again) -> Told | None:
        settled = settle(switches, again)
        applied[0] = settled.applied
        end = monotonic() + _SHRINKING
        if settled.record.failure is not None:
            return investigate(Case(settled.record), again, lambda: monotonic() < end, sources)
        finding = loss(settled.record, sources)
        usual = again(()) if finding is None and one_output else None
        if usual is not None and usual.failure is None and usual.output != settled.record.output:
            return investigate(Case(settled.record, usual), again, lambda: monotonic() < end, sources)
        return Told(finding, settled.record, token) if finding is not None else None

    found = explore(
        subject.make,
        budget=Budget(1, None),
        course=Course(ReplayScheduler([switch[:3] for switch in switches]), lambda _: True),
        mine=subject.mine,
        conclude=conclude,
    )
    told = found.finding if isinstance(found.finding, Told) else None
    verdict = found.verdict if told is not None else Verdict("passed", "the schedule of the token, and no other")
    return Checked(verdict, found.coverage, told, (), sources, stale(switches, applied[0]))


def _lines(file: str) -> list[str]:
    linecache.checkcache(file)
    return linecache.getlines(file)
