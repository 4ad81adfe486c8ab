"""POS, partial order sampling: random priorities of pending events, drawn anew for those that race with what ran."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait._core.event import conflict

if TYPE_CHECKING:
    from plait._core.event import Event
    from plait._schedulers.interface import ThreadState


class PosScheduler:
    """Every order of the events that race has a good chance, however many others there are between them.

    Source: Yuan, Yang, Gu: Partial order aware concurrency sampling, CAV 2018.
    """

    name = "pos"

    def __init__(self) -> None:
        self._random = random.Random()
        self._draw = self._random.random
        self._priority: dict[int, tuple[int, float]] = {}

    def begin(self, seed: int) -> bool:
        self._random.seed(seed)
        self._priority = {}
        return True

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        priority, draw = self._priority, self._draw
        chosen, highest = ready[0], -1.0
        for thread in ready:
            number, steps = thread.number, thread.steps
            found = priority.get(number)
            if found is None or found[0] != steps:
                found = priority[number] = (steps, draw())
            if found[1] > highest:
                chosen, highest = thread, found[1]
        event = chosen.pending
        if event is not None and event.place >= 0:
            for thread in ready:
                if thread is not chosen and thread.pending is not None and conflict(event, thread.pending):
                    priority.pop(thread.number, None)
        return chosen

    def end(self, executed: Sequence[Event]) -> None:
        pass
