"""The means of Linux: a zygote, pipes, memory files, /proc."""

from __future__ import annotations

from plait._engines.facts import private_bytes_of_linux
from plait._engines.hosting import Poll
from plait._engines.pipe_bell import PipeBell
from plait._engines.polling import poller
from plait._engines.segments import FileSegment, memory_arena, memory_file
from plait._engines.zygote_client import Zygote


class LinuxHost:
    """What `hosting.Host` says, by the shortest way."""

    kind = "process"

    def poll(self) -> Poll:
        return poller()

    def bell(self) -> PipeBell:
        return PipeBell()

    def arena(self) -> FileSegment | None:
        try:
            return memory_arena()
        except OSError:  # such as a limit on the size of files
            return None

    def segment(self, size: int) -> FileSegment:
        return memory_file("plait-board", size)

    def launcher(self, environment: dict[str, str]) -> Zygote:
        return Zygote(environment)

    def private_bytes(self, pid: int) -> int:
        return private_bytes_of_linux(pid)
