"""What the portable engine uses on POSIX systems: inherited descriptors, unlinked temporary files, process groups."""

from __future__ import annotations

import os
import signal
import subprocess

from plait._core.memory import memory_limit_bytes
from plait._engines.segments import FileSegment, temporary_arena, temporary_file
from plait._engines.socket_pair import Socket

_LARGEST = 1 << 34  # bytes of an arena: it is backed by a disk


class PosixSystem:
    """macOS, the BSDs, and Linux on request."""

    def segment(self, size: int) -> FileSegment:
        return temporary_file(size)

    def arena(self) -> FileSegment:
        return temporary_arena(min(_LARGEST, memory_limit_bytes() or _LARGEST))

    def spawn(self, command: list[str], environment: dict[str, str], inherited: list[int]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, env=environment, pass_fds=inherited, start_new_session=True
        )

    def pass_on(self, end: Socket, pid: int) -> int:
        return end.fileno()

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        try:  # also when it has just ended: what it has started may live on in its group
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nobody is left; macOS says the second while some are not reaped
            process.kill()
