"""The guard of FAST batches keeps the board true for the driver, which reads it whenever it likes."""

from __future__ import annotations

import time

import pytest

from plait._engines.board import CLAMPED, CURRENT, FAST, IDLE, MODE, NEVER, STOP_AT
from plait._engines.guard import Guard

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def words() -> memoryview:
    found = memoryview(bytearray(64 * 8)).cast("Q")
    found[MODE], found[STOP_AT] = FAST, NEVER
    return found


def test_when_the_batch_is_done_the_board_says_which_item_was_the_last(words: memoryview) -> None:
    """The driver takes items back that lie beyond CURRENT: none of them may have been run."""
    guard = Guard(words)
    items: list[object] = [1, 2, 3]
    values: list[object] = []
    guard.watch(items, values, 10, time.perf_counter_ns() + 10**12)
    values += items
    guard.rest(IDLE)
    assert (words[CURRENT], words[MODE], words[STOP_AT]) == (12, IDLE, NEVER)
    assert items == [1, 2, 3]


def test_a_batch_that_takes_too_long_is_cut_behind_the_running_item(words: memoryview) -> None:
    guard = Guard(words)
    items: list[object] = [1, 2, 3]
    values: list[object] = ["one"]  # the second item is running
    guard.watch(items, values, 10, time.perf_counter_ns())
    deadline = time.monotonic() + 10
    while words[MODE] != CLAMPED and time.monotonic() < deadline:
        time.sleep(0)
    assert (words[MODE], words[CURRENT], words[STOP_AT], items) == (CLAMPED, 11, 12, [])
    values.append("two")
    guard.rest(IDLE)
    assert (words[MODE], words[CURRENT]) == (IDLE, 11)
