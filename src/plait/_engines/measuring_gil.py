"""Canary: a thread that only wakes up, and notes how long it has to wait for the GIL to do so."""

from __future__ import annotations

import threading
import time

from plait._core.daemons import daemons_allowed
from plait._engines.core_wait import waited_for_core

_PERIOD = 0.0003  # seconds between two attempts to wake up
_SLACK = 0.0002  # by so much a wake-up may be late without anybody being the cause


class Canary:
    """Measures, from its first breath to `stop`, how much of the time somebody else holds the GIL.

    It costs the others less than 2 % of a core. A wait that has not ended counts too, so that a call in C which never
    lets go of the GIL is known as soon as somebody can ask.

    Attributes:
        busy: seconds on a core that it has needed itself.
    """

    def __init__(self) -> None:
        self.busy = 0.0
        self._stopped = False
        self._late = 0.0
        self._total = 0.0
        self._asleep_since = 0.0
        self._thread = threading.Thread(target=self._sing, name="plait-canary", daemon=daemons_allowed())
        self._thread.start()

    @property
    def waiting(self) -> float:
        """The share of the time it waited for the GIL, from 0 to 1."""
        late, total = self._late, self._total
        if since := self._asleep_since:
            pending = time.perf_counter() - since
            late += max(0.0, pending - _PERIOD - _SLACK)
            total += pending
        return late / total if total else 0.0

    def stop(self) -> None:
        """Have the thread end; it does within a millisecond, or when it gets the GIL."""
        self._stopped = True

    def join(self) -> None:
        """Wait for its end."""
        self._stopped = True
        self._thread.join()

    def _sing(self) -> None:
        delayed = waited_for_core()
        while not self._stopped:
            self._asleep_since = began = time.perf_counter()
            time.sleep(_PERIOD)
            took = time.perf_counter() - began
            before, delayed = delayed, waited_for_core()
            took = max(_PERIOD, took - (delayed - before))
            self._asleep_since = 0.0
            self._late += max(0.0, took - _PERIOD - _SLACK)
            self._total += took
            self.busy = time.thread_time()
