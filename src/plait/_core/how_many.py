"""A number with its noun, as people write it."""

from __future__ import annotations


def how_many(number: int, one: str, many: str = "") -> str:
    """The number with the noun for one or for many, which is the one with an ``s`` where nothing else is said.

    >>> how_many(1, "item"), how_many(1200, "item"), how_many(2, "was", "were")
    ('1 item', '1,200 items', '2 were')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
