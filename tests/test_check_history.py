"""Histories: what is held when, and what comes before what."""

from __future__ import annotations

from check_records import Recording

from plait._check.reading.atomicity import by_place, candidates, few
from plait._check.reading.history import History
from plait._core.event import Kind

CODE = "x = 1\n" * 9


def test_program_order_start_and_join() -> None:
    recording = Recording(CODE)
    begin = recording.write(0, 1, "x")
    recording.start(0, 1)
    later = recording.write(0, 2, "x")
    child = recording.write(1, 3, "x")
    recording.end(1)
    recording.join(0, 1)
    last = recording.read(0, 4, "x")
    history = History(recording.record())
    assert history.before(begin, child)
    assert history.before(begin, last)
    assert history.before(child, last)
    assert not history.before(later, child)
    assert not history.before(child, later)
    assert history.must(begin, child)
    assert history.must(child, last)


def test_a_lock_orders_this_execution_and_not_others() -> None:
    recording = Recording(CODE).started(1, 2)
    recording.acquire(1, 1)
    one = recording.write(1, 2, "x")
    recording.release(1, 3)
    recording.acquire(2, 4)
    other = recording.write(2, 5, "x")
    recording.release(2, 6)
    history = History(recording.record())
    assert history.before(one, other)
    assert not history.must(one, other)
    assert history.locks(one) == history.locks(other) == {recording.numbers["lock"]}


def test_a_lock_that_another_thread_releases_is_a_signal_and_orders_always() -> None:
    recording = Recording(CODE).started(1, 2)
    recording.acquire(1, 1, "waiter")
    one = recording.write(2, 2, "x")
    recording.release(2, 3, "waiter")
    recording.acquire(1, 4, "waiter")
    other = recording.read(1, 5, "x")
    history = History(recording.record())
    assert history.signals == {recording.numbers["waiter"]}
    assert history.must(one, other)


def test_held_over_is_lost_when_the_lock_is_let_go_in_between() -> None:
    recording = Recording(CODE).started(1)
    recording.acquire(1, 1)
    one = recording.read(1, 2, "x")
    two = recording.read(1, 2, "x")
    recording.release(1, 3)
    recording.acquire(1, 4)
    three = recording.write(1, 5, "x")
    history = History(recording.record())
    assert history.held_over(one, two) == {recording.numbers["lock"]}
    assert history.held_over(one, three) == set()


def test_an_attempt_that_failed_takes_nothing() -> None:
    recording = Recording(CODE).started(1, 2)
    lock = recording.place("lock", "Lock")
    taken = recording.acquire(1, 1)
    recording.add(2, Kind.TRY, lock, "", recording.site(2))
    history = History(recording.record())
    assert history.owners == {lock: taken}


def test_what_many_put_and_one_gets_comes_after_all_of_it() -> None:
    recording = Recording(CODE).started(1, 2)
    puts = []
    for thread in (1, 2):
        puts.append(recording.write(thread, 1, "x", of=f"item {thread}"))
        recording.release(thread, 2, "queue")
    recording.acquire(0, 3, "queue")
    got = recording.read(0, 4, "x", of="item 1")
    history = History(recording.record())
    assert all(history.must(put, got) for put in puts)
    assert history.locks(got) == set()


def test_a_few_of_very_many_threads_stand_for_all() -> None:
    run = Recording("def add():\n    hits.n += 1\n", threads=101).started(*range(1, 101))
    for thread in range(1, 101):
        run.read(thread, 2, "hits.n")
        run.write(thread, 2, "hits.n")
    history = History(run.record())
    (accesses,) = [many for many in by_place(history).values() if len(many) == 200]
    assert len(few(accesses)) < 50  # and not 200, of which the triples are millions
    assert "lost update" in {one.split.kind for one in candidates(history)}
