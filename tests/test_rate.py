"""rate=: how many items may start per second; the arithmetic with a clock of the tests' own, and the feed around it."""

from __future__ import annotations

import time
from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plait
from plait._core import feed as feed_module
from plait._core.feed import Feed
from plait._core.rate import RateLimit, parse_rate
from plait.errors import UsageError

SLACK = 0.02


@pytest.mark.parametrize(
    ("rate", "per_second"),
    [
        ("10/s", 10), ("100/min", 100 / 60), ("5/h", 5 / 3600), ("1000/d", 1000 / 86400), (" 2.5 / s ", 2.5), (".5/s", 0.5),
        (10, 10), (0.1, 0.1), ("10000/s", 10000),
    ],
)  # fmt: skip
def test_what_a_rate_means(rate, per_second):
    assert parse_rate(rate) == pytest.approx(per_second)


@pytest.mark.parametrize(
    "rate",
    [
        "", "10", "10/", "/s", "ten/s", "10/week", "-1/s", "0/s", "1e3/s", "nan/s", 0, -1, float("nan"), float("inf"),
        10**400, True, (10, "s"), b"10/s",
    ],
)  # fmt: skip
def test_what_means_no_rate(rate):
    with pytest.raises(UsageError, match=r'expected starts per time, such as "10/s"'):
        plait.map(abs, [1], rate=rate)


def test_starts_are_spread_evenly():
    limit = RateLimit(10)
    starts = _run(limit, 30, wake=lambda due: due)
    assert starts == pytest.approx([n / 10 for n in range(30)])


def test_unused_starts_are_not_saved_up():
    limit = RateLimit(10)
    limit.start(1, 0.0)
    assert limit.allowed(1000.0) == 1
    limit.start(1, 1000.0)
    assert limit.allowed(1000.05) == 0


def test_a_fast_rate_allows_as_many_at_once_as_were_due_within_the_slack():
    limit = RateLimit(10_000)
    limit.start(1, 0.0)
    assert limit.allowed(0.0051) == 51
    assert limit.allowed(100.0) == 201


def test_what_did_not_start_may_start_later():
    limit = RateLimit(1000)
    limit.start(1, 0.0)
    limit.start(10, 0.010)
    assert limit.allowed(0.010) == 0
    limit.give_back(7)
    assert limit.allowed(0.010) == 7


@settings(max_examples=100, deadline=None)
@given(
    rate=st.floats(0.01, 20_000),
    lates=st.lists(st.floats(0, 0.019), min_size=50, max_size=200),
)
def test_the_mean_is_kept_however_late_one_wakes_up(rate, lates):
    limit = RateLimit(rate)
    starts = _run(limit, len(lates), wake=lambda due: due + lates.pop())
    assert (len(starts) - 1) / rate <= starts[-1] + 1e-6
    assert starts[-1] <= (len(starts) - 1) / rate + 0.02


@settings(max_examples=100, deadline=None)
@given(
    rate=st.floats(0.01, 5_000),
    pauses=st.lists(st.one_of(st.floats(0, 0.1), st.floats(0, 50)), min_size=20, max_size=60),
    span=st.floats(0.001, 10),
)
def test_no_span_of_time_has_more_starts_than_the_rate_allows(rate, pauses, span):
    limit = RateLimit(rate)
    starts = _run(limit, len(pauses), wake=lambda due: due + pauses.pop())
    most = 1 + rate * (span + SLACK)
    for begin, start in enumerate(starts):
        within = bisect_right(starts, start + span) - begin  # they are in order
        assert within <= most + 1e-3


def test_a_feed_hands_out_no_more_than_the_rate_allows(monkeypatch):
    now = 100.0
    monkeypatch.setattr(feed_module.time, "perf_counter", lambda: now)
    feed = _feed(range(1000), 1000)
    assert len(feed.take(50).items) == 1
    assert feed.take(50) is None
    assert not feed.ready
    assert feed.due == pytest.approx(now + 0.001)
    now = feed.due + 0.003
    assert feed.ready
    assert len(feed.take(50).items) == 4
    assert feed.take(50) is None


def test_items_that_were_handed_back_have_not_started():
    feed = _feed(range(10), 0.001)
    batch = feed.take(5)
    assert not feed.ready
    feed.hand_back(batch.base, batch.items)
    assert feed.ready
    assert feed.take(5).base == 0


def test_another_attempt_waits_for_the_rate_too():
    feed = _feed([7], 0.001)
    batch = feed.take(1)
    feed.retry(0, 7, 2, due=time.perf_counter() - 1)
    assert batch.items == [7]
    assert feed.take(1) is None
    assert feed.due > time.perf_counter() + 900


def test_nothing_is_due_when_nothing_is_left():
    feed = _feed([7], 0.001)
    feed.take(1)
    assert feed.due is None


def test_a_rate_takes_no_time_of_the_processor():
    before = time.process_time()
    assert list(plait.map(abs, range(4), engine="thread", workers=2, rate=4)) == [0, 1, 2, 3]
    assert time.process_time() - before < 0.4


def _feed(items, per_second):
    feed = Feed(items)
    feed.window = 1000
    feed.limit = RateLimit(per_second)
    return feed


def _run(limit, wakes, wake):
    """The moments of the starts of somebody who always wakes up when `wake` says and then starts what is allowed."""
    starts = []
    now = 0.0
    for _ in range(wakes):
        allowed = limit.allowed(now)
        limit.start(allowed, now)
        starts += [now] * allowed
        now = max(now, wake(limit.due))
    return starts
