"""A worker leaves alone what was taken back: of a FAST batch while it unpickled the items, and of all that follow."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest

from plait._engines import board as boards
from plait._engines import entries, wire
from plait._engines.board import SIZE, STOP_AT, Board
from plait._engines.ends import Ends
from plait._engines.pickling.codec import encode
from plait._engines.worker import Worker
from plait.errors import StopTask

FIRST, COUNT, KEY, FUNCTION = 70, 1000, 5, 1


class Unconnected(Ends):
    """Keeps the frames that the worker writes."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.write = self._keep

    def _keep(self, data: Any) -> int:
        self.frames.append(bytes(data))
        return len(data)

    read = readv = None  # type: ignore[assignment]


def a_worker(fn: Callable[..., object]) -> tuple[Worker, Unconnected, Board]:
    ends, board = Unconnected(), Board(mmap.mmap(-1, SIZE))
    board.clear()
    worker = Worker(ends, board, None, None, lambda _: 0)
    worker._assignments[FUNCTION] = (fn, None, (0, (), False), copy_context())
    return worker, ends, board


def answer(stop_at: int, ran: list[int]) -> tuple[int, Board]:
    """Have a worker run a batch of cheap items of which STOP_AT forbids some; the kind of its answer, and its board."""
    worker, ends, board = a_worker(ran.append)
    worker._costs[FUNCTION] = 1e-7
    board.words[STOP_AT] = stop_at
    head = wire.BATCH_HEAD.pack(FIRST, 10**9, 0, 1, COUNT)
    worker._run(0, FUNCTION, KEY, memoryview(head + encode(list(range(COUNT)), None).data))
    worker._guard.end()
    (frame,) = ends.frames
    kind, *_ = wire.RESULT_HEAD.unpack_from(frame, wire.HEAD.size)
    return kind, board


@pytest.mark.parametrize("kept", [1, 2, COUNT - 1, COUNT, COUNT + 1, boards.NEVER - FIRST])
def test_it_runs_what_it_has_been_left_and_nothing_else(kept: int) -> None:
    ran: list[int] = []
    kind, board = answer(FIRST + kept, ran)
    assert ran == list(range(min(kept, COUNT)))
    assert kind == wire.ON_BOARD
    assert board.words[boards.CURRENT] == FIRST + len(ran) - 1
    assert board.words[boards.MODE] == boards.IDLE


@pytest.mark.parametrize("stop_at", [0, FIRST - 1, FIRST])
def test_it_runs_nothing_of_a_batch_that_was_taken_back_whole(stop_at: int) -> None:
    ran: list[int] = []
    kind, board = answer(stop_at, ran)
    assert (ran, kind, board.words[boards.MODE]) == ([], wire.LOGGED, boards.IDLE)


def test_what_is_on_the_board_of_the_batch_that_was_stopped_stays_when_the_next_one_comes() -> None:
    def work(n: int) -> int:
        if n == 2:
            board.words[STOP_AT] = 0  # as whoever stops it does
            raise StopTask
        return n

    worker, _, board = a_worker(work)
    for key, first in ((KEY, FIRST), (KEY + 1, FIRST + 5)):
        head = wire.BATCH_HEAD.pack(first, 10**9, 0, 1, 5)
        worker._run(0, FUNCTION, key, memoryview(head + encode(list(range(5)), None).data))
    assert board.words[boards.BATCH] == KEY
    assert board.words[boards.CURRENT] == FIRST + 2
    assert entries.read(board.results(KEY, board.words[boards.LOGGED])) == [0, 1]
