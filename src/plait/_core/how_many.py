"""Numbers as people write them: with their noun, or in the unit that suits them."""

from __future__ import annotations


def how_many(number: int, one: str, many: str = "") -> str:
    """The number with the noun for one or for many, which is the one with an ``s`` where nothing else is said.

    >>> how_many(1, "item"), how_many(1200, "item"), how_many(2, "was", "were")
    ('1 item', '1,200 items', '2 were')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def in_units(count: int) -> str:
    """Bytes for people.

    >>> in_units(1536 * 1024**2)
    '1.5 GiB'
    """
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if amount >= 100 or unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1024
    return f"{amount:.3g} TiB"
