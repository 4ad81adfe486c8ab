"""Which items were given to an engine and have no outcome yet, and what becomes of them at a stop. Pure."""

from __future__ import annotations

from _collections_abc import Iterator, Sequence
from collections import deque

from plait._core.batch import Batch
from plait._core.errors import Cancelled
from plait._core.outcome import brief


class Accounts:
    """Books what is settled against what was handed out; holds no more than what lies between the two."""

    def __init__(self, handed_out: deque[tuple[int, Sequence[object]]]) -> None:
        self._blamed: int | None = None
        self._handed_out = handed_out
        self._settled: dict[int, int] = {}
        self._low = 0

    def settle(self, batch: Batch) -> None:
        """Every item of the batch has its final outcome."""
        base = batch.base
        if base != self._low:
            self._settled[base] = batch.end
            return
        low = batch.end
        while self._settled and (end := self._settled.pop(low, None)) is not None:
            low = end
        self._low = low
        handed_out = self._handed_out
        while handed_out and handed_out[0][0] + len(handed_out[0][1]) <= low:
            handed_out.popleft()

    def blame(self, index: int) -> None:
        """The failure of this item is what stops the work."""
        self._blamed = index

    def unended(self) -> Iterator[Batch]:
        """A failed Batch, settled, for each item that had not ended when the work was stopped; in input order."""
        for index, item in self._missing():
            piece = Batch(index, [item], attempt=0)
            stopped = Cancelled(f"item {index}, {brief(item)}, had not ended {self.when}")
            piece.values, piece.failures = [None], {0: stopped}
            self.settle(piece)
            yield piece

    def _missing(self) -> list[tuple[int, object]]:
        """Index and item of everything that was handed out and has no outcome."""
        done = {index for base, end in self._settled.items() for index in range(base, end)}
        return [
            (index, item)
            for base, items in self._handed_out
            for index, item in enumerate(items, base)
            if index >= self._low and index not in done
        ]

    @property
    def when(self) -> str:
        """At which moment the work was stopped."""
        if self._blamed is None:
            return "when the work was stopped"
        item = self._blamed
        return f"when the failure of item {item} stopped the work; to go on after failures, loop over .outcomes()"
