"""What the pilot of engine="auto" makes of what it sees, on machines that are simulated: idle ones and busy ones."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines.auto_pilot import Pilot
from plait._engines.choice import Choice
from plait._engines.core_wait import core_times, is_runnable, waited_for_core
from plait._engines.measuring_calls import Spent
from plait._engines.measuring_gil import Heard
from plait._engines.seen import Seen, race_speed


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
        (
            Seen(1.0, 10, seconds=0.4, computed=0.03, ready=0.3, gil=0.83),
            0.1,
            True,
        ),  # had no core, with the GIL in hand
        (Seen(1.0, 300, seconds=0.0002, computed=0.004, ready=0.001, gil=0.0), 0.0002, False),  # tiny: clocks cost more
    ],
)
def test_what_one_thread_is_seen_to_do(seen: Seen, unhindered: float, waits: bool) -> None:
    assert seen.unhindered == pytest.approx(unhindered)
    assert seen.waits == waits


WAITING = Seen(1.0, 0, seconds=0.006, computed=0.0, ready=0.0, gil=0.0, settled=0.0, inside=0.0)
ENDED = Seen(1.0, 2, seconds=0.024, computed=0.005, ready=0.0, gil=0.2, settled=0.004, inside=0.016)
CROWDED = Seen(1.2, 64, seconds=2.2, computed=0.2, ready=0.2, gil=0.96, settled=0.2, inside=2.0)


@pytest.fixture
def pilot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pilot]]:
    """Has one pilot see this and that, one after the other, on so many threads."""
    job = Job(abs, Feed(range(1000)), workers=64, timeout=None, context=contextvars.copy_context())
    one = Pilot(job, abs, lambda _: None)
    one.growth(64, 2, 0.002)

    def look(seen: Seen, threads: int = 1) -> Pilot:
        monkeypatch.setattr(one, "_see", lambda: seen)
        monkeypatch.setattr(one, "_looked", 0.0)
        one.meter.threads.update({number: Spent() for number in range(threads)})
        one.look()
        return one

    yield look
    one.end()


def test_no_thread_is_added_before_it_is_known_what_an_item_costs_alone(pilot: Callable[..., Pilot]) -> None:
    assert pilot(WAITING).threads_wanted() == 1
    one = pilot(ENDED)
    assert one.threads_wanted() is None
    assert one.choice == Choice("thread", "threads: 75 % of the time it waits")


def test_who_waits_for_long_gets_threads_before_the_first_item_has_ended(pilot: Callable[..., Pilot]) -> None:
    pilot(WAITING)
    one = pilot(WAITING._replace(seconds=0.021, computed=0.001))
    assert one.threads_wanted() is None
    assert one.choice == Choice("thread", "threads: 95 % of the first 21 ms it waited")


def test_what_items_cost_that_wait_for_one_another_decides_nothing(pilot: Callable[..., Pilot]) -> None:
    pilot(WAITING)
    pilot(ENDED._replace(calls=1, doubtful=True))
    one = pilot(CROWDED, threads=14)
    assert one.choice == Choice("thread", "threads: 75 % of the time it waits")


def test_a_call_in_progress_says_not_what_one_costs() -> None:
    assert ENDED.of_ended == ENDED._replace(seconds=0.016, computed=0.004)
    assert WAITING.of_ended == WAITING


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
