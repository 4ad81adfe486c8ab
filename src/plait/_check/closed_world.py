"""Tells a hang in calls outside our control: nobody but the program itself could end them. Linux only.

Every thread waits, no time ends a wait, and those outside our control wait for pipes and sockets:

    /proc/self/task/N/syscall -> which descriptors -> who has the other end -> only threads that wait -> nobody goes on

*Promises*: it is said only of what the system tells for certain (`other_ends` has what that is), and only after two
looks alike. Someone might connect to a socket that listens: that is no hang, unless nobody can know its port, which the
system has chosen on the loopback, and the program is its own client, which waits; or unless it has closed the socket.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from plait._check.other_ends import End, Ends, asked, threads_of_this
from plait._check.stage import STAGE
from plait._check.system_calls import Wait, is_ready, waits_of
from plait._core.connections import LISTENS, connections
from plait._core.processes import descriptors, link_of, text_of

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution

_CALM = 1.5  # seconds without a change after which no TCP has anything to send again
_AGAIN = 0.25  # seconds between two answers that take a look at all processes
_TOLD = os.path.isdir("/proc/self/task")
_LENDS = "socket.sendmsg"  # the call that may give a descriptor to another process, which has not got it yet


class _Seen(NamedTuple):
    """What a thread waits for, and whatever would change if it had gone on in between."""

    thread: Controlled
    waits: tuple[Wait, ...]
    turns: str


class ClosedWorld:
    """Of one execution: asked at each look at it while everything waits for calls outside our control."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._seen: object = None
        self._since = self._next = 0.0
        self.hangs = False

    def stuck(self) -> bool:
        """Whether nobody will ever go on but by time; then `lacks` and `files` of those outside say what they want.

        `hangs` is whether that is all that can be: nobody from elsewhere may come.
        """
        now, seen = monotonic(), self._look() if _TOLD else None
        state = seen and (len(self._execution.events), seen)
        if state is None or state != self._seen:
            self._seen, self._since, self._next = state, now, 0.0
            return False
        if seen is None or now < self._next or any(call.startswith(_LENDS) for call in self._execution.outside):
            return False
        self._next = now + _AGAIN
        world = Ends()
        ends = {world.end(wait, one.thread) for one in seen for wait in one.waits}
        if End.SOMEBODY in ends or (End.LATER in ends and now - self._since < _CALM):
            return False
        serves = End.GUEST in ends and not ends & {End.CLIENT, End.LATER}  # it may be meant for others
        hangs = not (serves or End.VISITOR in ends)
        if not (hangs or self.next_moment() is not None) or self._unknown() or self._look() != seen:
            return False
        self.hangs = hangs
        for one in seen:
            files = tuple(wait.file for wait in one.waits)
            one.thread.call = one.thread.call._replace(files=files, lacks=world.words(one.waits, one.thread))
        return True

    def next_moment(self) -> float | None:
        """When time ends a wait next; None if it ends none."""
        threads = self._execution.threads
        moments = [me.call.until if me.away else me.deadline for me in threads if not me.done]
        return min((moment for moment in moments if moment is not None), default=None)

    def _unknown(self) -> bool:
        """Whether this process has threads that were not there before the search, and are not under control."""
        controlled = (*self._execution.threads, *STAGE.strays.values())
        known = STAGE.before | {me.native for me in controlled}
        return bool(self._execution.strangers) or not threads_of_this() <= known

    def _look(self) -> list[_Seen] | None:
        """All who are outside; None if anybody may go on, or it cannot be told."""
        found = []
        for me in self._execution.threads if not self._execution.signals else ():
            if me.done or not me.launched:
                continue
            if me.ready:
                return None
            if me.away:
                waits = me.call.polled() if me.call.polled is not None else waits_of(me.native)
                if not waits or is_ready(waits):
                    return None
                found.append(_Seen(me, tuple(waits), "" if me.call.polled is not None else _turns(me.native)))
        return found or None


def wake(threads: Sequence[Controlled]) -> None:
    """Ends the waits of which it was said that nobody can: the execution is over, and its threads shall end."""
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for me in threads:
            with suppress(OSError):
                _end_files_of(me, nothing.fileno())
    closed = {str(me.call.inode) for me in threads if me.call.files and me.call.inode}
    for row in connections("self") if closed else ():
        if row.inode in closed and row.state == LISTENS:
            with suppress(OSError):
                socket.create_connection(row.local, timeout=1.0).close()


def _end_files_of(me: Controlled, nothing: int) -> None:
    for number in me.call.files:
        socket_now = link_of("self", number)  # it may be another one by now
        if not me.call.inode or socket_now == f"socket:[{me.call.inode}]":
            _end_of(number, nothing)


def _end_of(number: int, nothing: int) -> None:
    """What the other side gets is an end, or an error."""
    link = link_of("self", number)
    if link.startswith("socket:"):
        asked(number, lambda one: one.shutdown(socket.SHUT_RDWR), None)
    elif link.startswith("pipe:"):
        for other in descriptors("self"):
            if other != number and link_of("self", other) == link:
                os.dup2(nothing, other, os.get_inheritable(other))


def _turns(native: int) -> str:
    """How often a thread has gone to sleep."""
    return text_of(f"/proc/self/task/{native}/status").rpartition("\nvoluntary_ctxt_switches")[2]
