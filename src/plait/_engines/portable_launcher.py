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

from plait._core.frozen import STARTING
from plait._core.interrupts import finishes
from plait._engines.boot_command import command
from plait._engines.hosting import Segment
from plait._engines.returns import CUT_OFF
from plait._engines.socket_launcher import Memory, SocketLauncher
from plait._engines.socket_pair import Socket

_KILLED = -9 if os.name == "posix" else 1  # what becomes of a process that `System.kill` ends
_FAREWELL = 10.0  # seconds a killed worker may take to be gone, as where the disk of its arena is busy

Process = subprocess.Popen[bytes]


class System(Memory, Protocol):
    """What differs between the systems that are not Linux."""

    def spawn(self, command: list[str], environment: dict[str, str], inherited: list[int]) -> Process:
        """A process that does not get Ctrl-C, with its standard input open to us."""
        ...

    def pass_on(self, end: Socket, pid: int) -> int | bytes:
        """What the process makes its socket of."""
        ...

    def kill(self, process: Process) -> None:
        """End the process if it lives, and what it has started where the system knows."""
        ...


class PortableLauncher(SocketLauncher):
    """The `hosting.Launcher` of every system."""

    patience = 100.0  # a worker's death is heard at once, unless something that it started holds its sockets
    refusal = ""

    def __init__(self, system: System, environment: dict[str, str]) -> None:
        super().__init__(system)
        self._system = system
        self._environment = {**os.environ, **environment, STARTING: "1"}
        self._processes: weakref.WeakValueDictionary[int, Process] = weakref.WeakValueDictionary()

    def start(self, token: int, ends: list[Socket], segments: list[Segment | None]) -> _Child:
        addresses = [None if segment is None else segment.address for segment in segments]
        inherited = [end.fileno() for end in ends]
        inherited += [address[0] for address in addresses if address is not None and isinstance(address[0], int)]
        process = self._system.spawn(command("plait._engines.portable_worker"), self._environment, inherited)
        self._processes[token] = process
        order = dumps(([self._system.pass_on(end, process.pid) for end in ends], addresses), 5)
        assert process.stdin is not None
        try:
            with process.stdin as stdin:
                stdin.write(order)
        except OSError:  # it has died already: the end of its results says so
            pass
        return _Child(process, self._system)

    def has_ended(self, token: int) -> bool:
        process = self._processes.get(token)
        return process is not None and process.poll() is not None

    def status_of(self, token: int, wait: float) -> int | None:
        process = self._processes.get(token)
        if process is None:
            return None
        try:
            code = process.wait(wait)
        except subprocess.TimeoutExpired:  # its link has ended, and it lives on
            self._system.kill(process)
            try:
                code = process.wait(wait)
            except subprocess.TimeoutExpired:
                return None
            if code == _KILLED:
                return CUT_OFF
        return -code if code < 0 else code << 8


class _Child:
    """The process of one worker."""

    killable = True
    fate = "which was killed"
    left_behind = False

    def __init__(self, process: Process, system: System) -> None:
        self._process = process
        self._system = system
        self._killed = False

    @finishes
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
