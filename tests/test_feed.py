"""Feed: what it gives out when, told by the clock of the tests' own."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait._core import feed as feed_module
from plait._core.batch import Batch
from plait._core.feed import KNOWN_AHEAD, SIFT_CAP, Feed


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass with each look at the clock."""
    step = [0.0]
    passed = itertools.count()
    monkeypatch.setattr(feed_module.time, "perf_counter", lambda: next(passed) * step[0])
    return step


def test_fill_pulls_something_however_long_its_thread_is_kept_from_running(clock):
    clock[0] = 5.0
    feed = Feed(iter([1, 2, 3]))
    feed.window = 10
    for expected in (1, 2, 3):
        feed.fill(10)
        assert feed.take(10).items == [expected]
    feed.fill(10)
    assert feed.over


def test_fill_stops_when_its_slice_of_time_is_spent(clock):
    feed = Feed(itertools.count())
    feed.window = 1_000_000
    clock[0] = 0.0002
    feed.fill(1_000_000)
    assert 0 < len(feed.take(1_000_000).items) < 100


# --- items whose outcome is known


def sieve(feed, is_known):
    """A sieve as a journal's: it withdraws the known items."""

    def sift(base, items):
        known = [base + offset for offset, item in enumerate(items) if is_known(item)]
        for index in known:
            feed.withdrawn.append(Batch(index, [items[index - base]]))
        return [(index, index + 1) for index in known]

    return sift


def drive(feed, window, size):
    """Take and settle everything as an engine and its consumer do; the indices that were run, and all in order of end."""
    ran, ended = [], []
    feed.window = window
    while not feed.finished:
        feed.fill(size)
        while feed.withdrawn:
            batch = feed.withdrawn.popleft()
            feed.settle(len(batch.items))
            feed.deliver(len(batch.items), known=True)
            ended += range(batch.base, batch.end)
        batch = feed.take(size)
        if batch is None:
            continue
        assert batch.items == [100 + index for index in range(batch.base, batch.end)]
        feed.settle(len(batch.items))
        feed.deliver(len(batch.items))
        ran += range(batch.base, batch.end)
        ended += range(batch.base, batch.end)
    return ran, ended


@settings(max_examples=200, deadline=None)
@given(
    known=st.lists(st.booleans(), max_size=80),
    window=st.integers(1, 20),
    size=st.integers(1, 9),
    kind=st.sampled_from([list, tuple, iter]),
)
def test_known_items_are_stepped_over_and_every_item_ends_once(known, window, size, kind):
    items = [100 + index for index in range(len(known))]
    feed = Feed(kind(items))
    feed.sift(sieve(feed, lambda item: known[item - 100]))
    ran, ended = drive(feed, window, size)
    assert ran == [index for index, each in enumerate(known) if not each]
    assert sorted(ended) == list(range(len(known)))
    assert feed.room == window
    assert feed.left == 0


def test_known_items_take_no_room_in_the_window():
    feed = Feed(range(10_000))
    feed.sift(sieve(feed, lambda item: item % 1000))
    feed.window = 4
    for _ in range(100):
        feed.fill(4)
    taken = []
    while (batch := feed.take(4)) is not None:
        taken += batch.items
    assert taken == [0, 1000, 2000, 3000]


def test_known_items_are_not_pulled_ahead_without_end():
    items = itertools.count()
    feed = Feed(items)
    feed.sift(sieve(feed, lambda item: True))
    feed.window = 4
    for _ in range(1000):
        feed.fill(4)
    assert KNOWN_AHEAD <= next(items) < KNOWN_AHEAD + 2 * SIFT_CAP


def test_nothing_is_pulled_beyond_the_window_when_nothing_is_known():
    items = iter(range(1000))
    feed = Feed(items)
    feed.sift(sieve(feed, lambda item: False))
    feed.window = 4
    for _ in range(10):
        feed.fill(100)
    assert next(items) == 4


def test_how_many_are_left_is_known_for_what_has_a_length():
    feed = Feed([0, 1, 2, 3, 4, 5])
    feed.sift(sieve(feed, lambda item: item in (1, 2)))
    assert feed.left == 6
    feed.window = 10
    while not feed.over:
        feed.fill(10)
    assert feed.left == 4


def test_a_feed_that_is_held_ends_when_what_is_in_flight_has_ended():
    feed = Feed(range(6))
    feed.sift(sieve(feed, lambda item: item in (2, 3)))
    feed.window = 10
    while not feed.over:
        feed.fill(10)
    batch = feed.take(1)
    feed.hold()
    assert not feed.finished
    for settled in [batch, *feed.withdrawn]:
        feed.settle(len(settled.items))
    assert feed.finished
    feed.release()
    assert not feed.finished
    assert feed.take(5).base == 1
    assert feed.take(5).base == 4


# --- while the consumer waits for one item


def taken_of(feed):
    found = []
    while True:
        feed.fill(100)
        if (batch := feed.take(1)) is None:
            return found
        found += batch.items


@pytest.mark.parametrize("kind", [iter, list])
def test_more_may_be_taken_while_the_consumer_waits_for_one_and_no_more_than_that(kind):
    feed = Feed(kind(range(1000)))
    feed.window = 4
    assert not feed.reach(3, 10)  # there is room
    assert taken_of(feed) == [0, 1, 2, 3]
    for more in ([4, 5, 6], [7, 8, 9], [10, 11, 12], [13]):
        assert feed.reach(3, 10)
        assert taken_of(feed) == more
    assert not feed.reach(3, 10)
    assert taken_of(feed) == []


def test_once_the_consumer_has_it_the_window_is_what_it_was():
    feed = Feed(range(1000))
    feed.window = 4
    taken_of(feed)
    feed.reach(6, 10)
    assert len(taken_of(feed)) == 6
    feed.deliver(1)
    assert taken_of(feed) == []
    assert feed.reach(2, 10)  # it waits for the next one
    assert taken_of(feed) == [10, 11]
    feed.deliver(9)
    assert taken_of(feed) == [12, 13]


def test_nothing_is_made_room_for_once_all_has_been_taken():
    feed = Feed(range(4))
    feed.window = 4
    taken_of(feed)
    assert not feed.reach(3, 10)
