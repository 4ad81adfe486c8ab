"""How many items the next batch takes: a budget of time divided by what items cost lately. Pure, without clocks."""

from __future__ import annotations

from collections import deque

_LATELY = 8  # batches
_GROWTH = 8  # times as many items as before, at the most
MOST_AHEAD = 131_072  # items that may be taken ahead of the consumer, however cheap they are and many the workers
_BEYOND = 64  # items for each worker that may be taken beyond the window while the consumer waits for one


class BatchSizer:
    """Grows batches from one item towards `target` seconds each, and shrinks them at once when items turn slow.

    Attributes:
        size: items of the next batch.
        cost: seconds of one item lately, or None.
        largest: the largest size lately: what windows go by, which a batch that had to wait for a core must not close.

    >>> sizer = BatchSizer(target=0.001)
    >>> for items, seconds in [(1, 1e-7), (8, 8e-7), (64, 6.4e-6)]:
    ...     sizer.record(items, seconds)
    >>> sizer.size
    512
    >>> sizer.record(512, 1.0)
    >>> sizer.size, sizer.largest
    (1, 512)
    """

    __slots__ = ("_lately", "cap", "cost", "largest", "size", "target")

    def __init__(self, target: float, cap: int = 8192) -> None:
        self.target = target
        self.cap = cap
        self.size = 1
        self.cost: float | None = None
        self.largest = 1
        self._lately: deque[int] = deque([1], _LATELY)

    def record(self, items: int, seconds: float) -> None:
        """A batch of `items` items took `seconds`."""
        if items <= 0:
            return
        self.cost = seconds / items
        wanted = self.cap if self.cost <= 0 else int(self.target / self.cost)
        if wanted < self.size:
            self.size = max(1, wanted)
        elif items >= self.size or items >= self.cap:
            self.size = max(1, min(self.cap, self.size * _GROWTH, wanted))
        self._lately.append(self.size)
        if self.size != self.largest:
            self.largest = max(self._lately)


def guided_target(left_seconds: float, workers: int, low: float, high: float) -> float:
    """Seconds the next batch may take when `left_seconds` of work remain: long batches first, short ones at the tail.

    Guided self-scheduling: Polychronopoulos and Kuck, IEEE Trans. Computers C-36(12), 1987.

    >>> guided_target(10.0, workers=2, low=0.002, high=0.05)
    0.05
    >>> guided_target(0.08, workers=2, low=0.002, high=0.05)
    0.01
    """
    return min(high, max(low, left_seconds / (4 * workers)))


def most_beyond(workers: int) -> int:
    """How many items may be taken beyond the window while the consumer waits for one that takes long.

    >>> most_beyond(2), most_beyond(10_000)
    (128, 131072)
    """
    return min(_BEYOND * workers, MOST_AHEAD)
