"""PCT, probabilistic concurrency testing: random priorities of threads, lowered at a few random steps."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait._core.event import Kind

if TYPE_CHECKING:
    from plait._core.event import Event
    from plait._schedulers.interface import ThreadState

_GUESS = 40  # choices in an execution, before anything is known
_GREED = 500  # choices in a row after which a thread is taken to wait for another in a loop


class PctScheduler:
    """Finds a bug that `depth` orderings make happen with a chance of at least 1 in n·k to the power of depth - 1.

    n is the number of threads and k the number of choices, which it learns from the executions before. A thread that
    spins would never let another one go; so its priority is lowered when it has run for long, or sleeps.

    Source: Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized scheduler with probabilistic guarantees of finding
    bugs, ASPLOS 2010.
    """

    name = "pct"

    def __init__(self, depth: int = 3) -> None:
        self._depth = depth
        self._random = random.Random()
        self._length = 0
        self._begun = False

    def begin(self, seed: int) -> bool:
        self._random.seed(seed)
        self._priority: dict[int, float] = {}
        self._lowest = 0.0
        self._choices = 0
        self._row = 0
        self._begun = True
        length = max(self._length or _GUESS, self._depth)
        self._changes = set(self._random.sample(range(1, length + 1), self._depth - 1))
        return True

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        self._choices += 1
        chosen = self._highest(ready)
        self._row = self._row + 1 if chosen is running else 0
        pending = chosen.pending
        if (
            self._choices in self._changes
            or self._row > _GREED
            or (pending is not None and pending.kind is Kind.SLEEP and chosen is running)
        ):
            self._lowest -= 1
            self._row = 0
            self._priority[chosen.number] = self._lowest
            chosen = self._highest(ready)
        return chosen

    def end(self, executed: Sequence[Event]) -> None:
        if self._begun:
            self._length = self._choices
        elif not self._length:
            self._length = len(executed) // 2
        self._begun = False

    def _highest(self, ready: Sequence[ThreadState]) -> ThreadState:
        priority = self._priority
        chosen, highest = ready[0], None
        for thread in ready:
            found = priority.get(thread.number)
            if found is None:
                found = priority[thread.number] = 1.0 + self._random.random()
            if highest is None or found > highest:
                chosen, highest = thread, found
        return chosen
