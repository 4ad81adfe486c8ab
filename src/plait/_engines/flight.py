"""A batch on its way to a worker and back, and what becomes of it when it returns, early or never. Pure."""

from __future__ import annotations

from plait._core.batch import Batch


class Flight:
    """One batch that a worker holds.

    Attributes:
        key: its number on this worker.
        first: the sequence number of its first item.
        count: how many of its items still belong to this worker; fewer after some were taken back.
        function: the number of the function it is for.
        timed: whether the worker notes when each item ends.
    """

    __slots__ = ("batch", "count", "first", "function", "key", "sent", "timed")

    def __init__(self, key: int, batch: Batch, first: int, function: int, sent: float, *, timed: bool) -> None:
        self.key = key
        self.batch = batch
        self.first = first
        self.count = len(batch.items)
        self.function = function
        self.sent = sent
        self.timed = timed

    def __contains__(self, index: int) -> bool:
        return self.batch.base <= index < self.batch.base + self.count

    def take_back(self, after: int) -> tuple[int, int] | None:
        """Take the items with a sequence number above `after` back; their offsets, or None when there are none."""
        keep = max(0, min(self.count, after - self.first + 1))
        if keep >= self.count:
            return None
        lost, self.count = self.count, keep
        return keep, lost

    def finish(
        self, values: list[object], failures: dict[int, BaseException], worker: str, spent: float, ended: float
    ) -> Batch:
        """The finished part of the batch: as many items as there are values."""
        batch = self.batch
        done = (
            batch if len(values) == len(batch.items) else Batch(batch.base, batch.items[: len(values)], batch.attempt)
        )
        done.values = values
        done.failures = failures
        done.worker = worker
        done.started, done.ended = ended - spent, ended
        return done
