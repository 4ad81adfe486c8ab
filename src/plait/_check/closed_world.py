"""Tells a hang in calls outside our control: nobody but the program itself could end them. Linux only.

Every thread waits, no time ends a wait, and those outside our control wait for pipes and sockets:

    /proc/self/task/N/syscall -> which descriptors -> who has the other end -> only threads that wait -> nobody goes on

*Promises*: it is said only of what the system tells for certain, and only after two looks alike. The other end is
found by its inode and belongs to this process, no other process has either end, and nothing is on its way. A named
pipe, a file, a terminal, a datagram from anywhere, a program that was started and has an end, a descriptor that may be
on its way to one: nothing is said. Someone
might connect to a socket that listens: that is no hang, unless nobody can know its port, which the system has chosen on
the loopback, and the program is its own client, which waits; or unless it has closed the socket.
"""

from __future__ import annotations

import os
import re
import select
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from plait._check.stage import STAGE
from plait._check.system_calls import Wait, waits_of
from plait._core.connections import LISTENS, NOBODY, OPEN, Connection, connections, unix_peer

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution

_CALM = 1.5  # seconds without a change after which no TCP has anything to send again
_AGAIN = 0.25  # seconds between two answers that take a look at all processes
_TOLD = os.path.isdir("/proc/self/task")
_WRITES = os.O_WRONLY | os.O_RDWR
_LENDS = "socket.sendmsg"  # the call that may give a descriptor to another process, which has not got it yet
_LOOPBACK = ("127.", "::1")
_PORTS = "/proc/sys/net/ipv4/ip_local_port_range"


class _End(Enum):
    """Who could end a wait."""

    CLIENT = 0  # only this process, which has connected to itself
    OURS = 1  # only this process
    LATER = 2  # the same as the first, once all that was sent has arrived
    GUEST = 3  # whoever would know the port, and nobody can
    VISITOR = 4  # whoever knows the address
    SOMEBODY = 5


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
        world = _World()
        ends = {world.end(wait, one.thread) for one in seen for wait in one.waits}
        if _End.SOMEBODY in ends or (_End.LATER in ends and now - self._since < _CALM):
            return False
        serves = _End.GUEST in ends and not ends & {_End.CLIENT, _End.LATER}  # it may be meant for others
        hangs = not (serves or _End.VISITOR in ends)
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
        return bool(self._execution.strangers) or not tasks() <= STAGE.before | {me.native for me in controlled}

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
                if not waits or _is_ready(waits):
                    return None
                found.append(_Seen(me, tuple(waits), "" if me.call.polled is not None else _turns(me.native)))
        return found or None


def wake(threads: Sequence[Controlled]) -> None:
    """Ends the waits of which it was said that nobody can: the execution is over, and its threads shall end."""
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for me in threads:
            with suppress(OSError):
                for number in me.call.files:
                    if (
                        not me.call.inode or _link("self", number) == f"socket:[{me.call.inode}]"
                    ):  # it is not another one by now
                        _end_of(number, nothing.fileno())
    closed = {str(me.call.inode) for me in threads if me.call.files and me.call.inode}
    for row in connections("self") if closed else ():
        if row.inode in closed and row.state == LISTENS:
            with suppress(OSError):
                socket.create_connection(row.local, timeout=1.0).close()


def _end_of(number: int, nothing: int) -> None:
    """What the other side gets is an end, or an error."""
    link = _link("self", number)
    if link.startswith("socket:"):
        with socket.socket(fileno=os.dup(number)) as woken:
            woken.shutdown(socket.SHUT_RDWR)
    elif link.startswith("pipe:"):
        for other in _numbers("self"):
            if other != number and _link("self", other) == link:
                os.dup2(nothing, other, os.get_inheritable(other))


class _World:
    """Who has which pipes and sockets, and who is connected with whom, at one moment."""

    def __init__(self) -> None:
        me = os.getpid()
        self._mine = set(_links(me))
        others = [one for one in _processes() if one != me]
        self._others = {link for one in others for link in _links(one)}
        self._hidden = any(_is_hidden(one) and _descends(one, me) for one in others)
        self._rows: list[Connection] = []
        self._alone = not any(_text(f"/proc/self/task/{one}/children") != "" for one in tasks())

    def end(self, wait: Wait, me: Controlled) -> _End:
        """Who could end this wait of a thread."""
        link = _file_of(wait, me)
        if self._hidden or link in self._others or not link.startswith(("pipe:[", "socket:[")):
            return _End.SOMEBODY
        if link.startswith("pipe:["):
            return _End.OURS if _has_other_end(link, wait) else _End.SOMEBODY
        row = self._row(link, wait.file)
        if row is not None and row.state == LISTENS:
            return self._listens(row, link)
        if row is not None:
            return self._connected(row, wait)
        if link not in self._mine or _has_timeout(wait.file):
            return _End.SOMEBODY
        if _listens(wait.file):
            return _End.VISITOR if self._alone else _End.SOMEBODY
        peer = unix_peer(int(link[8:-1]))
        return self._owned(f"socket:[{peer}]") if peer else _End.SOMEBODY

    def words(self, waits: Collection[Wait], me: Controlled) -> str:
        """What a thread lacks."""
        wait = min(waits, key=lambda one: self.end(one, me).value)
        link = _file_of(wait, me)
        row = self._row(link, wait.file)
        kind = "pipe" if link.startswith("pipe:") else "socket"
        if row is not None and row.state == LISTENS:
            return "a connection" if link in self._mine else "a connection to a socket that was closed"
        return f"data from a {kind}" if wait.events & select.POLLIN else f"room in a {kind}"

    def _row(self, link: str, number: int) -> Connection | None:
        if link in self._mine and _family(number) == socket.AF_UNIX:
            return None
        self._rows = self._rows or [*connections("self")]  # which takes its time
        return next((row for row in self._rows if f"socket:[{row.inode}]" == link), None)

    def _owned(self, link: str) -> _End:
        return _End.OURS if link in self._mine and link not in self._others else _End.SOMEBODY

    def _listens(self, row: Connection, link: str) -> _End:
        if not self._alone:
            return _End.SOMEBODY
        if not (row.local.host.startswith(_LOOPBACK) and _is_chosen(row.local.port)):
            return _End.VISITOR
        return _End.GUEST if link in self._mine else _End.CLIENT

    def _connected(self, row: Connection, wait: Wait) -> _End:
        theirs = next((one for one in self._rows if (one.local, one.remote) == (row.remote, row.local)), None)
        if theirs is None or (row.state, theirs.state) != (OPEN, OPEN):
            return _End.SOMEBODY
        if f"socket:[{row.inode}]" in self._mine and _has_timeout(wait.file):
            return _End.SOMEBODY
        peer = theirs
        if theirs.inode == NOBODY:  # nobody has accepted it yet
            listening = (one for one in self._rows if one.state == LISTENS and one.local.port == theirs.local.port)
            peer = next(listening, theirs)
        if self._owned(f"socket:[{peer.inode}]") is _End.SOMEBODY:
            return _End.SOMEBODY
        return _End.LATER if row.unsent or theirs.unsent else _End.CLIENT


def _file_of(wait: Wait, me: Controlled) -> str:
    """The name of what a thread waits for, which the program may have closed meanwhile."""
    known = f"socket:[{me.call.inode}]" if me.call.inode else ""
    return known or _link("self", wait.file)


def _is_ready(waits: Collection[Wait]) -> bool:
    """Whether a wait is over by now, or for something that is closed."""
    asked = select.poll()
    for wait in waits:
        asked.register(wait.file, wait.events)
    return any(not events & select.POLLNVAL for _, events in asked.poll(0))


def _has_timeout(number: int) -> bool:
    """Whether the socket has a timeout of the system's, which Python knows nothing of."""
    try:
        with socket.socket(fileno=os.dup(number)) as asked:
            return any(
                any(asked.getsockopt(socket.SOL_SOCKET, option, 16))
                for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
            )
    except OSError:
        return True


def _has_other_end(link: str, wait: Wait) -> bool:
    """Whether the end of a pipe that the one who waits for needs is open in this process."""
    for number in _numbers("self"):
        flags = re.search(r"^flags:\s*(\d+)", _text(f"/proc/self/fdinfo/{number}") or "", re.MULTILINE)
        if _link("self", number) == link and flags is not None:
            writes = bool(int(flags[1], 8) & _WRITES)
            if writes == bool(wait.events & select.POLLIN):
                return True
    return False  # it is somewhere on its way


def _family(number: int) -> int:
    try:
        with socket.socket(fileno=os.dup(number)) as asked:
            return asked.family
    except OSError:
        return -1  # it is no socket, or not any more


def _listens(number: int) -> bool:
    with socket.socket(fileno=os.dup(number)) as asked:
        return bool(asked.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _is_chosen(port: int) -> bool:
    """Whether it is one of those that the system chooses."""
    limits = (_text(_PORTS) or "").split()
    return len(limits) == 2 and int(limits[0]) <= port <= int(limits[1])


def _turns(native: int) -> str:
    """How often a thread has gone to sleep."""
    return (_text(f"/proc/self/task/{native}/status") or "").rpartition("\nvoluntary_ctxt_switches")[2]


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None


def tasks() -> set[int]:
    """The threads of this process, as the system numbers them; none where it does not tell."""
    try:
        return {int(name) for name in os.listdir("/proc/self/task")}
    except OSError:
        return set()


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _is_hidden(process: int) -> bool:
    """Whether it does not show what it has: it is another user's."""
    return not os.access(f"/proc/{process}/fd", os.R_OK) and _text(f"/proc/{process}/stat") is not None


def _descends(process: int, ancestor: int) -> bool:
    while process > 1 and process != ancestor:
        process = int((_text(f"/proc/{process}/stat") or ") ? 0").rpartition(")")[2].split()[1])
    return process == ancestor


def _links(process: int) -> Iterator[str]:
    return (_link(process, number) for number in _numbers(process))


def _numbers(process: int | str) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{process}/fd")]
    except OSError:
        return []  # it has ended, or is somebody else's, who has got nothing from us


def _link(process: int | str, number: int) -> str:
    try:
        return os.readlink(f"/proc/{process}/fd/{number}")
    except OSError:
        return ""
