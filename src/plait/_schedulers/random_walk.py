"""Random walk: at each step any of those who are ready, with equal chances."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait._core.event import Event
    from plait._schedulers.interface import ThreadState

_HURRIES = 4  # seeds in a row that hurry, and then as many that do not; in a rotation every fourth is for this strategy


class RandomWalkScheduler:
    """Finds most bugs in a few executions; never those that need one thread to be fast for long."""

    name = "random walk"

    def __init__(self) -> None:
        self._random = random.Random()

    def begin(self, seed: int) -> bool:
        self._random.seed(seed)
        self._draw = self._random.random
        self._hurries = seed // _HURRIES % 2 == 1
        return True

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        return ready[int(self._draw() * len(ready))]

    def hasty(self, thread: ThreadState) -> bool:
        """In some executions a coin is tossed for each sleep; in most, sleeps last as long as they say."""
        return self._hurries and self._draw() < 0.5

    def end(self, executed: Sequence[Event]) -> None:
        pass
