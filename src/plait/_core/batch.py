"""Consecutive items that travel together: inputs on the way to a worker, values and failures on the way back."""

from __future__ import annotations

from _collections_abc import Sequence


class Batch:
    """A run of consecutive items, starting at index `base` of the input.

    An engine fills in `values`, one per item (None where `failures` has an entry for the offset), and who ran it and
    when. `fetched` is set once the run has put it where it is not lost, `delivered` once the consumer has it.
    `spans` has one ``(started, ended)`` per item, on the clock of ``time.perf_counter``, when the job is timed.
    """

    __slots__ = (
        "attempt",
        "base",
        "delivered",
        "ended",
        "failures",
        "fetched",
        "items",
        "spans",
        "started",
        "values",
        "worker",
    )

    def __init__(self, base: int, items: Sequence[object], attempt: int = 1) -> None:
        self.base = base
        self.items = items
        self.attempt = attempt
        self.values: list[object] = []
        self.failures: dict[int, BaseException] = {}
        self.spans: list[tuple[float, float]] = []
        self.worker = ""
        self.fetched = self.delivered = False
        self.started = 0.0
        self.ended = 0.0

    @property
    def end(self) -> int:
        """The index after the last item."""
        return self.base + len(self.items)

    def part(self, start: int, stop: int) -> Batch:
        """The finished items from offset `start` to `stop` as a batch of their own."""
        piece = Batch(self.base + start, self.items[start:stop], self.attempt)
        piece.values = self.values[start:stop]
        piece.failures = {k - start: e for k, e in self.failures.items() if start <= k < stop}
        piece.spans = self.spans[start:stop]
        piece.worker, piece.started, piece.ended = self.worker, self.started, self.ended
        return piece

    def span(self, offset: int) -> tuple[float, float]:
        """When the item at `offset` began and ended; the whole batch's times when items were not timed."""
        return self.spans[offset] if offset < len(self.spans) else (self.started, self.ended)

    def __repr__(self) -> str:
        return f"Batch({self.base}..{self.end}, attempt {self.attempt}, {len(self.values)} values)"
