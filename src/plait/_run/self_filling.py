"""What feeds have in common whose items come by themselves, from another thread: the driver sifts them when it can."""

from __future__ import annotations

from _collections_abc import Iterable

from plait._core.feed import KNOWN_AHEAD, SIFT_CAP, Feed
from plait._core.job import Job


class SelfFillingFeed(Feed):
    """A feed whose `fill` only says that items are wanted, and sifts those that have come.

    `_arrive` and `_arrive_no_more` are called by whoever brings them, the rest by the driver.
    """

    def __init__(self) -> None:
        super().__init__(iter(()))
        self._arrived: list[object] = []  # and not sifted yet
        self._complete = False
        self._job: Job | None = None

    def serve(self, job: Job) -> None:
        """Wake whoever drives this job."""
        self._job = job

    @property
    def _stock(self) -> int:
        """How many items are there and have not been given out."""
        return len(self._buffer) + len(self._arrived)

    def _arrive(self, items: Iterable[object]) -> bool:
        """Add items; whether there were none before. With the lock held."""
        was_empty = not self._stock
        (self._buffer if self._sift is None else self._arrived).extend(items)
        return was_empty

    def _arrive_no_more(self) -> None:
        """The input has ended. With the lock held."""
        self._complete = True
        self.over = self._sift is None or not self._arrived

    def _sift_arrived(self, wanted: int) -> None:
        if self._sift is None:
            return
        while self._arrived and len(self._buffer) < max(wanted, self.window) and self._known.waiting < KNOWN_AHEAD:
            with self._lock:
                chunk, self._arrived[:SIFT_CAP] = self._arrived[:SIFT_CAP], []
            self._add(chunk)
        with self._lock:
            self.over = self.over or (self._complete and not self._arrived)

    def _notify(self) -> None:
        if self._job is not None:
            self._job.wake()
