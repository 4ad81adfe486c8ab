"""What the pilot of engine="auto" makes of what it sees, on machines that are simulated: idle ones and busy ones."""

from __future__ import annotations

import os
import threading

import pytest

from plait._engines.auto_pilot import Seen, race_speed
from plait._engines.core_wait import core_times, is_runnable, waited_for_core
from plait._engines.measuring_gil import Heard


@pytest.mark.parametrize(
    ("seen", "unhindered", "waits"),
    [
        (Seen(1.0, 10, seconds=0.1, computed=0.1, ready=0.0, gil=0.9), 0.1, False),  # computes
        (Seen(1.0, 10, seconds=0.4, computed=0.1, ready=0.3, gil=0.9), 0.1, False),  # the same on a busy machine
        (Seen(1.0, 10, seconds=0.1, computed=0.01, ready=0.0, gil=0.0), 0.1, True),  # waits
        (Seen(1.0, 10, seconds=0.4, computed=0.01, ready=0.3, gil=0.0), 0.1, True),
        (
            Seen(1.0, 10, seconds=0.4, computed=0.1, ready=0.0, gil=0.0, doubtful=True),
            0.4,
            False,
        ),  # has no core just now
        (Seen(1.0, 10, seconds=0.1, computed=0.01, ready=0.0, gil=0.9), 0.1, False),  # waits, and lets nobody else run
        (Seen(1.0, 300, seconds=0.0002, computed=0.004, ready=0.001, gil=0.0), 0.0002, False),  # tiny: clocks cost more
    ],
)
def test_what_one_thread_is_seen_to_do(seen: Seen, unhindered: float, waits: bool) -> None:
    assert seen.unhindered == pytest.approx(unhindered)
    assert seen.waits == waits


ALONE = Seen(0.1, calls=10, seconds=0.1, computed=0.1, ready=0.0, gil=0.1)


@pytest.mark.parametrize(
    ("end", "speed"),
    [
        (Seen(0.2, calls=30, seconds=0.3, computed=0.3, ready=0.0, gil=0.1), 2.0),  # two threads on two cores
        (Seen(0.3, calls=30, seconds=0.5, computed=0.3, ready=0.2, gil=0.1), 2.0),  # on half of them
        (Seen(0.2, calls=20, seconds=0.3, computed=0.2, ready=0.0, gil=0.9), 1.0),  # by turns, because of the GIL
        (Seen(0.2, calls=25, seconds=0.3, computed=0.3, ready=0.0, gil=0.1), 1.5),  # side by side, and slower each
        (Seen(0.2, calls=14, seconds=0.3, computed=0.3, ready=0.0, gil=0.1, settled=0.18), 1.0),  # half as fast each
        (Seen(0.2, calls=13, seconds=0.3, computed=0.3, ready=0.0, gil=0.1, settled=0.16), 2.0),  # few have ended
    ],
)
def test_a_race_is_judged_by_what_was_computed(end: Seen, speed: float) -> None:
    assert race_speed(ALONE, ALONE, end) == pytest.approx(speed)


def test_what_a_canary_has_heard():
    assert Heard(0.0, 0.0).share == 0.0
    assert Heard(0.009, 0.01).share == pytest.approx(0.9)


def test_what_the_system_tells_of_threads():
    me = threading.get_native_id()
    times = core_times(os.getpid())
    if times:  # Linux
        assert times[me][0] > 0
        assert waited_for_core() >= times[me][1] >= 0
        assert is_runnable(me)
    parked = threading.Event()
    thread = threading.Thread(target=parked.wait)
    thread.start()
    try:
        assert any(not is_runnable(thread.native_id) for _ in range(1000))
    finally:
        parked.set()
        thread.join()
    assert core_times(2**22 + 1) == {}
    assert not is_runnable(2**22 + 1)
