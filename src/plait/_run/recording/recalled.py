"""Items whose outcomes a journal has: they take their turn like any batch, and are read when they are delivered."""

from __future__ import annotations

from _collections_abc import Iterator, Sequence
from typing import Any

from plait._core.batch import Batch
from plait._core.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:  # brings json along, and most runs keep no journal
    from plait._run.recording.journal_rows import Recorded


class Recalled(Batch):
    """A finished batch that no engine has run.

    Attributes:
        rows: for each item the number of its row in the journal; negative when it failed, 0 when it cannot be in one.
        records: the outcomes, once they have been read.
    """

    __slots__ = ("records", "rows")

    def __init__(self, base: int, items: Sequence[object], rows: Sequence[int]) -> None:
        super().__init__(base, items)
        self.rows = rows
        self.records: list[Recorded] = []

    @property
    def failed(self) -> int:
        """How many of the items failed."""
        return sum(row <= 0 for row in self.rows)

    def read(self, records: list[Recorded]) -> None:
        """The outcomes have been read."""
        self.records = records
        self.values = [record.value for record in records]
        self.failures = {offset: record.error for offset, record in enumerate(records) if record.error is not None}

    def part(self, start: int, stop: int) -> Recalled:
        piece = Recalled(self.base + start, self.items[start:stop], self.rows[start:stop])
        if self.records:
            piece.read(self.records[start:stop])
        return piece

    def outcomes(self) -> Iterator[Outcome[Any]]:
        """One Outcome per item, as it was recorded."""
        for offset, (item, record) in enumerate(zip(self.items, self.records, strict=True)):
            yield Outcome(
                index=self.base + offset,
                input=item,
                value=record.value,
                error=record.error,
                attempts=record.attempts,
                worker=record.worker,
                started=record.started,
                ended=record.ended,
            )
