"""A pipe that ends a process with whoever holds its other end: the kernel kills it, also within C code."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the C module: signal.py would import enum
import os
import select

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # `can_tie` says so before anybody uses it


def can_tie() -> bool:
    """Whether the kernel does that: Linux does."""
    return hasattr(fcntl, "F_SETSIG")


def tie(lifeline: int, owner: int) -> None:
    """From now on `owner` is killed when nobody holds the other end of this pipe; at once, if nobody does by now.

    `owner` is the calling process, or the negative number of its group. Nothing may be written to the pipe.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, owner)
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    if poll.poll(0):
        os._exit(0)
