"""What launchers have in common whose workers are reached through sockets: the ends, the memory, the clearing up."""

from __future__ import annotations

from typing import Protocol

from plait._core.interrupts import finishes
from plait._engines.board import SIZE
from plait._engines.hosting import Bell, Segment
from plait._engines.links import Child, SocketLink
from plait._engines.remote_worker import RemoteWorker
from plait._engines.socket_pair import Socket, socket_pair


class Memory(Protocol):
    """Gives out memory that workers can share."""

    def segment(self, size: int) -> Segment:
        """Memory of this size."""
        ...

    def arena(self) -> Segment | None:
        """Memory for large buffers, as large as is wise; OSError or None when there is none to be had."""
        ...


class SocketLauncher:
    """Half a `hosting.Launcher`; one that derives from it says how a worker is started, and what becomes of it."""

    kind = "process"
    dead = False

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.bells: set[Bell] = set()  # never rung: only the run that owns a worker hears of it

    def start(self, token: int, ends: list[Socket], segments: list[Segment | None]) -> Child:
        """A worker with its ends of three socket pairs, its board, its arena, and the driver's arena."""
        raise NotImplementedError

    @finishes
    def launch(self, token: int, inputs: Segment | None) -> RemoteWorker:
        """A worker that is being started; one that cannot be raises OSError."""
        sockets: list[Socket] = []
        segments: list[Segment] = []
        try:
            for _ in range(3):
                sockets += socket_pair()
            segments.append(self._memory.segment(SIZE))
            arena = self._arena()
            if arena is not None:
                segments.append(arena)
            child = self.start(token, sockets[1::2], [segments[0], arena, inputs])
            commands, results, lifeline = sockets[::2]
            link = SocketLink(commands, results, lifeline, child)
            worker = RemoteWorker(token, self.kind, link, segments[0], arena)
        except BaseException:
            for end in sockets:
                end.close()
            for segment in segments:
                segment.close()
            raise
        for end in sockets[1::2]:
            end.close()
        segments[0].close()  # the worker's handle has mapped it
        return worker

    def preload(self) -> None:
        """Nothing: each worker imports what it needs."""

    def fileno(self) -> int:
        return -1

    def collect(self) -> None:
        """Nothing: each worker is asked."""

    def reap(self) -> None:
        """Nothing: it never dies before it is closed."""

    def close(self) -> None:
        """Start no more."""
        self.dead = True

    def _arena(self) -> Segment | None:
        try:
            return self._memory.arena()
        except OSError:  # no disk, or no memory, is left for it: large results come through the socket
            return None
