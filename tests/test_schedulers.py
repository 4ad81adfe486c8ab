"""Every scheduler keeps every promise: the public contract suite over each one, and what is special about some."""

from __future__ import annotations

import pytest

import plait
from plait._schedulers.interface import ThreadState
from plait._schedulers.reduction import Race, races
from plait.schedulers import Event, Kind, ReplayScheduler, Scheduler
from plait.testing import SchedulerContract
from plait.testing import _schedules as simulated


class TestRandomWalk(SchedulerContract):
    def make_scheduler(self) -> Scheduler:
        return plait.schedulers.make_scheduler("random")


class TestPos(SchedulerContract):
    def make_scheduler(self) -> Scheduler:
        return plait.schedulers.make_scheduler("pos")


class TestSurw(SchedulerContract):
    def make_scheduler(self) -> Scheduler:
        return plait.schedulers.make_scheduler("surw")


class TestPct(SchedulerContract):
    def make_scheduler(self) -> Scheduler:
        return plait.schedulers.make_scheduler("pct")


class TestRotation(SchedulerContract):
    def make_scheduler(self) -> Scheduler:
        return plait.schedulers.make_scheduler("rotation")


class TestBounded(SchedulerContract):
    draws = False

    def make_scheduler(self) -> Scheduler:
        return plait.schedulers.make_scheduler("bounded")


class TestReplay(SchedulerContract):
    explores = False

    def make_scheduler(self) -> Scheduler:
        return ReplayScheduler([])


def test_bounded_proves_what_it_has_seen_to_the_end() -> None:
    scheduler = plait.schedulers.BoundedScheduler(preemptions=5)
    seen = [run.shared["last"] for run in simulated._runs(scheduler, [simulated._sets(1), simulated._sets(2)], 1000)]
    assert len(seen) < 20
    assert set(seen) == {1, 2}
    assert scheduler.proof == "every schedule"


def test_bounded_tries_first_what_can_matter() -> None:
    def alone(name: str) -> simulated.Body:
        def body(shared):
            for _ in range(20):
                yield Kind.WRITE, name

        return body

    scheduler = plait.schedulers.BoundedScheduler()
    runs = simulated._runs(scheduler, [alone("a"), simulated._adds, simulated._adds, alone("b")], 1000)
    assert next(number for number, run in enumerate(runs) if run.shared["n"] < 2) < 10


def test_bounded_says_what_it_has_left_out() -> None:
    scheduler = plait.schedulers.BoundedScheduler(preemptions=0)
    runs = list(simulated._runs(scheduler, [simulated._adds, simulated._adds], 1000))
    assert {run.shared["n"] for run in runs} == {2}
    assert scheduler.proof == "every schedule with at most 0 preemptions"


def test_replay_gives_the_same_choices_again() -> None:
    scheduler = ReplayScheduler([(0, 1, 1)])
    scheduler.begin(0)
    run = simulated._run(scheduler, [simulated._adds, simulated._adds])
    assert run.shared["n"] == 1
    assert scheduler.missed == []


def test_replay_says_which_turns_do_not_apply() -> None:
    scheduler = ReplayScheduler([(0, 1, 7), (0, 99, 1)])
    scheduler.begin(0)
    assert simulated._run(scheduler, [simulated._adds, simulated._adds]).shared["n"] == 2
    assert scheduler.missed == [0, 1]


@pytest.mark.parametrize("ordered", [False, True])
def test_events_that_a_join_orders_do_not_race(ordered: bool) -> None:
    write = Event(1, Kind.WRITE, 9, "n", None)
    read = Event(0, Kind.READ, 9, "n", None)
    join = Event(0, Kind.JOIN, 1, "", None)
    executed = [Event(0, Kind.START, 1, "", None), write, *([join] if ordered else []), read]
    assert races(executed) == ([] if ordered else [Race(1, 0)])


def test_a_turn_of_a_hint_that_came_about_by_a_wait_is_no_turn_to_wait_for() -> None:
    one, two, three = ThreadState(0, "one"), ThreadState(1, "two"), ThreadState(2, "three")
    scheduler = ReplayScheduler([(0, 2, 1), (1, 3, 0), (0, 5, 2)], impatient=True)
    scheduler.begin(0)
    one.steps, two.steps = 2, 2
    assert scheduler.choose([one, two, three], one, [one, two, three]) is two
    two.steps, one.steps = 3, 5  # two wanted a lock that one had, and nobody was asked
    assert scheduler.choose([one, two, three], one, [one, two, three]) is three


@pytest.mark.parametrize("steps", [2, 3])
def test_a_hint_is_followed_although_somebody_spins_until_its_thread_goes_on(steps: int) -> None:
    spins, awaited = ThreadState(0, "spins"), ThreadState(1, "awaited")
    awaited.steps = steps
    both = [spins, awaited]
    chosen = {}
    for impatient in (False, True):
        scheduler = ReplayScheduler([(1, 3, 0)], impatient=impatient)
        scheduler.begin(0)
        chosen[impatient] = {scheduler.choose(both, spins, both).number for _ in range(5000)}
    assert chosen == {False: {0}, True: {0, 1}}
