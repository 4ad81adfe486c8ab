"""A search in a process of its own: what crashes there is reported, what does not come back is ended."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from plait._check.pulse import Pulse

_LOOK = 1.0  # seconds between two looks at the pulse
_STILL = 20.0  # seconds without a beat after which nothing will come any more: C code keeps the GIL
_FAREWELL = 3.0  # seconds that the search has to end by itself after Ctrl-C


class Death(NamedTuple):
    """How a search has ended without a word.

    Attributes:
        number: of the execution in which it happened.
        status: its exit status, as `os.waitstatus_to_exitcode` gives it: negative for a signal; None when it was stuck.
    """

    number: int
    status: int | None


def guarded(work: Callable[[Pulse | None], int]) -> int | Death:
    """What `work` returns, in a child process where the system and the moment allow it.

    The child returns from here, too, like the one process that there is elsewhere, and goes on to its end; the parent
    returns when it has.
    """
    if not _can_fork():
        return work(None)
    pulse = Pulse()
    over, held = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(held)
        return _look_after(child, over, pulse)
    os.close(over)
    faulthandler.enable(all_threads=False)
    pulse.start()
    status = work(pulse)
    sys.stdout.flush()
    pulse.end()
    return status


def _can_fork() -> bool:
    """Not where threads are running, nor inside somebody's program that has put its own streams in place."""
    return hasattr(os, "fork") and threading.active_count() == 1 and sys.stdout is sys.__stdout__


def _look_after(child: int, over: int, pulse: Pulse) -> int | Death:
    try:
        status = _wait(child, over, pulse)
    except KeyboardInterrupt:  # the child has heard it, too
        if _ended(child, over, _FAREWELL) is None:
            _kill(child)
        raise
    finally:
        os.close(over)
    return status if pulse.done and status is not None and status >= 0 else Death(pulse.number, status)


def _wait(child: int, over: int, pulse: Pulse) -> int | None:
    """The exit status of the child; None if it was stuck and had to be killed."""
    beats, moved = -1, time.monotonic()
    while (status := _ended(child, over, _LOOK)) is None:
        if pulse.beats != beats:
            beats, moved = pulse.beats, time.monotonic()
        elif time.monotonic() - moved > _STILL and not _stopped(child):
            _kill(child)
            return None
    return status


def _ended(child: int, over: int, seconds: float) -> int | None:
    """Its exit status, if it ends within this time."""
    ready, _, _ = select.select([over], [], [], seconds)  # readable when nobody holds the other end any more
    pid, status = os.waitpid(child, 0 if ready else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


def _stopped(child: int) -> bool:
    """Whether it stands still because somebody has stopped it, as Ctrl-Z does."""
    try:
        with open(f"/proc/{child}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except OSError:
        return False


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
