"""Watches FAST batches in a worker: says how far they are, and takes the unstarted items away when one is slow."""

from __future__ import annotations

import _thread
import time

from plait._engines.board import CLAMPED, CURRENT, MODE, STOP_AT

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module: names for type checkers only
    from _collections_abc import Callable

    Start = Callable[[Callable[[], None], tuple[()]], object]

_TICK = 0.005
_QUIET_TICKS = 20  # without a batch, after which the thread waits for the next one


class Guard:
    """A thread that exists only while FAST batches do; it costs the loop it watches nothing per item."""

    def __init__(self, words: memoryview, start: Start = _thread.start_new_thread) -> None:
        self._words = words
        self._start = start
        self._mutex = _thread.allocate_lock()
        self._items: list[object] | None = None
        self._values: list[object] = []
        self._first = 0
        self._deadline = 0
        self._alive = False
        self._over = False

    def watch(self, items: list[object], values: list[object], first: int, deadline: int) -> None:
        """`items` are being run, their results put into `values`; `first` is the first one's sequence number.

        From `deadline` (ns, time.perf_counter) on no further one may start.
        """
        with self._mutex:
            self._items, self._values = items, values
            self._first, self._deadline = first, deadline
            if not self._alive:
                self._alive = True
                self._start(self._patrol, ())

    def rest(self, mode: int) -> None:
        """The batch has been run; the worker goes on in `mode`."""
        with self._mutex:
            if self._values:  # before the driver, which reads CURRENT in any mode but FAST, may rely on it
                self._words[CURRENT] = self._first + len(self._values) - 1
            self._items, self._values = None, []
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
                if self._items:
                    self._look()

    def _look(self) -> None:
        words, items = self._words, self._items
        assert items is not None
        unwanted = words[STOP_AT] == 0
        late = unwanted or time.perf_counter_ns() > self._deadline
        if late:
            items.clear()  # the loop over it ends after the item that is running, which is read after this
        words[CURRENT] = current = self._first + len(self._values)
        if late:
            if not unwanted:
                words[STOP_AT] = current + 1
            words[MODE] = CLAMPED
