"""Who has the other end of a pipe or socket that somebody waits for, by what Linux tells of this and other processes.

The other end is found by its inode. Nothing is said of a named pipe, a file, a terminal, a datagram from anywhere, of
what a program that was started has an end of, nor of a descriptor that may be on its way to one.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from plait._check.system_calls import Wait
from plait._core.connections import LISTENS, NOBODY, OPEN, Connection, connections, unix_peer
from plait._core.processes import descends, has_end, link_of, links_of, processes, text_of
from plait._engines.facts import has_children

if TYPE_CHECKING:
    from plait._check.controlled import Controlled

_Answer = TypeVar("_Answer")

_TIMEOUTS = (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
_LOOPBACK = ("127.", "::1")
_PORTS = "/proc/sys/net/ipv4/ip_local_port_range"


class End(Enum):
    """Who could end a wait."""

    CLIENT = 0  # only this process, which has connected to itself
    OURS = 1  # only this process
    LATER = 2  # the same as the first, once all that was sent has arrived
    GUEST = 3  # whoever would know the port, and nobody can
    VISITOR = 4  # whoever knows the address
    SOMEBODY = 5


class Ends:
    """Who has which pipes and sockets, and who is connected with whom, at one moment."""

    def __init__(self) -> None:
        me = os.getpid()
        others = [one for one in processes() if one != me]
        self._mine = links_of(me)
        self._others = set[str]().union(*map(links_of, others))
        self._hidden = any(_is_hidden(one) and descends(one, me) for one in others)
        self._rows: list[Connection] = []
        self._alone = not has_children()

    def end(self, wait: Wait, me: Controlled) -> End:
        """Who could end this wait of a thread."""
        link = _file_of(wait, me)
        if self._hidden or link in self._others or not link.startswith(("pipe:[", "socket:[")):
            return End.SOMEBODY
        if link.startswith("pipe:["):
            return End.OURS if has_end("self", link, writes=bool(wait.events & select.POLLIN)) else End.SOMEBODY
        row = self._row(link, wait.file)
        if row is not None and row.state == LISTENS:
            return self._listens(row, link)
        if row is not None:
            return self._connected(row, wait)
        if link not in self._mine or _has_timeout(wait.file):
            return End.SOMEBODY
        if _listens(wait.file):
            return End.VISITOR if self._alone else End.SOMEBODY
        peer = unix_peer(int(link[8:-1]))
        return self._owned(f"socket:[{peer}]") if peer else End.SOMEBODY

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

    def _owned(self, link: str) -> End:
        return End.OURS if link in self._mine and link not in self._others else End.SOMEBODY

    def _listens(self, row: Connection, link: str) -> End:
        if not self._alone:
            return End.SOMEBODY
        if not (row.local.host.startswith(_LOOPBACK) and _is_chosen(row.local.port)):
            return End.VISITOR
        return End.GUEST if link in self._mine else End.CLIENT

    def _connected(self, row: Connection, wait: Wait) -> End:
        theirs = next((one for one in self._rows if (one.local, one.remote) == (row.remote, row.local)), None)
        if theirs is None or (row.state, theirs.state) != (OPEN, OPEN):
            return End.SOMEBODY
        if f"socket:[{row.inode}]" in self._mine and _has_timeout(wait.file):
            return End.SOMEBODY
        peer = theirs
        if theirs.inode == NOBODY:  # nobody has accepted it yet
            listening = (one for one in self._rows if one.state == LISTENS and one.local.port == theirs.local.port)
            peer = next(listening, theirs)
        if self._owned(f"socket:[{peer.inode}]") is End.SOMEBODY:
            return End.SOMEBODY
        return End.LATER if row.unsent or theirs.unsent else End.CLIENT


def _file_of(wait: Wait, me: Controlled) -> str:
    """The name of what a thread waits for, which the program may have closed meanwhile."""
    known = f"socket:[{me.call.inode}]" if me.call.inode else ""
    return known or link_of("self", wait.file)


def _has_timeout(number: int) -> bool:
    """Whether the socket has a timeout of the system's, which Python knows nothing of."""
    return asked(number, lambda one: any(any(one.getsockopt(socket.SOL_SOCKET, each, 16)) for each in _TIMEOUTS), True)


def _family(number: int) -> int | None:
    return asked(number, lambda one: one.family, None)


def _listens(number: int) -> bool:
    return asked(number, lambda one: bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)), False)


def asked(number: int, question: Callable[[socket.socket], _Answer], otherwise: _Answer) -> _Answer:
    """What a socket of this process answers; `otherwise` where the descriptor is none, or not any more."""
    with suppress(OSError):
        copy = os.dup(number)
        try:
            one = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)  # which nobody else would
            raise
        with one:
            return question(one)
    return otherwise


def _is_chosen(port: int) -> bool:
    """Whether it is one of those that the system chooses."""
    limits = text_of(_PORTS).split()
    return len(limits) == 2 and int(limits[0]) <= port <= int(limits[1])


def threads_of_this() -> set[int]:
    """The threads of this process, as the system numbers them; none where it does not tell."""
    try:
        return {int(name) for name in os.listdir("/proc/self/task")}
    except OSError:
        return set()


def _is_hidden(process: int) -> bool:
    """Whether it does not show what it has: it is another user's."""
    return not os.access(f"/proc/{process}/fd", os.R_OK) and text_of(f"/proc/{process}/stat") != ""
