"""Whether this interpreter has a GIL, and how soon those get it who wait for it: the one place that asks and sets."""

from __future__ import annotations

import sys
import threading

_SOON = 0.0005  # seconds


def has_gil() -> bool:
    """False on a free-threaded build whose GIL no import has turned on."""
    enabled: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
    return enabled


class Promptly:
    """As long as any of them is entered, a thread that computes keeps the GIL for no more than half a millisecond.

    Otherwise it does for 5 ms, each time, and who reads a file needs the GIL again after every call of the system: an
    import beside such a thread takes a second instead of some hundredths. What the program sets meanwhile stays.
    """

    _lock = threading.Lock()
    _entered = 0
    _before = _set = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not Promptly._entered:
                Promptly._before = sys.getswitchinterval()
                if Promptly._before > _SOON:
                    sys.setswitchinterval(_SOON)
                Promptly._set = sys.getswitchinterval()
            Promptly._entered += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            Promptly._entered -= 1
            if not Promptly._entered and sys.getswitchinterval() == Promptly._set != Promptly._before:
                sys.setswitchinterval(Promptly._before)
