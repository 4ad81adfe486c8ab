"""Puts finished batches into input order, whatever order they finish in. Pure.

A batch stays here until it is marked as delivered, so nothing is lost when the consumer is interrupted or does not come
back for more.
"""

from __future__ import annotations

from itertools import takewhile

from plait._core.batch import Batch


class InputOrder:
    """Releases a batch once everything before it has been released."""

    def __init__(self) -> None:
        self._waiting: dict[int, Batch] = {}
        self._next = 0

    def add(self, batch: Batch) -> None:
        """The batch has finished."""
        self._waiting[batch.base] = batch

    def surface(self, batch: Batch) -> Batch:
        """The first failure of a waiting batch, given before its turn; `rest` has the items around it."""
        return _surface(self._waiting, batch)

    def ready(self) -> Batch | None:
        """The batch that can be delivered now, again and again until it has been; None when there is none."""
        found = self._waiting.get(self._next)
        while found is not None and found.delivered:
            del self._waiting[found.base]
            self._next = found.end
            found = self._waiting.get(self._next)
        return found

    def rest(self, *, gapless: bool = False) -> list[Batch]:
        """What finished and has not been delivered, in input order; if `gapless`, up to the first that is missing."""
        self.ready()
        left = sorted(_undelivered(self._waiting), key=lambda batch: batch.base)
        if not gapless:
            return left
        ends = [self._next, *(batch.end for batch in left)]
        return [batch for batch, _ in takewhile(lambda each: each[0].base == each[1], zip(left, ends, strict=False))]


class CompletionOrder:
    """Releases batches as they come."""

    def __init__(self) -> None:
        self._waiting: dict[int, Batch] = {}

    def add(self, batch: Batch) -> None:
        """The batch has finished."""
        self._waiting[batch.base] = batch

    def surface(self, batch: Batch) -> Batch:
        """The first failure of a waiting batch, given before its turn; `rest` has the items around it."""
        return _surface(self._waiting, batch)

    def ready(self) -> Batch | None:
        """The next batch, again and again until it has been delivered; None when there is none."""
        while self._waiting:
            base, found = next(iter(self._waiting.items()))
            if not found.delivered:
                return found
            del self._waiting[base]
        return None

    def rest(self, *, gapless: bool = False) -> list[Batch]:
        """What has not been delivered; where there is no order there is no gap either."""
        return _undelivered(self._waiting)


def _undelivered(waiting: dict[int, Batch]) -> list[Batch]:
    return [batch for batch in waiting.values() if not batch.delivered]


def _surface(waiting: dict[int, Batch], batch: Batch) -> Batch:
    first = min(batch.failures)
    del waiting[batch.base]
    for piece in (batch.part(0, first), batch.part(first + 1, len(batch.items))):
        if piece.items:
            waiting[piece.base] = piece
    return batch.part(first, first + 1)
