"""Rotation: several strategies in turn, all from one seed; each may learn from the executions of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from plait._schedulers.pct import PctScheduler
from plait._schedulers.pos import PosScheduler
from plait._schedulers.random_walk import RandomWalkScheduler
from plait._schedulers.surw import SurwScheduler

if TYPE_CHECKING:
    from plait._core.event import Event
    from plait._schedulers.interface import Scheduler, ThreadState


class RotationScheduler:
    """Random walk, POS, SURW and PCT in turn: what one of them is blind for another finds."""

    name = "rotation"

    def __init__(self, parts: Sequence[Scheduler] | None = None) -> None:
        self._parts = parts or [RandomWalkScheduler(), PosScheduler(), SurwScheduler(), PctScheduler()]
        self._turn = -1
        self._hasty: Callable[[ThreadState], bool] | None = None

    def begin(self, seed: int) -> bool:
        for _ in self._parts:
            self._turn = (self._turn + 1) % len(self._parts)
            part = self._parts[self._turn]
            if part.begin(seed):
                self.choose = part.choose  # type: ignore[method-assign]  # one call less at each step
                self._hasty = getattr(part, "hasty", None)
                return True
        return False

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        return ready[0]

    def hasty(self, thread: ThreadState) -> bool:
        """As the strategy whose turn it is."""
        return self._hasty is not None and self._hasty(thread)

    def end(self, executed: Sequence[Event]) -> None:
        for part in self._parts:
            part.end(executed)
