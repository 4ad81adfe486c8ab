"""Where engines pull their batches from."""

from __future__ import annotations

import itertools

import pytest

from plait._core import feed as module
from plait._core.feed import Feed


def test_a_fill_pulls_something_however_late_it_gets_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or an engine that has nothing to run and nobody to hear from would wait for ever."""
    seconds = itertools.count()
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(seconds)))
    feed = Feed(iter(range(3)))
    feed.window = 10
    for ready in range(1, 4):
        feed.fill(10)
        assert feed.ready
        assert len(feed._buffer) == ready
    feed.fill(10)
    assert feed.over
