"""The means that every system has: an interpreter per worker, sockets, and the memory its `System` can share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait._engines.facts import private_bytes_anywhere
from plait._engines.hosting import Poll, Segment
from plait._engines.polling import poller
from plait._engines.portable_launcher import PortableLauncher
from plait._engines.socket_pair import Socket, socket_pair

if TYPE_CHECKING:
    from plait._engines.portable_launcher import System


class PortableHost:
    """What `hosting.Host` says, on any system that can start processes and has sockets."""

    kind = "process"

    def __init__(self, system: System) -> None:
        self._system = system

    def poll(self) -> Poll:
        return poller()

    def bell(self) -> SocketBell:
        return SocketBell()

    def arena(self) -> Segment | None:
        try:
            return self._system.arena()
        except OSError:  # no disk, or no memory, is left for it
            return None

    def segment(self, size: int) -> Segment:
        return self._system.segment(size)

    def launcher(self, environment: dict[str, str]) -> PortableLauncher:
        return PortableLauncher(self._system, environment)

    def private_bytes(self, pid: int) -> int:
        return private_bytes_anywhere(pid)


class SocketBell:
    """A pair of sockets, of which one is readable after `ring`; see `pipe_bell.PipeBell` for its promises."""

    def __init__(self) -> None:
        read, write = socket_pair()
        read.setblocking(False)
        write.setblocking(False)
        self._pair: tuple[Socket, Socket] | None = read, write

    def fileno(self) -> int:
        """To poll; -1 after `close`."""
        pair = self._pair
        return -1 if pair is None else pair[0].fileno()

    def ring(self) -> None:
        """Make it readable; does nothing after `close`."""
        pair = self._pair
        if pair is None:
            return
        try:
            pair[1].send(b"!")
        except BlockingIOError:
            return  # full: it has been rung often enough

    def silence(self) -> None:
        """The waiting thread is awake and will look at everything there is to look at."""
        pair = self._pair
        if pair is None:
            return
        try:
            pair[0].recv(4096)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Free the sockets as soon as nobody is ringing."""
        self._pair = None
