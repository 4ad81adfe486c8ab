"""Starts each worker as an interpreter of its own, without a fork, and hands it its sockets and memory.

What the worker is to use is written to its standard input once its pid is known, since Windows passes sockets to a
process that exists already; see `portable_worker` for the other side.
"""

from __future__ import annotations

import os
import subprocess
import weakref
from _pickle import dumps
from typing import Protocol

from plait._engines.board import SIZE
from plait._engines.boot_command import command
from plait._engines.hosting import Bell, Segment
from plait._engines.links import SocketLink
from plait._engines.remote_worker import RemoteWorker
from plait._engines.socket_pair import Socket, socket_pair

_FAREWELL = 3.0  # seconds a killed worker may take to be gone

Process = subprocess.Popen[bytes]


class System(Protocol):
    """What differs between the systems that are not Linux."""

    def segment(self, size: int) -> Segment:
        """Memory that workers can share."""
        ...

    def arena(self) -> Segment:
        """Memory for large buffers, as large as is wise."""
        ...

    def spawn(self, command: list[str], environment: dict[str, str], inherited: list[int]) -> Process:
        """A process that does not get Ctrl-C, with its standard input open to us."""
        ...

    def pass_on(self, end: Socket, pid: int) -> int | bytes:
        """What the process makes its socket of."""
        ...

    def kill(self, process: Process) -> None:
        """End the process if it lives, and what it has started where the system knows."""
        ...


class PortableLauncher:
    """The `hosting.Launcher` of every system."""

    patience = 100.0  # a worker's death is heard at once, unless something that it started holds its sockets
    dead = False

    def __init__(self, system: System, environment: dict[str, str]) -> None:
        self._system = system
        self._environment = {**os.environ, **environment}
        self._processes: weakref.WeakValueDictionary[int, Process] = weakref.WeakValueDictionary()
        self.bells: set[Bell] = set()  # never rung: only the run that owns a worker hears of it

    def launch(self, token: int, inputs: Segment | None) -> RemoteWorker:
        """A worker that is being started; one that cannot be raises OSError."""
        sockets: list[Socket] = []
        segments: list[Segment] = []
        try:
            for _ in range(3):
                sockets += socket_pair()
            segments.append(self._system.segment(SIZE))
            arena = self._arena()
            if arena is not None:
                segments.append(arena)
            process = self._start(sockets[1::2], [segments[0], arena, inputs])
            self._processes[token] = process
            commands, results, lifeline = sockets[::2]
            link = SocketLink(commands, results, lifeline, _Child(process, self._system))
            worker = RemoteWorker(token, link, segments[0], arena)
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
        """Nothing: the system is asked about each worker."""

    def has_ended(self, token: int) -> bool:
        process = self._processes.get(token)
        return process is not None and process.poll() is not None

    def status_of(self, token: int, wait: float) -> int | None:
        process = self._processes.get(token)
        if process is None:
            return None
        try:
            code = process.wait(wait)
        except subprocess.TimeoutExpired:
            return None
        return -code if code < 0 else code << 8

    def reap(self) -> None:
        """Nothing: it never dies before it is closed."""

    def close(self) -> None:
        """Start no more."""
        self.dead = True

    def _arena(self) -> Segment | None:
        try:
            return self._system.arena()
        except OSError:  # no disk, or no memory, is left for it: large results come through the socket
            return None

    def _start(self, ends: list[Socket], segments: list[Segment | None]) -> Process:
        addresses = [None if segment is None else segment.address for segment in segments]
        inherited = [end.fileno() for end in ends]
        inherited += [address[0] for address in addresses if address is not None and isinstance(address[0], int)]
        process = self._system.spawn(command("plait._engines.portable_worker"), self._environment, inherited)
        order = dumps(([self._system.pass_on(end, process.pid) for end in ends], addresses), 5)
        assert process.stdin is not None
        try:
            with process.stdin as stdin:
                stdin.write(order)
        except OSError:  # it has died already: the end of its results says so
            pass
        return process


class _Child:
    """The process of one worker."""

    def __init__(self, process: Process, system: System) -> None:
        self._process = process
        self._system = system
        self._killed = False

    def kill(self) -> None:
        if not self._killed:  # once: later on its number may be somebody else's
            self._killed = True
            self._system.kill(self._process)

    def wait(self) -> None:
        try:
            self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:  # stuck in the kernel: subprocess reaps it when it starts its next process
            return

    def disown(self) -> None:
        self._process.returncode = 0  # or its end would be waited for here
