"""Canary: a thread that only wakes up, and notes how long it has to wait for the GIL to do so."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from plait._core.daemons import daemons_allowed
from plait._engines.core_wait import is_runnable, waited_for_core

CANARY = "plait-canary"  # the name of the thread, which traces leave out
_PERIOD = 0.0003  # seconds between two attempts to wake up
_SLACK = 0.0002  # by so much a wake-up may be late without anybody being the cause
_TURN = _PERIOD + _SLACK
_WAITING = 0.5  # of its time is what a function computes for that mostly waits, at most


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
        self._since = time.perf_counter(), 0.0  # its last wake-up, and seconds that it had waited for a core until then
        self._thread = threading.Thread(target=self._sing, name=CANARY, daemon=daemons_allowed())
        self._thread.start()

    @property
    def heard(self) -> Heard:
        """What it knows until now, or knew when it was stopped."""
        if self._stopped:
            return self._final
        late, total, (since, waited) = self._late, self._total, self._since
        pending = time.perf_counter() - since
        if pending > _TURN:
            if is_runnable(self._thread.native_id):
                return Heard(late, total)  # it lacks a core just now: since when, nobody can tell
            pending = max(0.0, pending - waited_for_core(self._thread.native_id) + waited)
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
        began, waited = time.perf_counter(), waited_for_core()
        self._since = began, waited
        while not self._stopped:
            time.sleep(_PERIOD)
            before, waited = waited, waited_for_core()  # to read it, the GIL is let go as well
            now = time.perf_counter()
            took = max(_PERIOD, now - began - (waited - before))
            began = now
            self._since = began, waited
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

    def unhindered(self, computed: float, ready: float) -> float:
        """The share if they, who computed for so long, had had a core in the seconds that they were ready for one.

        Who is kept from a core with the GIL in hand holds it for longer than it computes. What mostly waits is kept
        from it at these moments, what computes at any.

        >>> Heard(late=0.5, seconds=1.0).unhindered(computed=0.1, ready=0.5)
        0.0
        >>> Heard(late=0.75, seconds=1.0).unhindered(computed=0.25, ready=0.5)
        0.5
        """
        ready = min(ready, max(0.0, self.seconds - computed))  # more of it was before these seconds, or between them
        alone, busy = self.seconds - ready, computed + ready
        if not busy or alone <= 0:
            return self.share
        if computed < alone * _WAITING:
            return max(0.0, self.late - ready) / alone
        held = self.late * computed / busy if self.late <= busy else self.late - ready
        return min(1.0, held / max(alone, computed))
