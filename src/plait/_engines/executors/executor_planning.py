"""How large the next batch for an executor is, how many it gets ahead, and how far ahead items are taken. Pure."""

from __future__ import annotations

from collections import deque

from plait._core.sizing import guided_target
from plait._engines.planning import Planner

_SHORTEST, _LONGEST = 0.002, 0.05  # seconds a batch takes, at the tail and at most, where the way costs little
_WORTH = 5  # times as long as its way is what a batch takes, so that the way costs a sixth of it;
_TAIL = 1  # and at the tail, where short batches keep all workers busy to the end, as long
_MOST = 2.0  # seconds, however slow the way is
_PATIENCE, _MOST_PATIENCE = 0.4, 3.0  # seconds to wait for what runs when a map has ended
_PREFETCH_BELOW = 0.005  # items cheaper than this wait where the workers are, so that none idles
_LATELY = 8  # calls


class ExecutorPlanner(Planner):
    """Turns what batches cost lately, and their way there and back, into the size and the budget of the next one.

    >>> planner = ExecutorPlanner(workers=2)
    >>> planner.next(left=1000)
    (1, 0.05)
    >>> planner.record(items=1, seconds=0.001, elapsed=0.101)  # a cluster: 100 ms for the way
    >>> planner.next(left=100_000)
    (8, 0.5)
    >>> planner.record(items=8, seconds=0.008, elapsed=0.108)
    >>> planner.next(left=100_000)
    (64, 0.5)
    """

    def __init__(self, workers: int) -> None:
        super().__init__(workers, _LONGEST)
        self._ways: deque[float] = deque([0.0], _LATELY)
        self._each = 0.0  # bytes of an item or its result, whichever is more

    def record(self, items: int, seconds: float, elapsed: float) -> None:
        """A batch of `items` items took `seconds` on its worker, and was back `elapsed` seconds after it was given."""
        if items:
            self._sizer.record(items, seconds)
            self._ways.append(max(0.0, elapsed - seconds))
            if self._ways[0] == 0.0:
                self._ways.popleft()

    def record_bytes(self, items: int, sent: int, returned: int) -> None:
        """`items` items took so many bytes, and their results."""
        if items:
            self._each = max(sent, returned) / items

    def next(self, left: int | None) -> tuple[int, float]:
        sizer, way = self._sizer, min(self._ways)  # the others have waited for a worker, too
        longest = min(_MOST, max(_LONGEST, _WORTH * way))
        budget = longest
        if left is not None and sizer.cost is not None:
            low = min(longest, max(_SHORTEST, _TAIL * way))
            budget = guided_target(left * sizer.cost, self._workers, low, longest)
        return self._size(longest, budget, left), budget

    @property
    def depth(self) -> int:
        cost = self._sizer.cost
        return 1 if cost is None or cost >= _PREFETCH_BELOW + min(self._ways) else 2

    def patience(self, budget: float) -> float:
        """Seconds in which a batch with that budget should be back, unless one of its items takes its time."""
        return min(_MOST_PATIENCE, max(_PATIENCE, 2 * budget + 4 * max(self._ways)))

    @property
    def _bytes(self) -> float:
        return self._each
