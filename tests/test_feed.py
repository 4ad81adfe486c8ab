"""Feed: what it gives out when, told by the clock of the tests' own."""

from __future__ import annotations

import itertools

import pytest

from plait._core import feed as feed_module
from plait._core.feed import Feed


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
