"""Histories: what is held when, and what comes before what."""

from __future__ import annotations

from check_records import Recording

from plait._check.history import History
from plait._check.record import Place
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


def test_an_attempt_succeeds_when_the_lock_is_free() -> None:
    recording = Recording(CODE).started(1, 2)
    lock = recording.place("lock", "Lock")
    taken = recording.add(1, Kind.TRY, lock, "", recording.site(1))
    refused = recording.add(2, Kind.TRY, lock, "", recording.site(2))
    history = History(recording.record())
    assert taken in history.taken
    assert refused not in history.taken
    assert history.owners == {lock: taken}


def test_an_rlock_is_let_go_with_the_last_release() -> None:
    recording = Recording(CODE).started(1)
    lock = recording.place("lock", "RLock")
    recording.places[lock] = Place(lock, "RLock", None)
    recording.acquire(1, 1)
    recording.acquire(1, 2)
    recording.release(1, 3)
    held = recording.write(1, 4, "x")
    recording.release(1, 5)
    free = recording.write(1, 6, "x")
    history = History(recording.record())
    assert history.locks(held) == {lock}
    assert history.locks(free) == set()
