"""What `plait why` finds while a thread of the tests hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from plait._see.why.diagnosis import Diagnosis, diagnose
from plait._see.why.inside import look_inside

LONG = 30.0  # seconds


def diagnosed(work: Callable[[], object], title: str, release: Callable[[], object]) -> Diagnosis:
    """What is found while a thread does something that does not end until it is released."""
    thread = threading.Thread(target=work, name="waits")
    thread.start()
    deadline = time.monotonic() + LONG
    try:
        while True:
            dump = look_inside()
            mine = tuple(one for one in dump.threads if one.name == "waits")
            found = diagnose(dump._replace(threads=mine, workers=(), handled=()))
            if (found is not None and title in found.title) or time.monotonic() > deadline:
                assert found is not None
                assert title in found.title, found
                return found
    finally:
        release()
        thread.join()
