"""What the pilot of engine="auto" makes of what it sees, on machines that are simulated: idle ones and busy ones."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from plait._core.budget import available_cores
from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines.choosing import auto_pilot, measuring_gil, measuring_helpers, needs
from plait._engines.choosing.auto_pilot import Pilot
from plait._engines.choosing.choice import Choice, Measured, choose, suffices, wants_race
from plait._engines.choosing.measuring_calls import Spent
from plait._engines.choosing.measuring_gil import Canary, Heard
from plait._engines.choosing.measuring_helpers import Helpers
from plait._engines.choosing.seen import Seen, race_speed
from plait._engines.core_wait import core_times, is_runnable, waited_for_core
from plait._engines.growth import Look


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
    monkeypatch.setattr(one.meter, "seen", lambda *_, **__: WAITING._replace(seconds=0.001))
    one.look()  # from now on the canary sings

    def look(seen: Seen, threads: int = 1) -> Pilot:
        monkeypatch.setattr(one.meter, "seen", lambda *_, **__: seen)
        monkeypatch.setattr(one, "_looked", 0.0)
        one.meter.threads = {number: one.meter.threads.get(number) or Spent(exact=True) for number in range(threads)}
        one.look()
        return one

    yield look
    one.end()


WAITED = WAITING._replace(calls=1, inside=0.006)


def test_threads_are_added_on_trial_when_the_first_item_has_waited(pilot: Callable[..., Pilot]) -> None:
    assert pilot(WAITED._replace(doubtful=True)).threads_wanted() == 1
    assert pilot(WAITED).threads_wanted() == 8
    one = pilot(ENDED, threads=8)
    assert one.threads_wanted() is None
    assert one.choice == Choice("thread", "threads: 79 % of the time it waits")


def test_more_and_more_are_tried_while_the_first_item_waits(pilot: Callable[..., Pilot]) -> None:
    assert pilot(WAITING).threads_wanted() == 2
    assert pilot(WAITING._replace(now=1.002, seconds=0.008), threads=2).threads_wanted() == 2
    assert pilot(WAITING._replace(now=1.003, seconds=0.009, doubtful=True), threads=2).threads_wanted() == 2
    assert pilot(WAITING._replace(now=1.004, seconds=0.0095), threads=2).threads_wanted() == 4
    assert sys.getswitchinterval() < 0.001  # if they compute, it is to be seen soon
    one = pilot(WAITING._replace(now=1.008, seconds=0.021, computed=0.001), threads=4)
    assert one.choice == Choice("thread", "threads: 95 % of the first 21 ms it waited")
    assert sys.getswitchinterval() >= 0.001


@pytest.mark.parametrize("doubtful", [False, True])
def test_those_on_trial_rest_when_items_compute_after_all(pilot: Callable[..., Pilot], doubtful: bool) -> None:
    pilot(WAITED)
    computes = Seen(1.1, 2, seconds=0.2, computed=0.05, ready=0.01, gil=0.97, settled=0.01, inside=0.02)
    one = pilot(computes._replace(doubtful=doubtful), threads=8)
    assert (one.threads_wanted(), one.wants_fewer, one.choice) == (1, True, None)
    one.note_threads(Look(now=1.1, threads=8, running=1, backlog=9, done=2, done_at=1.1))  # they wait between items
    assert pilot(computes, threads=8).wants_fewer
    one.note_threads(Look(now=1.1, threads=1, running=2, backlog=9, done=2, done_at=1.1))
    assert pilot(computes, threads=8).wants_fewer
    one.note_threads(Look(now=1.1, threads=1, running=1, backlog=9, done=2, done_at=1.1))  # from here on it is alone
    assert not pilot(computes, threads=8).wants_fewer
    assert one.meter.threads == {}
    assert pilot(WAITED).threads_wanted() == 1  # once is enough
    assert pilot(Seen(1.3, 3, seconds=0.03, computed=0.03, ready=0.0, gil=0.0)).choice is None
    one.meter.samples.append((1, 2))
    one = pilot(Seen(3.4, 210, seconds=2.1, computed=2.1, ready=0.0, gil=0.97))
    assert one.choice == Choice("process", "processes: it holds the GIL 97 % of 10 ms per item")


def test_those_on_trial_go_on_when_items_wait_for_the_gil_now_and_then(pilot: Callable[..., Pilot]) -> None:
    pilot(WAITED)
    one = pilot(WAITED._replace(calls=20, seconds=0.2, computed=0.09, gil=0.45), threads=8)
    assert one.choice == Choice("thread", "threads: 55 % of the time it waits")


def test_those_on_trial_get_others_when_all_of_them_wait_for_long(pilot: Callable[..., Pilot]) -> None:
    pilot(WAITED)
    assert pilot(WAITED._replace(seconds=0.039), threads=8).choice is None
    one = pilot(WAITED._replace(seconds=0.041, computed=0.002), threads=8)
    assert one.choice == Choice("thread", "threads: 95 % of the time it waits")


def test_who_waits_for_long_gets_threads_before_the_first_item_has_ended(pilot: Callable[..., Pilot]) -> None:
    pilot(WAITING)
    one = pilot(WAITING._replace(seconds=0.021, computed=0.001))
    assert one.threads_wanted() is None
    assert one.choice == Choice("thread", "threads: 95 % of the first 21 ms it waited")


def test_what_items_cost_that_wait_for_one_another_decides_nothing(pilot: Callable[..., Pilot]) -> None:
    pilot(WAITING._replace(doubtful=True))
    pilot(ENDED._replace(calls=1, doubtful=True))
    one = pilot(CROWDED, threads=14)
    assert one.choice == Choice("thread", "threads: 75 % of the time it waits")


def test_a_call_in_progress_says_not_what_one_costs() -> None:
    assert ENDED.of_ended == ENDED._replace(seconds=0.016, computed=0.004)
    assert WAITING.of_ended == WAITING


LISTENED_TO = Seen(1.0, 100, seconds=0.03, computed=0.03, ready=0.0, gil=0.3, settled=0.03, inside=0.03)
UNHEARD = LISTENED_TO._replace(now=1.006, calls=150, seconds=0.034, computed=0.034, settled=0.034, inside=0.034)


def spends(seen: Seen, seconds: float, calls: int) -> Seen:
    """The same after so many seconds of so many calls, all of which have ended."""
    return seen._replace(calls=calls, seconds=seconds, computed=seconds, settled=seconds, inside=seconds)


def one_more(seen: Seen, cost: float) -> Seen:
    """The same when one more call has ended, which has cost this."""
    return spends(seen, seen.seconds + cost, seen.calls + 1)


def test_what_a_call_costs_is_known_of_those_that_nobody_listens_to(
    pilot: Callable[..., Pilot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who lets the GIL go at every turn has to wait for those that listen, each time."""
    monkeypatch.setattr(auto_pilot, "_HEARD", 0.0)
    one = pilot(LISTENED_TO)
    assert (one.choice, one.in_a_hurry, one.threads_wanted()) == (None, True, 1)
    assert pilot(LISTENED_TO._replace(now=1.001, seconds=0.031, computed=0.031)).in_a_hurry  # the same call goes on
    one = pilot(one_more(LISTENED_TO, 0.002))  # it was disturbed by what has led to this
    assert (one.choice, one.in_a_hurry, one.threads_wanted()) == (None, False, 1)
    assert pilot(spends(UNHEARD, 0.034 + 0.001, calls=103)).choice is None
    one = pilot(spends(UNHEARD, 0.034 + 0.00192, calls=150))
    assert one.cost == pytest.approx(0.00008)
    assert one.choice == Choice("thread", "threads: what is left, about 80 ms, does not pay for processes")


@pytest.mark.parametrize("calls", [200, 2000])
def test_who_holds_the_gil_in_brief_calls_is_left_alone_too(
    pilot: Callable[..., Pilot], monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """What one costs beside those who listen may be twice what it costs otherwise."""
    monkeypatch.setattr(auto_pilot, "_HEARD", 0.0)
    monkeypatch.setattr(needs, "start_seconds", lambda _: 0.2)
    one = pilot(WAITING._replace(seconds=0.001))
    one._job.feed = Feed(range(50_000))
    one.meter.samples.append((1, 2))
    heard = LISTENED_TO._replace(calls=calls, gil=0.97)
    assert (pilot(heard).choice is None) == (calls == 2000)
    if calls == 2000:
        pilot(one_more(heard, 4e-6))
        pilot(heard._replace(now=1.006, calls=3500, seconds=0.036, computed=0.036, settled=0.036, inside=0.036))
        assert one.cost == pytest.approx(4e-6)
        assert one.choice == Choice("thread", "threads: what is left, about 200 ms, does not pay for processes", True)


def test_a_first_call_that_goes_on_may_make_much_of_what_is_left(
    pilot: Callable[..., Pilot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_pilot, "_HEARD", 0.0)
    monkeypatch.setattr(needs, "start_seconds", lambda _: 0.2)
    one = pilot(WAITING._replace(seconds=0.001))
    one._job.feed = Feed(range(6))
    computes = Seen(1.0, 0, seconds=0.03, computed=0.03, ready=0.0, gil=0.97, settled=0.0, inside=0.0)
    for seconds in (0.061, 0.065):
        assert pilot(computes._replace(seconds=seconds, computed=seconds)).choice is None
    one = pilot(computes._replace(seconds=0.4, computed=0.4))
    assert (one.choice, one._holds) == (None, True)  # it would be processes, once it is known what it returns
    one.meter.samples.append((1, 2))
    one = pilot(computes._replace(calls=1, seconds=0.5, computed=0.5, settled=0.5, inside=0.5))
    assert one.choice == Choice("process", "processes: it holds the GIL 97 % of 500 ms per item")


def test_long_calls_are_not_waited_for(pilot: Callable[..., Pilot], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_pilot, "_HEARD", 0.0)
    pilot(LISTENED_TO)
    assert pilot(LISTENED_TO._replace(now=1.031)).threads_wanted() == 1
    assert pilot(LISTENED_TO._replace(now=1.062)).threads_wanted() == 2


@pytest.mark.parametrize(
    ("items", "gil", "calls", "known"),
    [(150, 0.1, 20, True), (150, 0.4, 20, False), (150, 0.1, 3, False), (1_000_000, 0.1, 20, False)],
    ids=["little", "holds it now and then", "few calls", "enough for a race"],
)
def test_little_that_hardly_needs_the_gil_gets_help_soon(
    pilot: Callable[..., Pilot], monkeypatch: pytest.MonkeyPatch, items: int, gil: float, calls: int, known: bool
) -> None:
    """Two threads had to wait for a fifth of the time that 80 ms of work would take them."""
    one = pilot(WAITING._replace(seconds=0.001))
    one._job.feed = Feed(range(items))
    for heard, decided in (0.005, False), (0.0095, known):
        monkeypatch.setattr(Canary, "heard", Heard(gil * heard, heard))
        one = pilot(spends(LISTENED_TO, calls / 20 * heard, calls)._replace(gil=gil))
        assert (one.choice is not None) == decided
    assert not known or one.threads_wanted() is None  # as many as help


def test_a_race_in_which_two_do_less_than_one_ends_early(
    pilot: Callable[..., Pilot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_pilot, "_HEARD", 0.0)
    dear = [one._replace(calls=one.calls // 10) for one in (LISTENED_TO, UNHEARD)]
    pilot(dear[0]).meter.samples.append((1, 2))
    pilot(one_more(dear[0], 0.0008))
    start = dear[1]._replace(now=1.01)
    assert pilot(dear[1]).threads_wanted() == 2
    pilot(start, threads=2)
    ran = start._replace(now=1.021, calls=49, computed=0.067, seconds=0.057, settled=0.067, inside=0.057)
    assert pilot(ran, threads=2).choice is None  # as much as one
    ran = ran._replace(computed=0.045, settled=0.07)
    assert pilot(ran, threads=2).choice is not None


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
        (Seen(0.2, calls=60, seconds=0.3, computed=0.3, ready=0.0, gil=0.1), 2.0),  # the first call was the dearest
    ],
)
def test_a_race_is_judged_by_what_was_computed(end: Seen, speed: float) -> None:
    assert race_speed(ALONE, ALONE, end) == pytest.approx(speed)


def test_what_a_canary_has_heard():
    assert Heard(0.0, 0.0).share == 0.0
    assert Heard(0.009, 0.01).share == pytest.approx(0.9)


def test_more_seconds_without_a_core_than_there_were_are_not_taken_from_those_with_the_gil() -> None:
    """Those between the calls count for the thread; a function that holds the GIL for 0.86 of its time did for 0.66."""
    assert Heard(0.86 * 0.0515, 0.0515).unhindered(computed=0.0469, ready=0.0202) == pytest.approx(0.86)


def test_a_canary_that_waits_for_a_core_does_not_wait_for_the_gil(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was said to wait for a part of that, so that what lets the GIL go seemed to hold it on a busy machine."""
    monkeypatch.setattr(measuring_gil, "waited_for_core", lambda *_: time.perf_counter())
    canary = Canary()
    while canary.heard.seconds < 0.005:
        sum(range(1000))  # with the GIL in hand
    canary.join()
    assert canary.heard.late < 0.002


def test_half_a_wait_is_not_the_gil_where_others_have_the_cores() -> None:
    """It waits for 20 ms and computes for 20 ms, with the GIL in hand, in which others have the cores for 80 ms."""
    alone = Seen(0.12, calls=1, seconds=0.12, computed=0.0205, ready=0.08, gil=0.1 / 0.12)
    assert alone.own_gil == pytest.approx(0.5, abs=0.02)
    assert alone._replace(seconds=0.1, gil=1.0).own_gil > 0.99  # nothing but computing


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


def test_one_call_that_keeps_the_cores_busy_by_itself_gets_one_thread() -> None:
    """More would only take them from each other, and processes would only move the items."""
    measured = Measured(calls=40, elapsed=0.2, busy=0.2, gil=0.2, left=10_000, cores=4, helped=2.7)
    assert not wants_race(measured)
    assert choose(measured) == Choice(
        "thread", "threads: one call keeps 3.7 of 4 cores busy, with threads of its own", alone=True
    )
    assert suffices(measured)
    assert wants_race(measured._replace(helped=1.0))
    assert wants_race(measured._replace(gil=0.6))
    assert choose(measured._replace(busy=0.01, helped=2.7)).alone  # it waits for those threads
    assert not choose(measured._replace(busy=0.01, helped=0.0)).alone


def test_threads_that_are_not_of_python_are_seen_to_compute() -> None:
    numpy = pytest.importorskip("numpy")
    if available_cores().count < 2 or os.environ.get("OPENBLAS_NUM_THREADS"):
        pytest.skip("there are no cores for threads of a BLAS")
    matrix = numpy.ones((400, 400))
    helpers = Helpers()
    until = time.monotonic() + 20
    while helpers.cores() < 0.1 and time.monotonic() < until:
        matrix @ matrix
    assert helpers.cores() >= 0.1


def test_those_of_python_are_not() -> None:
    """In a process of its own: those of a BLAS go on for a moment when they have done their work."""
    script = """
import threading, time
from plait._engines.choosing.measuring_helpers import Helpers

ends = threading.Event()
spinning = threading.Thread(target=lambda: [None for _ in iter(ends.is_set, True)])
helpers = Helpers()
spinning.start()
while time.clock_gettime(time.pthread_getcpuclockid(spinning.ident)) < 0.02:
    pass
print(helpers.cores())
ends.set()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert float(done.stdout) < 0.05


def test_those_of_python_that_are_ending_are_not_either(monkeypatch) -> None:
    """Python does not know them any more, and the system still does."""
    ends = threading.Event()
    ending = threading.Thread(target=ends.wait)
    ending.start()
    native = ending.native_id
    monkeypatch.setattr(measuring_helpers, "core_times", lambda _: {native: (5.0, 0.0)})
    helpers = Helpers()
    ends.set()
    ending.join()
    monkeypatch.setattr(measuring_helpers, "core_times", lambda _: {native: (9.0, 0.0)})
    assert helpers.cores() == 0.0


def test_a_thread_that_is_new_keeps_no_more_than_one_core_busy(monkeypatch) -> None:
    monkeypatch.setattr(measuring_helpers, "core_times", lambda _: {})
    helpers = Helpers()
    monkeypatch.setattr(measuring_helpers, "core_times", lambda _: {-1: (9.0, 0.0)})
    assert helpers.cores() == 1.0
