"""An input that takes its time: how a driver whose own thread pulls it still hands on results as they come.

While the user's iterator waits for its next item, nothing can be delivered. So after each slow pull the driver listens
for a moment, in which what was just given to a worker may come back; and where items are much cheaper than pulls, what
has come back is delivered before the next pull, as workers would have nothing else to do anyway.
"""

from __future__ import annotations

import time
from _collections_abc import Sized

from plait._core.batch import Batch
from plait._core.feed import Feed
from plait._engines.planning import Planner

_SLOW = 0.005  # seconds; the feed ends a series of quick pulls after a fifth of that
_SHARE, _MOST = 20, 0.05  # of the time that a pull took, and at most so many seconds, are spent on listening


class SlowInput:
    """The input of a run whose driver pulls it; with the planner and the finished batches of one that pulls ahead."""

    def __init__(self, feed: Feed, planner: Planner | None = None, finished: Sized = ()) -> None:
        self._feed = feed
        self._planner = planner
        self._finished = finished
        self._slow = False
        self._rested = 0.0  # the moment from which on it may be pulled again

    def fill(self, wanted: int) -> None:
        """Pull, and see how long that takes."""
        began = time.perf_counter()
        if self._feed.fill(wanted):
            ended = time.perf_counter()
            self._slow = ended - began > _SLOW
            self._rested = ended + min((ended - began) / _SHARE, _MOST)

    def next_batch(self, planner: Planner) -> tuple[Batch | None, float]:
        """The next batch for a worker, as large as the planner wants it, and the seconds it may take; None for none."""
        feed = self._feed
        size, budget = planner.next(feed.left)
        if feed.interdependent:
            size = 1
        feed.window = planner.window
        self.fill(size)
        return feed.take(size), budget

    @property
    def rests(self) -> bool:
        """Whether nothing shall be pulled before the driver has listened, or delivered what it has."""
        if not self._slow or (self._feed.settled == self._feed.taken and not self._feed.ready):
            return False
        ahead = self._planner is not None and self._planner.depth > 1 and len(self._finished) > 0
        return ahead or time.perf_counter() < self._rested

    @property
    def pause_ms(self) -> float | None:
        """Milliseconds to listen for now, after which the input may be asked again; None: there is no need to."""
        return max(0.0, self._rested - time.perf_counter()) * 1000 if self.rests else None
