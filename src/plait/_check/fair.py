"""The fair choice: every thread its share of steps, when a scheduler has let somebody wait for too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._core.event import Event

_QUANTUM = 64  # steps at a time for each thread


class Fair:
    """Round robin over those who are ready."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._since = len(events)

    def choose(
        self, ready: Sequence[Controlled], running: Controlled | None, threads: Sequence[Controlled]
    ) -> Controlled:
        """The running one until its share is used up, then the next by number."""
        if running is not None and len(self._events) - self._since < _QUANTUM:
            return running
        self._since = len(self._events)
        after = -1 if running is None else running.number
        return next((candidate for candidate in ready if candidate.number > after), ready[0])
