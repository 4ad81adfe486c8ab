"""Canary: a thread that only wakes up, and notes how long it has to wait for the GIL to do so."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from plait._core.daemons import daemons_allowed
from plait._engines.core_wait import waited_for_core

_PERIOD = 0.0003  # seconds between two attempts to wake up
_SLACK = 0.0002  # by so much a wake-up may be late without anybody being the cause
_TURN = _PERIOD + _SLACK


class Canary:
    """Measures, from its first breath to `stop`, how much of the time somebody else holds the GIL.

    It costs the others less than 2 % of a core. A wait that has not ended counts too, so that a call in C which never
    lets go of the GIL is known as soon as somebody can ask. Waits for a core do not count.

    Attributes:
        busy: seconds on a core that it has needed itself.
    """

    def __init__(self) -> None:
        self.busy = 0.0
        self._stopped = False
        self._final = Heard(0.0, 0.0)
        self._late = 0.0
        self._total = 0.0
        self._since = time.perf_counter(), 0.0  # of this turn: when it began, and the seconds without a core until then
        self._thread = threading.Thread(target=self._sing, name="plait-canary", daemon=daemons_allowed())
        self._thread.start()

    @property
    def heard(self) -> Heard:
        """What it knows until now, or knew when it was stopped."""
        if self._stopped:
            return self._final
        late, total, (since, delayed) = self._late, self._total, self._since
        pending = time.perf_counter() - since
        if pending > _TURN:
            pending = max(0.0, pending - (waited_for_core(self._thread.native_id) - delayed))
        return Heard(late + max(0.0, pending - _TURN), total + pending)

    @property
    def waiting(self) -> float:
        """The share of the time it waited for the GIL, from 0 to 1."""
        return self.heard.share

    def stop(self) -> None:
        """Have the thread end; it does within a millisecond, or when it gets the GIL."""
        self._final = self.heard
        self._stopped = True

    def join(self) -> None:
        """Wait for its end."""
        self.stop()
        self._thread.join()

    def _sing(self) -> None:
        began, delayed = time.perf_counter(), waited_for_core()
        self._since = began, delayed
        while not self._stopped:
            time.sleep(_PERIOD)
            before, delayed = delayed, waited_for_core()  # to read it, the GIL is let go as well
            now = time.perf_counter()
            took = max(_PERIOD, now - began - (delayed - before))
            began = now
            self._since = began, delayed
            self._late += max(0.0, took - _TURN)
            self._total += took
            self.busy = time.thread_time()


class Heard(NamedTuple):
    """Of so many seconds, for how many somebody else had the GIL."""

    late: float
    seconds: float

    @property
    def share(self) -> float:
        return self.late / self.seconds if self.seconds else 0.0

    def unhindered(self, ready: float) -> float:
        """The share if they, who mostly wait, had had a core in the seconds that they were ready for one.

        Who is kept from a core with the GIL in hand holds it for longer than it computes. Of what computes nobody knows
        in which of its moments that happened.

        >>> Heard(late=0.5, seconds=1.0).unhindered(0.5)
        0.0
        """
        return max(0.0, self.late - ready) / (self.seconds - ready) if self.seconds > ready else self.share
