"""When an item began and ended, by the clock of the worker that ran it, whenever its result was looked at."""

from __future__ import annotations

import time

import pytest

import plait

pytestmark = pytest.mark.usefixtures("nothing_left")


def reading(number: int) -> float:
    """The clock, read while the item runs; some take longer."""
    read = time.perf_counter()
    for _ in range(number % 7 * 2_000):
        pass
    return read


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_clock_that_an_item_reads_is_between_its_begin_and_its_end(engine: str) -> None:
    """Also where the program took a while to listen; the two clocks have one distance from one another."""
    outcomes = list(plait.map(reading, range(400), engine=engine, workers=2).outcomes())
    least = max(outcome.started - outcome.value for outcome in outcomes)
    most = min(outcome.ended - outcome.value for outcome in outcomes)
    assert least <= most + 1e-5  # what is left of a microsecond beside seconds since 1970
