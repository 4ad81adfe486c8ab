"""Puts finished batches into input order, whatever order they finish in. Pure."""

from __future__ import annotations

from plait._core.batch import Batch


class InputOrder:
    """Releases a batch once everything before it has been released."""

    def __init__(self) -> None:
        self._waiting: dict[int, Batch] = {}
        self._next = 0

    def push(self, batch: Batch) -> list[Batch]:
        """The batches that can be delivered now that `batch` has finished."""
        self._waiting[batch.base] = batch
        ready: list[Batch] = []
        while (found := self._waiting.pop(self._next, None)) is not None:
            ready.append(found)
            self._next = found.end
        return ready

    def rest(self) -> list[Batch]:
        """What finished but still waits for an earlier item, in input order; forgets it."""
        left = sorted(self._waiting.values(), key=lambda batch: batch.base)
        self._waiting.clear()
        return left


class CompletionOrder:
    """Releases every batch at once."""

    def push(self, batch: Batch) -> list[Batch]:
        """The batch itself."""
        return [batch]

    def rest(self) -> list[Batch]:
        """Nothing ever waits."""
        return []
