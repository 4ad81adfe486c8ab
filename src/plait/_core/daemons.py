"""Whether threads may be daemons: in a subinterpreter they may not."""

from __future__ import annotations

import _thread


def daemons_allowed() -> bool:
    """What a background thread's ``daemon`` is: True, except in a subinterpreter, which ends after its last thread."""
    allowed = getattr(_thread, "daemon_threads_allowed", None)  # CPython 3.12 and later
    return True if allowed is None else bool(allowed())
