"""Shelf: the rows of a journal that nobody has recalled yet, by the digest of their item. Pure."""

from __future__ import annotations

from collections import deque


class Shelf:
    """Each row is taken once; of equal items a success comes before a failure.

    Rows are numbers, negative for failures. Takes about 150 bytes a row.

    >>> shelf = Shelf()
    >>> shelf.put(b"a", -1)
    >>> shelf.put(b"a", 2)
    >>> shelf.take(b"a"), shelf.take(b"a"), shelf.take(b"a")
    (2, -1, None)
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[bytes, int | deque[int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, key: bytes, row: int) -> None:
        """One more row with this item."""
        entry = self._rows.get(key)
        if entry is None:
            self._rows[key] = row
        elif isinstance(entry, deque):
            (entry.appendleft if row > 0 else entry.append)(row)
        else:
            self._rows[key] = deque(sorted((entry, row), reverse=True))

    def take(self, key: bytes) -> int | None:
        """A row with this item, or None when there is none left."""
        entry = self._rows.get(key)
        if isinstance(entry, deque) and len(entry) > 1:
            return entry.popleft()
        self._rows.pop(key, None)
        return entry[0] if isinstance(entry, deque) else entry
