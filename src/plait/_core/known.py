"""Which items need not be run, because their outcomes are known, and how many of them the consumer awaits. Pure."""

from __future__ import annotations

from _collections_abc import Iterable, Iterator
from collections import deque


class Known:
    """Ranges of indices ahead of a feed, which steps over them.

    >>> known = Known()
    >>> known.add([(2, 5)])
    >>> known.next, known.ahead, known.waiting
    (2, 3, 3)
    >>> known.cross(1), known.cross(2), known.ahead, known.waiting
    (1, 5, 0, 3)

    Attributes:
        ahead: how many indices lie in ranges that have not been stepped over.
        waiting: how many items the consumer has not taken yet.
    """

    __slots__ = ("_ranges", "ahead", "waiting")

    def __init__(self) -> None:
        self._ranges: deque[tuple[int, int]] = deque()
        self.ahead = 0
        self.waiting = 0

    @property
    def next(self) -> int | None:
        """Where the next range begins."""
        return self._ranges[0][0] if self._ranges else None

    def add(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Further ranges ``(start, stop)``, ascending, above those there are."""
        for start, stop in ranges:
            self._ranges.append((start, stop))
            self.ahead += stop - start
            self.waiting += stop - start

    def cross(self, index: int) -> int:
        """The first index from `index` on that lies in no range; what is below is forgotten."""
        while self._ranges and self._ranges[0][0] == index:
            start, index = self._ranges.popleft()
            self.ahead -= index - start
        return index


def between(ranges: Iterable[tuple[int, int]], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """What lies from `start` to `stop` and in none of the ranges.

    >>> list(between([(2, 4), (7, 8)], 0, 8))
    [(0, 2), (4, 7)]
    """
    for begin, end in [*ranges, (stop, stop)]:
        if start < begin:
            yield start, begin
        start = end
