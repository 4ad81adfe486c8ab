"""Puts finished batches into input order, whatever order they finish in. Pure.

A batch stays here until it is marked as delivered, so nothing is lost when the consumer is interrupted or does not come
back for more.
"""

from __future__ import annotations

from plait._core.batch import Batch


class InputOrder:
    """Releases a batch once everything before it has been released."""

    def __init__(self) -> None:
        self._waiting: dict[int, Batch] = {}
        self._next = 0

    def add(self, batch: Batch) -> None:
        """The batch has finished."""
        self._waiting[batch.base] = batch

    def ready(self) -> Batch | None:
        """The batch that can be delivered now, again and again until it has been; None when there is none."""
        found = self._waiting.get(self._next)
        while found is not None and found.delivered:
            del self._waiting[found.base]
            self._next = found.end
            found = self._waiting.get(self._next)
        return found

    def rest(self) -> list[Batch]:
        """What finished and was not delivered, in input order; forgets it."""
        left = sorted(self._waiting.values(), key=lambda batch: batch.base)
        self._waiting.clear()
        return [batch for batch in left if not batch.delivered]


class CompletionOrder:
    """Releases batches as they come."""

    def __init__(self) -> None:
        self._waiting: dict[int, Batch] = {}

    def add(self, batch: Batch) -> None:
        """The batch has finished."""
        self._waiting[batch.base] = batch

    def ready(self) -> Batch | None:
        """The next batch, again and again until it has been delivered; None when there is none."""
        while self._waiting:
            base, found = next(iter(self._waiting.items()))
            if not found.delivered:
                return found
            del self._waiting[base]
        return None

    def rest(self) -> list[Batch]:
        """What was not delivered; forgets it."""
        left = list(self._waiting.values())
        self._waiting.clear()
        return [batch for batch in left if not batch.delivered]
