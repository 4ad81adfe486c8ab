"""How a worker process begins on Linux: forked from the zygote, with its descriptors; it ends with its lifeline."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the C module: signal.py would import enum
import fcntl
import os
import select

from plait._engines import board as boards
from plait._engines.board import Board
from plait._engines.ends import PipeEnds
from plait._engines.facts import private_bytes_of_linux
from plait._engines.segments import FileSegment
from plait._engines.worker import Worker


def main(fds: list[int]) -> None:
    """Serve until the driver says quit or is gone; without the last descriptors there are no arenas."""
    commands, results, lifeline, board, *arenas = fds
    _isolate(lifeline, board)
    own, inputs = [*map(FileSegment, arenas), None, None][:2]
    page = Board(FileSegment(board).map())
    Worker(PipeEnds(commands, results), page, own, inputs, private_bytes_of_linux).serve()


def _isolate(lifeline: int, board: int) -> None:
    """Its own process group, killed by the kernel as soon as the driver's end of the lifeline closes."""
    import faulthandler

    os.setpgid(0, 0)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    if poll.poll(0):
        os._exit(0)
    os.lseek(board, boards.LAST_WORDS, os.SEEK_SET)
    faulthandler.enable(board, all_threads=False)
