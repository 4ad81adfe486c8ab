"""Random walk: at each step any of those who are ready, with equal chances."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait._core.event import Event
    from plait._schedulers.interface import ThreadState


class RandomWalkScheduler:
    """Finds most bugs in a few executions; never those that need one thread to be fast for long."""

    name = "random walk"

    def __init__(self) -> None:
        self._random = random.Random()

    def begin(self, seed: int) -> bool:
        self._random.seed(seed)
        self._draw = self._random.random
        return True

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        return ready[int(self._draw() * len(ready))]

    def hasty(self, thread: ThreadState) -> bool:
        """A coin is tossed."""
        return self._draw() < 0.5

    def end(self, executed: Sequence[Event]) -> None:
        pass
