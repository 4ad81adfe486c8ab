"""Watches FAST batches in a worker: takes the unstarted items away when one of them turns out to be slow."""

from __future__ import annotations

import _thread
import time

from plait._engines.board import CALM, CLAMPED, CURRENT, HALT, MODE, STOP_AT

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module: names for type checkers only
    from _collections_abc import Callable

    Start = Callable[[Callable[[], None], tuple[()]], object]

_TICK = 0.005
_QUIET_TICKS = 20  # without a batch, after which the thread waits for the next one


class Guard:
    """A thread that exists only while FAST batches do; it costs the loop it watches nothing per item."""

    def __init__(self, words: memoryview, start: Start) -> None:
        self._words = words
        self._start = start
        self._mutex = _thread.allocate_lock()
        self._items: list[object] | None = None
        self._deadline = 0
        self._alive = False
        self._over = False

    def watch(self, items: list[object], deadline: int) -> None:
        """`items` are being run; from `deadline` (ns, time.perf_counter) on no further one may start."""
        with self._mutex:
            self._items = items
            self._deadline = deadline
            if not self._alive:
                self._alive = True
                self._start(self._patrol, ())

    def rest(self, mode: int) -> None:
        """The batch has been run; the worker goes on in `mode`."""
        with self._mutex:
            self._items = None
            self._words[MODE] = mode

    def end(self) -> None:
        """The thread ends with its next look."""
        with self._mutex:
            self._over = True

    def _patrol(self) -> None:
        quiet = 0
        while True:
            time.sleep(_TICK)
            with self._mutex:
                if self._over:
                    return
                if self._items is None:
                    quiet += 1
                    if quiet > _QUIET_TICKS:
                        self._alive = False
                        return
                    continue
                quiet = 0
                late = time.perf_counter_ns() > self._deadline or self._words[HALT] != CALM
                if late and self._items:
                    self._items.clear()  # the loop over it ends after the item that is running
                    self._words[STOP_AT] = self._words[CURRENT] + 1
                    self._words[MODE] = CLAMPED
