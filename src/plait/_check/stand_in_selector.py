"""Event loops under control: what stands in for the selector that asyncio waits with.

A loop that has nothing to do waits for a wake-up of another thread, which is an event, or for its next timer, in
virtual time. The order in which a loop runs what is ready is its own: callbacks run in the order of their registration.
A loop that has sockets to wait for as well does so in real time, outside our control.
"""

from __future__ import annotations

import asyncio.selector_events
import selectors
from typing import TYPE_CHECKING, Any

from plait._check.controlled import Gate
from plait._check.stage import STAGE
from plait._core.event import Event, Kind

if TYPE_CHECKING:
    from plait._check.execution import Execution

_real_wake = asyncio.selector_events.BaseSelectorEventLoop._write_to_self  # type: ignore[attr-defined]  # by which other threads wake a loop
_OWN = 1  # files of a loop's own: one end of the socket pair that wakes it


class StandInSelector(selectors.DefaultSelector):
    """A selector that waits for wake-ups and virtual time, as long as there is nothing else to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = Gate()
        self._execution: Execution | None = None
        self._number = -1

    def select(self, timeout: float | None = None) -> Any:
        """As `selectors.BaseSelector.select`."""
        execution = STAGE.execution
        me = None if execution is None else execution.here()
        if execution is None or me is None or len(self.get_map() or ()) > _OWN:
            return super().select(timeout)
        number = self._place(execution)
        site = execution.sites.here()
        if timeout is not None and timeout <= 0:
            execution.step(Kind.PAUSE, -1, "", site)  # a turn of the loop: other threads may go
        elif execution.wait(me, self._gate, Event(me.number, Kind.ACQUIRE, number, "", site), timeout):
            execution.note(me, Kind.ACQUIRE, number, "", site)
        else:
            execution.note(me, Kind.SLEEP, -1, "", site)
        execution.close(self._gate)
        return super().select(0)

    def wake(self) -> None:
        """Another thread, or a signal, has something for the loop."""
        execution = STAGE.execution
        me = None if execution is None or execution.aborting else execution.here()
        if execution is None or me is None:
            return
        site = execution.sites.here(2)
        number = self._place(execution)
        execution.wait(me, execution.always, Event(me.number, Kind.RELEASE, number, "", site))
        execution.note(me, Kind.RELEASE, number, "", site)
        execution.open(self._gate)

    def _place(self, execution: Execution) -> int:
        if self._execution is not execution:
            self._execution = execution
            execution.loops += 1
            self._gate = Gate()
            self._number = execution.places.new("event loop", execution.sites.here(2))
        return self._number


def wake(loop: Any) -> None:
    """As `BaseSelectorEventLoop._write_to_self`."""
    _real_wake(loop)
    selector = getattr(loop, "_selector", None)
    if isinstance(selector, StandInSelector):
        selector.wake()
