"""The means of subinterpreters: threads of this process, on the sockets and the memory of the system it runs on."""

from __future__ import annotations

from plait._core.budget import SHARED_CORES
from plait._engines.hosting import Host
from plait._engines.interpreters.interpreter_launcher import InterpreterLauncher


class InterpreterHost:
    """What `hosting.Host` says, for workers that are interpreters; waiting and memory are those of the `system`."""

    kind = "interpreter"

    def __init__(self, system: Host) -> None:
        self.poll = system.poll
        self.bell = system.bell
        self.arena = system.arena
        self.segment = system.segment

    def launcher(self, environment: dict[str, str]) -> InterpreterLauncher:
        return InterpreterLauncher(self, {SHARED_CORES: environment[SHARED_CORES]})

    def private_bytes(self, pid: int) -> int:
        return 0  # an interpreter has no memory that could be told from the others'
