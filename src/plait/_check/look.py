"""Looks at each execution of a search: keeps one that passed, says what to try next, sees losses nobody noticed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from plait._check.findings import Finding
from plait._check.investigate import Case
from plait._check.predict import Prediction, lost, predictions
from plait._check.record import Record, Switch
from plait._check.source import Sources

_TRIED = 16  # predictions that are run in a search


class Look:
    """Called with every record, in order.

    Args:
        hint: makes the next executions, one for each call, follow these switches; called in the order of the trials.
        sources: the user's source.
    """

    def __init__(self, hint: Callable[[Sequence[Switch]], object], sources: Sources) -> None:
        self._hint = hint
        self._sources = sources
        self._passing: Record | None = None
        self._trials: deque[Prediction] = deque()

    def __call__(self, record: Record) -> Case | None:
        """The case when the search is to end with this record; None to go on."""
        trial = self._trials.popleft() if self._trials else None
        if record.failure is not None:
            return Case(record, self._passing, trial)
        finding = self._loss(record, trial)
        if finding is not None:
            return Case(record, self._passing, trial)
        if self._passing is None:
            self._passing = record
            for prediction in predictions(record, self._sources)[:_TRIED]:
                self._trials.append(prediction)
                self._hint(prediction.switches)
        return None

    def _loss(self, record: Record, trial: Prediction | None) -> Finding | None:
        return lost(trial, record, self._sources) if trial is not None else None
