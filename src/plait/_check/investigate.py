"""From an execution that failed to what is told of it: shrunk, compared with one that passed, explained.

The program is run again for it; `run` does that, and `more` says whether there is still time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from plait._check.explain import explain
from plait._check.findings import Finding
from plait._check.predict import Prediction, lost
from plait._check.record import Record, Switch
from plait._check.shrink import Run, same_failure, shrink
from plait._check.source import Sources
from plait._check.token import encode
from plait._core.event import Kind

_ATTEMPTS = 8  # executions that are tried to find one that passes


class Case(NamedTuple):
    """What is known when the search ends: the execution, one that passed, and the prediction that came true, if any."""

    record: Record
    passing: Record | None = None
    prediction: Prediction | None = None


class Told(NamedTuple):
    """A finding, the shortest execution that shows it, and the token that replays that one."""

    finding: Finding
    record: Record
    token: str


def investigate(case: Case, run: Run, more: Callable[[], bool], sources: Sources) -> Told:
    """The finding for a case; the explanation is of the shrunk execution."""
    found, prediction = _first(case, sources), case.prediction
    if case.record.failure is None and prediction is not None:
        record = shrink(case.record, run, more, lambda one, _: lost(prediction, one, sources) is not None)
        return Told(lost(prediction, record, sources) or found, record, encode(record.switches))
    record = shrink(case.record, run, more)
    passing = case.passing or _passing(record, run, more)
    return Told(explain(record, passing, sources), record, encode(record.switches))


def _first(case: Case, sources: Sources) -> Finding:
    """What the execution shows as it is."""
    if case.record.failure is None and case.prediction is not None:
        finding = lost(case.prediction, case.record, sources)
        if finding is not None:
            return finding
    return explain(case.record, case.passing, sources)


def _passing(record: Record, run: Run, more: Callable[[], bool]) -> Record | None:
    """An execution that does not fail, where there is one near by: its threads begin in another order."""
    for number, switches in enumerate(_others(record)):
        if number >= _ATTEMPTS or not more():
            return None
        other = run(switches)
        if not same_failure(other.failure, record.failure) and other.failure is None:
            return other
    return None


def _others(record: Record) -> Iterator[Sequence[Switch]]:
    """Plain; each new thread first; and without the last switches, one after the other."""
    yield ()
    steps: dict[int, int] = {}
    begins = []
    for event in record.events:
        steps[event.thread] = steps.get(event.thread, 0) + 1
        if event.kind == Kind.START:
            begins.append(Switch(event.thread, steps[event.thread], event.place, ""))
    yield tuple(begins)
    for begin in begins:
        yield (begin,)
    for length in range(len(record.switches) - 1, 0, -1):
        yield tuple(record.switches[:length])
