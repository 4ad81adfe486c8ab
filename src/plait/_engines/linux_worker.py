"""How a worker process begins on Linux: forked from the zygote, with its descriptors; it ends with its lifeline."""

from __future__ import annotations

import os

from plait._core.lifeline import tie
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
    tie(lifeline, -os.getpid())
    os.lseek(board, boards.LAST_WORDS, os.SEEK_SET)
    faulthandler.enable(board, all_threads=False)
