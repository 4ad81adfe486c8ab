"""What the portable engine uses on Windows: sockets shared by process id, mappings with a random name."""

from __future__ import annotations

import os
import subprocess
import sys

from plait._engines.segments import NamedSegment
from plait._engines.socket_pair import Socket

_ARENA = 1 << 27  # bytes; Windows sets memory aside for all of it at once


class WindowsSystem:
    """Windows, which has neither fork nor inherited descriptors nor process groups that can be killed."""

    def segment(self, size: int) -> NamedSegment:
        return NamedSegment(f"plait-{os.urandom(16).hex()}", size)

    def arena(self) -> NamedSegment:
        return self.segment(_ARENA)

    def spawn(self, command: list[str], environment: dict[str, str], inherited: list[int]) -> subprocess.Popen[bytes]:
        base = getattr(sys, "_base_executable", sys.executable)
        if os.path.normcase(base) != os.path.normcase(sys.executable):
            # The python.exe of a virtual environment only starts the real one, whose pid is the one that counts.
            environment = {**environment, "__PYVENV_LAUNCHER__": sys.executable}
            command = [base, *command[1:]]
        apart = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Ctrl-C is the driver's
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, creationflags=apart)

    def pass_on(self, end: Socket, pid: int) -> bytes:
        data: bytes = end.share(pid)  # type: ignore[attr-defined]  # a method of Windows
        return data

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
