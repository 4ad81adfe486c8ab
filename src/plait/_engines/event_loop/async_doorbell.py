"""Doorbell: how the workers in an event loop call their driver, not more often than is good for both."""

from __future__ import annotations

import time
from asyncio import AbstractEventLoop, TimerHandle

from plait._core.bell import Bell
from plait._engines.event_loop.loop_bell import LoopBell

_HORIZON = 0.0005  # seconds between two calls for a driver in another thread: waking it up costs both threads


class Doorbell:
    """Rings for a driver, who may live in the same loop or in another thread. Used in the thread of the loop."""

    __slots__ = ("_bell", "_last", "_loop", "_pending", "_shared")

    def __init__(self, bell: Bell | LoopBell, loop: AbstractEventLoop, *, shared: bool) -> None:
        self._bell = bell
        self._loop = loop
        self._shared = shared
        self._last = 0.0
        self._pending: TimerHandle | None = None

    def tell(self, now: float) -> None:
        """There is something for the driver, which can wait a moment for more to come."""
        if self._shared or now - self._last >= _HORIZON:
            self.call()
        elif self._pending is None:
            self._pending = self._loop.call_later(self._last + _HORIZON - now, self.call)

    def call(self) -> None:
        """There is something for the driver to look at, at once."""
        self.forget()
        self._last = time.perf_counter()
        self._bell.ring()

    def forget(self) -> None:
        """What can wait need not be told any more."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
