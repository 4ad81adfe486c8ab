"""The watchdog of a program in a terminal: speaks when a map or scope is open and nothing can ever go on.

It is asleep nearly all the time, loads what it needs when it has something to say, and ends when nothing is open.
"""

from __future__ import annotations

import os
import threading
import time

from plait._core.vigil import VIGIL
from plait._see.standstill import Standstill

_SECONDS = 5.0  # without any movement
_LOOKS = 4  # in that time


class TerminalWatchdog:
    """One for the process; its thread runs while something is open."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._watching = 0

    def wake(self) -> None:
        """Something was opened."""
        if self._watching == os.getpid():  # and not only the process of which this is a fork
            return
        with self._lock:
            if self._watching != os.getpid():
                self._watching = os.getpid()
                threading.Thread(target=self._watch, name="plait-watchdog", daemon=True).start()

    def _watch(self) -> None:
        standstill = Standstill()
        while True:
            time.sleep(self._seconds / _LOOKS)
            with self._lock:
                if not VIGIL.open:
                    self._watching = 0
                    return
            still = standstill.reached(self._seconds)
            if still is not None:
                _say(still)


def _say(seconds: float) -> None:
    from plait._see.why.diagnosis import diagnose  # a program that does not hang needs none of this
    from plait._see.why.inside import look_inside
    from plait._see.why.words import tell

    dump = look_inside()
    diagnosis = diagnose(dump)
    if diagnosis is not None and diagnosis.certain:
        os.write(2, f"\nplait: nothing has moved for {seconds:.0f} s\n\n{tell(dump)}\n".encode())
