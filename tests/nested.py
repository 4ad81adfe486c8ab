"""Maps inside maps, for `test_around_a_map`: dozens of workers import this, and nothing else of the tests."""

from __future__ import annotations

import plait


def inner(item: tuple[list[str], int]) -> int:
    """The sum of 0 ... n-1 squared, by as many maps inside one another as there are engines."""
    engines, n = item
    if not engines:
        return n
    deeper = [(engines[1:], number) for number in range(n)]
    return sum(plait.map(inner, deeper, engine=engines[0], workers=2))
