"""Takes the items that a stalled worker has not begun out of its batch, at no cost to workers that are not stalled.

On builds with a GIL the owner runs over a plain iterator and a thief ends that iterator from outside; on free-threaded
builds both take items from the two ends of a deque. Either way an item is taken by exactly one of them.
Whoever calls `rest` holds the run's lock, and the owner takes that lock before it reads what is left of its batch.
`end` needs no lock: it may be called where the lock is held already, as by a signal handler.
"""

from __future__ import annotations

import sys
from _collections_abc import Iterator, Sequence
from collections import deque
from typing import Any, Protocol

from plait._core.batch import Batch
from plait._core.gil import has_gil


class Portion(Protocol):
    """The items of a batch on their way to the user's function."""

    iterator: Iterator[object]

    def __init__(self, items: Sequence[object]) -> None: ...

    def rest(self, batch: Batch) -> Sequence[object]:
        """Cut off the batch what its owner has not begun, and return it."""
        ...

    def end(self) -> None:
        """Have the owner begin no other item, in a run whose results nobody wants any more."""
        ...


class TruncatedPortion:
    """Needs the GIL: ``__setstate__`` of an iterator over a list, tuple or range moves it to the end in one step.

    After that the owner can finish the item it is in and begin no other, so ``len(values)``, read afterwards, is off by
    at most that item: it stays with the owner, who runs it if it had not begun it.
    """

    __slots__ = ("iterator",)

    def __init__(self, items: Sequence[object]) -> None:
        self.iterator: Any = iter(items)

    def rest(self, batch: Batch) -> Sequence[object]:
        self.end()
        keep = len(batch.values) + 1
        tail = batch.items[keep:]
        if tail:
            batch.items = batch.items[:keep]
        return tail

    def end(self) -> None:
        self.iterator.__setstate__(sys.maxsize)  # clipped to its end


class DequePortion:
    """Needs no GIL: the owner pops from the left, a thief from the right, and each pop is atomic."""

    __slots__ = ("_left", "iterator")

    def __init__(self, items: Sequence[object]) -> None:
        self._left = deque(items)
        self.iterator: Iterator[object] = _popped(self._left)

    def rest(self, batch: Batch) -> Sequence[object]:
        tail: list[object] = []
        try:
            while True:
                tail.append(self._left.pop())
        except IndexError:
            tail.reverse()
        if tail:
            batch.items = batch.items[: len(batch.items) - len(tail)]
        return tail

    def end(self) -> None:
        self._left.clear()


def portion_type() -> type[Portion]:
    """The kind of portion for this interpreter."""
    return TruncatedPortion if has_gil() else DequePortion


def _popped(items: deque[object]) -> Iterator[object]:
    try:
        while True:
            yield items.popleft()
    except IndexError:
        return


def is_stalled(batch: Batch, before: float) -> bool:
    """Whether the batch was begun before that moment and still has items that others could run."""
    return 0.0 < batch.started < before and len(batch.items) > len(batch.values) + 1
