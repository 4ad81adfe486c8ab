"""Handing: the batch that the consumer is taking values of, and how far it is in there."""

from __future__ import annotations

import operator
from _collections_abc import Iterator
from collections import deque

from plait._core.batch import Batch

Handing = tuple[Batch, Iterator[object] | int]  # how many it has taken, or what it has not


def rest_of(handing: Handing | None) -> Iterator[Batch]:
    """What the consumer has not taken, if there is any; from an iterator it gets no more then.

    >>> batch = Batch(0, "abc")
    >>> batch.values = [1, 2, 3]
    >>> [rest.values for rest in rest_of((batch, 1))]
    [[2, 3]]
    """
    if handing is not None and (taken := taken_of(handing)) < len(handing[0].items):
        yield handing[0].part(taken, len(handing[0].items))


def taken_of(handing: Handing) -> int:
    """How many items of the batch the consumer has taken; from an iterator it gets no more then."""
    batch, taken = handing
    if isinstance(taken, int):
        return taken
    left = operator.length_hint(taken)
    if left:
        deque(taken, maxlen=0)
    return len(batch.items) - left


def is_handed(handing: Handing | None, batch: Batch) -> bool:
    """Whether the consumer is still taking of this one: another iteration may have taken the rest."""
    return handing is not None and handing[0] is batch
