"""How large the next batch for a worker process is, how long it may take, and how far ahead items are taken. Pure."""

from __future__ import annotations

from plait._core.sizing import MOST_AHEAD, BatchSizer, guided_target, most_beyond

_SHORTEST, _LONGEST, _STEADY = 0.002, 0.05, 0.008  # seconds a batch may take: at the tail, at most, of unknown inputs
_PREFETCH_BELOW = 0.005  # items cheaper than this wait in the worker's pipe, so that it never idles
_SHORT = 0.004  # batches that take less: the driver may be busy with another worker's for longer than one of them lasts
_CAP = 16384  # items in a batch
_BEYOND_BYTES = 1 << 26  # of items and results that wait for one that takes long
_BATCH_BYTES = 1 << 22  # one way: memory in flight is bounded by that, and the processor's cache holds some of it


class Planner:
    """What all planners know: what items cost, how large they are, and so how many may be under way."""

    def __init__(self, workers: int, longest: float) -> None:
        self._workers = workers
        self._sizer = BatchSizer(longest, cap=max(1, min(_CAP, MOST_AHEAD // (4 * workers))))

    def next(self, left: int | None) -> tuple[int, float]:
        """How many items the next batch takes when `left` are to be given out, and how many seconds it may."""
        raise NotImplementedError

    @property
    def depth(self) -> int:
        """How many batches there shall be for each worker, the one it runs included."""
        raise NotImplementedError

    @property
    def window(self) -> int:
        """How many items may be taken ahead of the consumer."""
        return max(2 * self._workers, min(8 * self._workers * self._bounded(self._sizer.largest), MOST_AHEAD))

    @property
    def beyond(self) -> int:
        """How many more, while the consumer waits for one that takes long."""
        return self._bounded(most_beyond(self._workers), _BEYOND_BYTES)

    @property
    def _bytes(self) -> float:
        """Those of an item or its result, whichever is more; 0 when nobody knows."""
        raise NotImplementedError

    def _size(self, target: float, budget: float, left: int | None) -> int:
        """How many items a batch takes that is to take `target` seconds, and `budget` at most."""
        sizer = self._sizer
        sizer.target = target
        size = self._bounded(sizer.size)
        if sizer.cost:
            size = max(1, min(size, int(budget / sizer.cost)))
        if left is not None:
            size = min(size, max(1, left // (2 * self._workers)))
        return size

    def _bounded(self, size: int, most: int = _BATCH_BYTES) -> int:
        return max(1, min(size, int(most / self._bytes))) if self._bytes else size


class BatchPlanner(Planner):
    """Turns what batches cost lately into the size and the budget of the next one.

    >>> planner = BatchPlanner(workers=2)
    >>> planner.next(left=1000)
    (1, 0.008)
    >>> planner.record(items=1, seconds=0.001)
    >>> planner.next(left=1000)
    (8, 0.05)
    >>> planner.next(left=4)  # the last items are shared
    (1, 0.002)
    """

    def __init__(self, workers: int) -> None:
        super().__init__(workers, _STEADY)
        self._sent = self._returned = 0.0  # bytes per item

    def record(self, items: int, seconds: float) -> None:
        """A batch of `items` items took `seconds`."""
        self._sizer.record(items, seconds)

    def record_sent(self, items: int, length: int) -> None:
        """`items` items took `length` bytes on their way to a worker."""
        self._sent = length / items

    def record_returned(self, items: int, length: int) -> None:
        """`items` results took `length` bytes on their way back."""
        self._returned = length / items

    def next(self, left: int | None) -> tuple[int, float]:
        sizer = self._sizer
        budget = _STEADY
        if left is not None and sizer.cost is not None:
            budget = guided_target(left * sizer.cost, self._workers, _SHORTEST, _LONGEST)
        return self._size(budget, budget, left), budget

    @property
    def depth(self) -> int:
        cost = self._sizer.cost
        if cost is None or cost >= _PREFETCH_BELOW:
            return 1
        return 3 if cost * self._most < _SHORT else 2

    @property
    def _most(self) -> int:
        """How many items a batch may have for what it takes to get them there or their results back."""
        return self._bounded(self._sizer.size)

    @property
    def _bytes(self) -> float:
        return max(self._sent, self._returned)
