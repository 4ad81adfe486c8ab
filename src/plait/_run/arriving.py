"""Items that arrive in their own time: a thread reads them, so that waiting for input never holds up finished results.

``plait.map`` advances a user's iterator in the caller's own thread, where a read that blocks (a pipe, a terminal) would
keep results waiting that are there already. Input that plait reads itself goes this way instead.
"""

from __future__ import annotations

import threading
from _collections_abc import Iterable, Iterator
from itertools import chain

from plait._core.batch import Batch
from plait._core.daemons import daemons_allowed
from plait._core.feed import Feed
from plait._core.job import Job


class Arrivals:
    """An input for ``plait.map``: lists of items, each given as soon as its items are there.

    Args:
        chunks: iterated by a thread of its own.
        total: how many items there will be, if that is known.
        most_open: how many items may be started and not delivered, at most.
    """

    def __init__(self, chunks: Iterable[list[object]], total: int | None = None, most_open: int = 1 << 30) -> None:
        self._chunks = chunks
        self._total = total
        self._feed = ArrivingFeed(iter(chunks), most_open)

    def __iter__(self) -> Iterator[object]:
        return chain.from_iterable(self._chunks)

    def __length_hint__(self) -> int:
        return NotImplemented if self._total is None else self._total

    @property
    def feed(self) -> ArrivingFeed:
        """What an engine pulls from."""
        return self._feed

    def cut(self) -> None:
        """Start nothing more: the map ends when what has been started has ended."""
        self._feed.cut()


class ArrivingFeed(Feed):
    """A feed that is filled by a thread, which wakes the driver of its job when there is something new to look at."""

    def __init__(self, chunks: Iterator[list[object]], most_open: int) -> None:
        super().__init__(iter(()))
        self._chunks = chunks
        self._most_open = most_open
        self._thread: threading.Thread | None = None
        self._hungry = threading.Event()
        self._cut = False
        self._job: Job | None = None

    def serve(self, job: Job) -> None:
        """Wake whoever drives this job."""
        self._job = job

    def fill(self, wanted: int) -> bool:
        """Have the thread read on. Returns at once."""
        if self._thread is None and not self.over:
            # A daemon: nothing can end a read from a pipe that nobody writes to.
            self._thread = threading.Thread(target=self._read, name="plait-input", daemon=daemons_allowed())
            self._thread.start()
        if len(self._buffer) < self.window:
            self._hungry.set()
        return False

    def cut(self) -> None:
        """Give out nothing new from now on."""
        with self._lock:
            self._buffer.clear()
            self.over = self._cut = True
        self._hungry.set()
        self._notify()

    @property
    def room(self) -> int:
        """As every feed's, and no more than may be open."""
        return min(super().room, self._most_open - (self.taken - self.delivered))

    def _take_new(self, size: int) -> Batch | None:
        batch = super()._take_new(size)
        if len(self._buffer) < self.window:
            self._hungry.set()
        return batch

    def _notify(self) -> None:
        if self._job is not None:
            self._job.wake()

    def _read(self) -> None:
        try:
            for chunk in self._chunks:
                if not self._admit(chunk):
                    return
        except BaseException as error:  # the driver raises it, when what came before has been delivered
            self.error = error
        with self._lock:
            self.over = True
        self._notify()

    def _admit(self, chunk: list[object]) -> bool:
        """Add the items, and wait until more are wanted; False when nothing will be."""
        with self._lock:
            if self._cut:
                return False
            self._buffer += chunk
        self._notify()
        while len(self._buffer) >= self.window and not self._cut:
            self._hungry.wait()
            self._hungry.clear()
        return not self._cut
