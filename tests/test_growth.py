"""How many threads there are: single decisions as a table, and where they come to in runs that are played."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from plait._engines.growth import Growth, Look, late_limit


def look(threads: int, backlog: int = 100, late: float = 0.0, busy: float | None = 0.0, *, stuck: bool = False) -> Look:
    return Look(0.0, threads, threads, backlog, 0, 0.0, late=late, spent=0.0, busy=busy, stuck=stuck)


@pytest.mark.parametrize(
    ("seen", "added", "why"),
    [
        (look(1, busy=0.9), 1, "working threads are doubled"),
        (look(4, busy=0.9), 0, "threads that compute are no more than cores before fewer have been tried"),
        (look(4, busy=0.4), 12, "threads that only wait are quadrupled"),
        (look(2, busy=0.6), 2, "threads that work a third of their time are doubled"),
        (look(4, busy=None), 4, "where CPU time cannot be read, doubled"),
        (look(4, 3, busy=0.0), 3, "no more than there are batches waiting"),
        (look(24), 8, "no more than the ceiling"),
        (look(32), 0, "none at the ceiling"),
        (look(32, stuck=True), 0, "none at the ceiling, even when all are stuck"),
        (look(4, 0), 0, "none when nothing waits"),
        (look(4, 0, stuck=True), 0, "none when nothing waits, even when all are stuck"),
        (look(1, late=0.005, busy=1.0), 0, "none when the GIL is busy"),
        (look(1, late=0.005, busy=1.0, stuck=True), 1, "one when the GIL is busy with items that may never end"),
        (look(2, busy=1.7), 0, "none when the cores are busy"),
        (look(2, busy=1.9, stuck=True), 1, "one when the cores are busy with items that may never end"),
        (look(0, 5, busy=None), 1, "the first"),
    ],
)
def test_growth(seen: Look, added: int, why: str) -> None:
    assert Growth(ceiling=32, cores=2, late_limit=0.002).change(seen) == added, why


def test_the_reason_is_the_last_refusal() -> None:
    growth = Growth(ceiling=32, cores=2, late_limit=0.002)
    growth.change(look(1, late=0.005, busy=None))
    assert "GIL" in growth.reason
    growth.change(look(2, busy=1.9))
    assert growth.reason == "2 cores were busy"
    growth.change(look(2, busy=0.1))
    assert growth.reason == ""


class Played:
    """A run of which it is known what so many threads do: items a second, and cores that they use.

    `switches` is how often they give up their core for each item, `unfinished` how many seconds those that are to rest
    go on with what they have.
    """

    def __init__(
        self,
        speed: Callable[[int], float],
        cores: Callable[[int], float],
        *,
        switches: float = 1.0,
        unfinished: float = 0.001,
        growth: Growth | None = None,
    ) -> None:
        self.speed = speed
        self.cores = cores
        self.switches = switches
        self.unfinished = unfinished
        self.growth = growth or Growth(ceiling=64, cores=2, late_limit=0.002)
        self.now = 100.0
        self.threads = 1
        self.done = self.spent = self.switched = 0.0
        self.busy_until = 0.0  # those that are to rest
        self.resting = 0

    def play(self, seconds: float) -> Iterator[int]:
        """How many threads there are, look by look."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.0005
            running = self.threads + (self.resting if self.now < self.busy_until else 0)
            items = self.speed(running) * 0.0005
            self.done += items
            self.spent += self.cores(running) * 0.0005
            self.switched += self.switches * items
            seen = Look(
                self.now,
                self.threads,
                running,
                backlog=1000,
                done=int(self.done),
                done_at=self.now,
                spent=self.spent,
                busy=self.cores(running),
                switches=int(self.switched),
            )
            change = self.growth.change(seen)
            if change < 0:
                self.resting, self.busy_until = -change, self.now + self.unfinished
            self.threads += change
            yield self.threads

    def share(self, seconds: float) -> float:
        """The share of what the best number of threads would have done, once it has been found."""
        before = self.done
        list(self.play(seconds))
        return (self.done - before) / seconds / max(map(self.speed, range(1, 65)))


def convoy(threads: int) -> float:
    """Two threads that take the GIL from each other at each step do less than one."""
    return 20_000.0 if threads == 1 else 5_000.0


def test_threads_that_hinder_each_other_become_one() -> None:
    run = Played(convoy, lambda threads: min(1.2, threads), switches=8)
    assert max(run.play(0.05)) == 2
    assert run.threads == 1
    assert run.growth.reason == "2 did no more than 1"
    assert not run.growth.eager
    assert run.share(10.0) > 0.95


def test_threads_that_have_waited_and_then_hinder_each_other_become_one() -> None:
    run = Played(lambda threads: threads * 50.0, lambda threads: 0.01 * threads)
    assert max(run.play(0.05)) == 64
    list(run.play(10.0))
    assert run.threads == 64
    run.speed, run.cores, run.switches = convoy, lambda threads: min(1.2, threads), 8
    list(run.play(1.0))
    assert run.threads == 1
    assert run.share(10.0) > 0.95


def test_threads_that_hindered_each_other_and_then_wait_become_many() -> None:
    run = Played(convoy, lambda threads: min(1.2, threads), switches=8)
    list(run.play(0.1))
    assert run.threads == 1
    run.speed, run.cores = lambda threads: threads * 50.0, lambda threads: 0.01 * threads
    list(run.play(0.01))
    assert run.threads == 64


@pytest.mark.parametrize("seconds", [0.00005, 0.001, 0.1])
def test_threads_that_do_more_together_stay(seconds: float) -> None:
    run = Played(lambda threads: min(threads, 2) / seconds, lambda threads: min(threads, 2.0), unfinished=seconds)
    assert max(run.play(0.05)) == 2
    list(run.play(0.1))
    assert run.threads == 2
    assert run.share(10.0) > 0.95


@pytest.mark.parametrize(("seconds", "cores"), [(0.001, 0.9), (0.02, 0.9), (0.1, 0.3)])
@pytest.mark.parametrize("switches", [1, 5], ids=["of one wait", "of five waits"])
def test_threads_that_wait_stay_many(seconds: float, cores: float, switches: int) -> None:
    run = Played(
        lambda threads: threads / seconds, lambda threads: cores * threads / 64, switches=switches, unfinished=seconds
    )
    list(run.play(0.05))
    assert run.threads == 64 or run.growth.eager, "it is tried whether two do as much"
    assert run.share(10.0) > 0.9


def test_a_thread_that_is_stuck_gets_help_while_fewer_are_tried() -> None:
    run = Played(convoy, lambda threads: min(1.2, threads), switches=8)
    assert next(threads for before in [0] for threads in run.play(1.0) if threads == 2)
    assert next(threads for threads in run.play(1.0) if threads == 1)
    seen = Look(run.now + 0.1, 1, 1, 1000, int(run.done), run.now, spent=run.spent, busy=1.0, stuck=True)
    assert run.growth.change(seen) == 1


def test_where_nobody_can_tell_what_threads_use_they_are_tried_all_the_same() -> None:
    growth = Growth(ceiling=64, cores=2, late_limit=0.002)
    done = 0.0
    threads = 1
    for step in range(400):
        done += convoy(threads) * 0.0005
        now = 100 + step * 0.0005
        threads += growth.change(Look(now, threads, threads, 1000, int(done), now))
    assert threads == 1


@pytest.mark.parametrize(("interval", "limit"), [(0.005, 0.002), (0.001, 0.0004), (1.0, 0.002)])
def test_lateness_is_judged_by_the_switch_interval(interval: float, limit: float) -> None:
    assert late_limit(interval) == pytest.approx(limit)
