"""A search in a process of its own: what crashes there is reported, what does not come back is ended.

It may ask for a scout, a second one that searches beside it (see `_check/scout.py`).
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, NoReturn

from plait._check.pulse import Pulse
from plait._check.scout import Link, Scout, Scouting
from plait._core.lifeline import can_tie, tie

_LOOK = 1.0  # seconds between two looks at the pulse
_STILL = 20.0  # seconds without a beat after which nothing will come any more: C code keeps the GIL
_FAREWELL = 3.0  # seconds that the search has to end by itself after Ctrl-C
_SCOUT = b"s"  # the search asks for a scout

_exit = os._exit

Work = Callable[[Pulse | None, Scout | None], int]
GoAhead = Callable[[Scouting], object]


class Death(NamedTuple):
    """How a search has ended without a word.

    Attributes:
        number: of the execution in which it happened.
        status: its exit status, as `os.waitstatus_to_exitcode` gives it: negative for a signal; None when it was stuck.
        repeating: whether it was repeating what a scout had done, so that the execution is of the scout's seed.
    """

    number: int
    status: int | None
    repeating: bool


def guarded(work: Work, go_ahead: GoAhead | None = None) -> int | Death:
    """What `work` returns, in a child process where the system and the moment allow it.

    The child returns from here, too, like the one process that there is elsewhere, and goes on to its end; the parent
    returns when it has. `go_ahead` is what a scout does, if there may be one.
    """
    if not _can_fork():
        return work(None, None)
    pulse = Pulse()
    over, held = os.pipe()
    lifeline, ours = os.pipe()
    link = Link() if go_ahead is not None and can_tie() else None
    _flush()
    child = os.fork()
    if child:
        os.close(held)
        os.close(lifeline)
        try:
            return _Guard(child, over, pulse, link, go_ahead).look_after()
        finally:
            os.close(ours)
    os.close(over)
    os.close(ours)
    if can_tie():
        tie(lifeline, os.getpid())
    if sys.stderr is not None:
        faulthandler.enable(all_threads=False)
    pulse.start()
    status = work(pulse, link.searching(partial(os.write, held, _SCOUT)) if link is not None else None)
    _flush()
    pulse.end(status)
    return status


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where somebody has closed it
            stream.flush()


def _can_fork() -> bool:
    """Not where threads are running, nor inside somebody's program that has put its own streams in place."""
    return hasattr(os, "fork") and threading.active_count() == 1 and sys.stdout is sys.__stdout__


class _Guard:
    """What the parent does: it waits for the search, and for the scout if there is one."""

    def __init__(self, child: int, over: int, pulse: Pulse, link: Link | None, go_ahead: GoAhead | None) -> None:
        self._child = child
        self._over = over
        self._pulse = pulse
        self._link = link
        self._go_ahead = go_ahead
        self._scout = 0

    def look_after(self) -> int | Death:
        """The exit status of the search, or how it died; nothing of it is left."""
        pulse = self._pulse
        if self._link is not None:
            self._link.close_for_search()
        try:
            status = self._wait()
        except KeyboardInterrupt:  # the child has heard it, too
            self._close_link()
            if self._ended(_FAREWELL) is None:
                _kill(self._child)
            if pulse.said is None:
                raise
            return pulse.said  # it had come to its answer, and has told it
        finally:
            os.close(self._over)
            self._end_scout()
        said = pulse.said  # then what becomes of it does not matter: modules of the program may fail to end
        return said if said is not None else Death(pulse.number, status, pulse.repeating)

    def _wait(self) -> int | None:
        """The exit status of the child; None if it was stuck and had to be killed."""
        beats, moved = -1, time.monotonic()
        while (status := self._ended(_LOOK)) is None:
            if self._pulse.beats != beats:
                beats, moved = self._pulse.beats, time.monotonic()
            elif time.monotonic() - moved > _STILL and not _stopped(self._child):
                _kill(self._child)
                return None
        return status

    def _ended(self, seconds: float) -> int | None:
        """Its exit status, if it ends within this time."""
        ready, _, _ = select.select([self._over], [], [], seconds)
        if ready and os.read(self._over, 1) == _SCOUT:
            self._start_scout()
            return self._ended(seconds)
        pid, status = os.waitpid(self._child, 0 if ready else os.WNOHANG)  # nobody holds the other end any more
        return os.waitstatus_to_exitcode(status) if pid else None

    def _start_scout(self) -> None:
        if self._link is None or self._go_ahead is None:
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # the scout would come back to here by it
        try:
            self._scout = os.fork()
            if not self._scout:
                self._be_scout(self._link, self._go_ahead, before)
        except OSError:  # too many processes: the search sees that there is none
            pass
        finally:
            self._close_link()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _be_scout(self, link: Link, go_ahead: GoAhead, signals: set[signal.Signals | int]) -> NoReturn:
        """A scout from its first moment to its last; what goes wrong in it, the search sees and repeats."""
        try:
            scouting = link.scouting(self._child)
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, signals)
                go_ahead(scouting)
            except KeyboardInterrupt:  # the search has heard it, too
                scouting.leave()
        finally:
            _exit(1)

    def _end_scout(self) -> None:
        if self._scout:
            _kill(self._scout)
        self._close_link()

    def _close_link(self) -> None:
        if self._link is not None:
            self._link.close_for_scout()
            self._link = None


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
