"""engine="auto": calls that come after a choice may be others than those that it was made by."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator

import pytest

import plait
from plait._engines.choosing import hindsight
from plait._engines.choosing.choice import Measured, choose
from plait._engines.choosing.hindsight import Ended, Hindsight

pytestmark = pytest.mark.usefixtures("nothing_left")
NOW = Ended(now=1.0, calls=1, seconds=0.1, computed=0.1)
CONNECTS = Measured(calls=1, elapsed=0.1, busy=0.1, gil=0.9, left=100, cores=2, start=0.2)
COMPUTES = Measured(calls=10, elapsed=0.1, busy=0.1, gil=0.9, left=100, cores=2)
LITTLE = Measured(calls=100, elapsed=0.02, busy=0.02, gil=0.9, left=100, cores=2)
WAITS = Measured(calls=0, elapsed=0.02, busy=0.0, gil=0.0, left=100, cores=2)


@pytest.mark.parametrize(
    ("measured", "later", "left", "doubts"),
    [
        (CONNECTS, {"calls": 4, "seconds": 0.04, "computed": 0.004}, 1000, True),  # they wait
        (CONNECTS, {"calls": 4, "seconds": 0.04, "computed": 0.01, "ready": 0.03}, 1000, False),  # for a core
        (CONNECTS, {"calls": 4, "seconds": 0.04, "computed": 0.001}, 5, False),  # too few to matter
        (CONNECTS, {"calls": 3, "seconds": 0.03, "computed": 0.001}, 100, False),  # nobody knows yet
        (CONNECTS, {"calls": 25, "seconds": 0.025, "computed": 0.025}, 300, True),  # no longer worth processes
        (CONNECTS, {"calls": 25, "seconds": 0.025, "computed": 0.025}, 10_000, False),  # still worth them
        (COMPUTES, {"calls": 8, "seconds": 0.08, "computed": 0.08}, 100, False),  # as before
        (LITTLE, {"calls": 10, "seconds": 0.1, "computed": 0.1}, 100, True),  # worth processes now
        (LITTLE, {"calls": 10, "seconds": 0.1, "computed": 0.1}, 9, False),
        (WAITS, {"calls": 8, "seconds": 0.8, "computed": 0.095}, 100, True),  # eight threads take the GIL by turns
        (WAITS, {"calls": 8, "seconds": 0.8, "computed": 0.19}, 100, False),  # they keep two cores busy
        (WAITS, {"calls": 8, "seconds": 0.8, "computed": 0.02}, 100, False),  # they wait
        (WAITS._replace(busy=0.002), {"calls": 8, "seconds": 0.8, "computed": 0.095}, 100, True),
        (
            WAITS._replace(calls=2, busy=0.009),
            {"calls": 20, "seconds": 0.8, "computed": 0.095},
            100,
            False,
        ),  # as before
    ],
)
def test_a_choice_is_doubted_when_later_calls_are_others(
    measured: Measured, later: dict[str, float], left: int, *, doubts: bool
) -> None:
    sight = Hindsight(measured, choose(measured), calls=1)
    if not sight.metered:
        assert not sight.doubts(NOW._replace(now=0.8), left, 0.0)
        assert not sight.doubts(NOW._replace(now=0.9, calls=0), left, 0.1)  # the process computes: measure from here on
        assert sight.metered
    assert not sight.doubts(NOW._replace(calls=0), left, 0.0)
    assert not sight.doubts(NOW, left, 0.0)  # from here on
    more = NOW._replace(now=0.1, seconds=0.0, computed=0.0)._replace(**later)
    now = NOW._replace(now=NOW.now + more.now, calls=NOW.calls + more.calls, ready=more.ready)
    now = now._replace(seconds=NOW.seconds + more.seconds, computed=NOW.computed + more.computed)
    assert sight.doubts(now, left, 0.0) == doubts


def test_what_waits_is_not_measured_as_long_as_the_process_computes_little() -> None:
    sight = Hindsight(WAITS, choose(WAITS), calls=1)
    for look in range(10):
        assert not sight.doubts(NOW._replace(now=look / 10), 100, 0.06 * look)
        assert not sight.metered
    assert not sight.doubts(NOW._replace(now=0.91), 100, 0.7)  # too soon to tell
    assert not sight.metered
    assert not sight.doubts(NOW._replace(now=1.0), 100, 0.7)
    assert sight.metered


@functools.cache
def connection() -> int:
    return spin(0.15)


def spin(seconds: float) -> int:
    turns, end = 0, time.thread_time() + seconds
    while time.thread_time() < end:
        turns += 1
    return turns


def asks(x: int) -> int:
    connection()
    time.sleep(0.008)
    return x


def becomes_dear(x: int) -> int:
    spin(0.0003 if x < 100 else 0.015)
    return x


def reports(fn: Callable[[int], int], items: int) -> Iterator[plait.Report]:
    """Of five maps, each as if it were the first: a machine that is busy with other things may blur some of them."""
    for _ in range(5):
        connection.cache_clear()
        stream = plait.map(fn, range(items))
        assert list(stream) == list(range(items))
        yield stream.report


def moves(fn: Callable[[int], int], items: int) -> bool:
    """Whether one of five maps moves to processes; it is left as soon as it has."""
    for _ in range(5):
        with plait.map(fn, range(items)) as stream:
            for at, value in enumerate(stream):
                assert value == at
                if stream.report.engine == "process":
                    return True
    return False


def wakes_up(x: int) -> int:
    if x < 100:
        time.sleep(0.005)
    else:
        spin(0.005)
    return x


def test_a_first_call_that_connects_does_not_send_to_processes_what_waits() -> None:
    def says(report: plait.Report) -> bool:
        return report.engine == "thread" and any("of the time it waits" in why for why in report.why)

    assert any(says(report) for report in reports(asks, 1_000))


def test_items_that_become_dear_move_after_all() -> None:
    assert moves(becomes_dear, 400)


def test_what_waits_at_first_and_computes_then_moves_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hindsight, "_SATURATED", (0.05, 1.2))  # nearly a core, where no other program wants one
    assert moves(wakes_up, 1_000)
