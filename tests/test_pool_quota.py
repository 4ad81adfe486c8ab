"""The workers of a pool are shared by all that runs on it at the same time, in turns; nobody waits for ever."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pool_work import PATIENCE, Marks, wait_for, where

import plait
from plait._core.quota import Quota, Share


@pytest.fixture
def pool(nothing_left: None) -> Iterator[plait.Pool]:
    with plait.Pool("process", workers=2) as pool:
        yield pool


def test_maps_at_the_same_time_share_the_workers(pool: plait.Pool) -> None:
    done: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: done.append(list(plait.map(where, range(30), engine=pool)))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(pids) for pids in done] == 6 * [30]
    assert len({pid for pids in done for pid in pids}) <= 2


def test_an_endless_map_leaves_a_turn_to_others(pool: plait.Pool) -> None:
    over = threading.Event()

    def consume() -> None:
        with plait.map(where, itertools.count(), engine=pool) as endless:
            for _ in endless:
                if over.is_set():
                    return

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        assert list(plait.map(len, ["a", "bc"], engine=pool)) == [1, 2]
        assert pool.submit(pow, 2, 10).result(PATIENCE) == 1024
        assert list(plait.map(len, ["a", "bc"], engine=pool)) == [1, 2]
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_loop_over_a_map_may_use_the_pool_itself(nothing_left: None, workers: int) -> None:
    with plait.Pool("process", workers=workers) as pool:
        got = [
            (size, pool.submit(abs, -size).result(PATIENCE), list(plait.map(abs, range(size), engine=pool)))
            for size in plait.map(abs, range(4), engine=pool)
        ]
    assert got == [(size, size, list(range(size))) for size in range(4)]


def test_loops_that_wait_for_each_other_end(nothing_left: None) -> None:
    """Each has all the workers it needs in its turn, though none of them listens while its consumer waits."""
    barrier = threading.Barrier(3)

    def consume(pool: plait.Pool) -> None:
        for _ in plait.map(abs, range(3), engine=pool):
            barrier.wait(PATIENCE)

    with plait.Pool("process", workers=1) as pool:
        threads = [threading.Thread(target=consume, args=(pool,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not barrier.broken


def test_a_slow_loop_keeps_no_worker_from_others(pool: plait.Pool) -> None:
    """Nor is a third one started for them: while its consumer has the word, those that it has at leisure are free."""
    with plait.map(where, range(2), engine=pool) as slow:
        used = {next(slow)}
        done: list[int] = []
        thread = threading.Thread(target=lambda: done.extend(plait.map(where, range(10), engine=pool)))
        thread.start()
        thread.join()
        used |= {*slow, *done}
    assert len(done) == 10
    assert len(used) <= 2


def test_a_map_waits_for_the_only_worker(nothing_left: None, tmp_path: Path) -> None:
    got: list[int] = []
    with plait.Pool("process", workers=1) as pool:
        call = pool.submit(wait_for, tmp_path / "go")
        thread = threading.Thread(target=lambda: got.extend(plait.map(where, range(3), engine=pool)))
        thread.start()
        while not pool._quota._line:
            time.sleep(0.001)
        (tmp_path / "go").touch()
        thread.join()
        assert got == 3 * [call.result(PATIENCE)]


def test_a_map_that_is_over_leaves_nothing_in_the_workers_that_it_has_passed_on(
    pool: plait.Pool, tmp_path: Path
) -> None:
    def consume(number: int) -> None:
        marks = Marks(str(tmp_path / str(number)))
        list(plait.map(lambda item: (item, marks.path), range(50), engine=pool))

    threads = [threading.Thread(target=consume, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        wait_for(tmp_path / f"{number}-there")
        assert (tmp_path / f"{number}-there").exists()


def test_a_worker_that_dies_makes_room(nothing_left: None) -> None:
    with plait.Pool("process", workers=1) as pool:
        for _ in range(3):
            assert isinstance(pool.submit(os._exit, 1).exception(PATIENCE), plait.errors.WorkerDied)
            assert list(plait.map(abs, [-1], engine=pool)) == [1]


# --- the quota itself


def shares(quota: Quota, count: int) -> tuple[list[Share], list[int]]:
    """So many shares of runs that are driven in another thread and listen, and a list that says who was rung."""
    rung: list[int] = []
    made = [quota.join(partial(rung.append, number)) for number in range(count)]
    thread = threading.Thread(target=lambda: [share.listens(True) for share in made])
    thread.start()
    thread.join()
    return made, rung


def test_who_has_none_stands_in_line_and_the_others_are_asked() -> None:
    (one, two, three), rung = shares(Quota(2), 3)
    assert one.take()
    assert one.take()
    assert not two.take()
    assert not three.take()
    assert rung == [0, 0]
    assert one.is_asked
    one.give()
    assert one.is_asked  # one is free and two wait
    assert rung == [0, 0, 1]
    assert not one.take()
    assert not three.take()
    assert two.take()
    assert two.is_asked
    two.leave()
    assert three.take()
    assert not one.is_asked


def test_who_would_like_more_is_told_when_nobody_waits() -> None:
    (one, two), rung = shares(Quota(2), 2)
    assert one.take()
    assert two.take()
    assert not one.take()
    assert not one.waits
    two.leave()
    assert rung == [0]
    assert one.take()


@pytest.mark.parametrize("goes", [Share.step_out, Share.leave])
def test_who_needs_none_any_more_makes_room_in_line(goes: Callable[[Share], None]) -> None:
    (one, two, three), rung = shares(Quota(1), 3)
    assert one.take()
    assert not two.take()
    assert not three.take()
    one.give()
    assert rung == [0, 0, 1]
    goes(two)
    assert not two.waits
    assert rung == [0, 0, 1, 2]
    assert three.take()


def test_beside_a_loop_in_the_same_thread_there_is_one_more_at_once() -> None:
    quota = Quota(1)
    one, two = quota.join(print), quota.join(print)
    assert one.take()
    one.listens(False)
    assert two.take()


def test_patience_is_lost_only_where_nobody_listens() -> None:
    (one, two), _ = shares(Quota(1), 2)
    assert one.take()
    assert not two.take()
    two.lose_patience()
    assert not two.take()
    one.listens(False)
    two.lose_patience()
    assert two.take()
