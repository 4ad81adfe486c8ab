"""Which of the items ``advise`` calls the function with, and in which order: the first few stand for all of them. Pure.

Items often come sorted, the small ones first, and a few may be dearer than all the others together. Steps of the golden
section of their number hit each region, and each kind of what comes by turns, about equally often at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

_GOLDEN = (math.sqrt(5) - 1) / 2


def sample(items: Iterable[Any], most: int) -> list[Any]:
    """So many of the items at most: from all over a sequence, of anything else the first ones; the very first first.

    >>> sample(range(8), 10), sample(range(1000), 5), sample(iter("abcdef"), 3)
    ([0, 5, 2, 7, 4, 1, 6, 3], [0, 600, 200, 800, 400], ['a', 'c', 'b'])
    """
    if isinstance(items, Sequence) and len(items) > most:
        found = [items[number * len(items) // most] for number in range(most)]
    else:
        found = list(islice(items, most))
    turns = [_GOLDEN * number % 1 for number in range(len(found))]
    in_order: list[Any] = [None] * len(found)
    for item, number in zip(found, sorted(range(len(found)), key=turns.__getitem__), strict=True):
        in_order[number] = item
    return in_order
