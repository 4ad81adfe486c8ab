"""From an execution that failed to what is told of it: shrunk, compared with one that passed, explained.

The program is run again for it; `run` does that, and `more` says whether there is still time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, pairwise
from random import Random
from typing import NamedTuple

from plait._check.explain.cause import explain
from plait._check.findings import Finding
from plait._check.predict import Prediction, lost
from plait._check.reading.source import Sources
from plait._check.record import Failure, Record, Switch
from plait._check.shrink import Run, shrink
from plait._check.token import encode
from plait._core.event import Kind
from plait._schedulers.replay import HURRY

_ATTEMPTS = 16  # executions that are tried to find one that passes, near by and at random
_OFTEN = 0.15  # of the steps are followed by a switch, where those are made at random
_LATE = 3  # accesses of the thread that starts the others, before which they are let go on


class Case(NamedTuple):
    """What is known when the search ends.

    Attributes:
        record: the execution that ended it: it failed, or what was predicted came true, or its output is another one.
        passing: one that passed, if there was one.
        prediction: what was tried in it, if something was.
    """

    record: Record
    passing: Record | None = None
    prediction: Prediction | None = None


class Told(NamedTuple):
    """A finding, the shortest execution that shows it, and the token that replays that one.

    `passing` is an execution that passes, where one is known.
    """

    finding: Finding
    record: Record
    token: str
    passing: Record | None = None


def investigate(case: Case, run: Run, more: Callable[[], bool], sources: Sources) -> Told:
    """The finding for a case; the explanation is of the shrunk execution."""
    if case.record.failure is not None:
        record = shrink(case.record, run, more)
        passing = case.passing or one_that_passes(record, run, more)
        return Told(explain(record, passing, sources), record, encode(record.switches), passing)
    if case.prediction is not None:
        return _lost(case.record, case.prediction, run, more, sources)
    return _other_outcome(case, run, more, sources)


def _lost(record: Record, prediction: Prediction, run: Run, more: Callable[[], bool], sources: Sources) -> Told:
    """An update that was lost, though nothing failed by it; what fails with fewer switches is told as a failure."""
    finding = lost(prediction, record, sources)
    shorter = shrink(record, run, more, lambda one, _: lost(prediction, one, sources) is not None)
    if shorter.failure is not None:
        return investigate(Case(shorter), run, more, sources)
    finding = lost(prediction, shorter, sources) or finding
    if finding is None:
        raise ValueError("the record has neither a failure nor what was predicted")
    return Told(finding, shorter, encode(shorter.switches))


def _other_outcome(case: Case, run: Run, more: Callable[[], bool], sources: Sources) -> Told:
    """An output that is not that of the execution without switches, which is what a token is compared with."""
    usual, unusual = run(()), case.record
    if usual.failure is not None:
        usual = case.passing or usual
    elif usual.output == unusual.output:
        unusual = case.passing or unusual
    shorter = shrink(unusual, run, more, lambda one, _: one.failure is None and one.output != usual.output)
    failing = shorter._replace(failure=Failure("outcome", "the output depends on the schedule", 0, None, (), ()))
    return Told(explain(failing, usual, sources), shorter, encode(shorter.switches))


def one_that_passes(record: Record, run: Run, more: Callable[[], bool]) -> Record | None:
    """An execution that does not fail, where there is one: its threads begin in another order, or go on at random."""
    for switches in chain(islice(_others(record), _ATTEMPTS), _at_random(record)):
        if not more():
            return None
        other = run(switches)
        if other.failure is None:
            return other
    return None


def _at_random(record: Record) -> Iterator[Sequence[Switch]]:
    """Switches at some of the steps of the record, to any of the threads; the same ones each time."""
    numbers = range(len(record.threads))
    for seed in range(_ATTEMPTS):
        dice, steps = Random(seed), Counter[int]()
        switches = []
        for event in record.events:
            if dice.random() < _OFTEN:
                switches.append(Switch(event.thread, steps[event.thread], dice.choice(numbers), ""))
            steps[event.thread] += 1
        yield switches


def _others(record: Record) -> Iterator[Sequence[Switch]]:
    """Plain; each new thread first, and again before its starter's last accesses; without the last switches.

    Before that with all threads up to what each changes first: they have looked before anybody changes anything. And,
    where somebody sleeps, as if nobody did.
    """
    yield ()
    steps: dict[int, int] = {}
    begins = []
    again = []
    for event in record.events:
        steps[event.thread] = steps.get(event.thread, 0) + 1
        if event.kind == Kind.START:
            begins.append(Switch(event.thread, steps[event.thread], event.place, ""))
        if event.kind in (Kind.READ, Kind.WRITE) and begins and begins[-1].thread == event.thread:
            again.append(Switch(event.thread, steps[event.thread] - 1, begins[-1].to, ""))
    yield tuple(begins)
    if before := _before_changes(record):
        yield before
    if any(event.kind == Kind.SLEEP for event in record.events):
        yield (Switch(*HURRY, ""),)
    for begin in begins:
        yield (begin,)
    for late in reversed(again[-_LATE:]):
        yield (late,)
        yield (*begins, late)
    for length in range(len(record.switches) - 1, 0, -1):
        yield tuple(record.switches[:length])


def _before_changes(record: Record) -> tuple[Switch, ...]:
    """Each thread stops before its first change of what others touch, and the next one goes on."""
    touched: dict[int, set[int]] = {}
    for event in record.events:
        touched.setdefault(event.place, set()).add(event.thread)
    steps: dict[int, int] = {}
    first: dict[int, int] = {}
    for event in record.events:
        if event.kind == Kind.WRITE and event.thread and len(touched[event.place] - {0}) > 1:
            first.setdefault(event.thread, steps.get(event.thread, 0))
        steps[event.thread] = steps.get(event.thread, 0) + 1
    stopped = sorted(first)
    return tuple(Switch(one, first[one], other, "") for one, other in pairwise(stopped))
