"""Where engines pull their next batch from: new items as far as the window allows, first what was handed back.

Promises:
 * items are pulled as far ahead of the consumer as `window` and `reach` say: endless inputs run in constant memory;
 * a list, tuple or range is sliced by whoever needs a batch; any other iterator is advanced only inside `fill`, which
   the consumer's own thread calls: a database cursor or a generator never sees another thread;
 * an error of the input iterator ends the input; what was pulled before is still run and delivered.
"""

from __future__ import annotations

import heapq
import threading
import time
from _collections_abc import Callable, Iterable, Iterator, Sequence
from collections import deque
from itertools import chain, islice

from plait._core.batch import Batch
from plait._core.home import stay_home
from plait._core.interrupts import calls_out
from plait._core.known import Known, between

TYPE_CHECKING = False
if TYPE_CHECKING:  # job imports feed; workers import this module and never limit a rate
    from plait._core.job import Job
    from plait._core.rate import RateLimit

_PULL_SLICE = 0.001  # seconds that one `fill` may spend in the user's iterator before results are looked at again
_PULL_CAP = 8192
KNOWN_AHEAD = 16384  # items of known outcome that may be pulled ahead of the consumer
SIFT_CAP = 1024  # items that are sifted together, at most


class Feed:
    """The items of one job, taken in batches.

    `take` and `hand_back` may be called from any thread; `fill`, `settle` and `deliver` from the driver's only.
    `handed_out` lists the new items as they were given out; whoever keeps the accounts takes off what is settled.
    `withdrawn` is where items end that do not have to be run, because they were withdrawn before they began or because
    their outcome is known, as finished batches for the engine to yield, which may put its own queue there.

    Attributes:
        interdependent: whether items may wait for one another. An engine then has a worker for each such item, as far
            as it has workers, and gives an item only to a worker that is free.
        prompt: whether each item should have a worker, as a thread of its own, at once, also when that is not faster.
        unhurried: whether nobody waits for the driver to hear of what threads have run: they hand on results.
        limit: how many items may start a second, or None. It holds for whatever is taken, retries included.
        home: the process whose threads or workers run the items; None: whoever asks for results runs them.
        both_ways: the iterables of the source, if some can be iterated with ``async for``, too.
    """

    interdependent = False
    prompt = False
    unhurried = False
    limit: RateLimit | None = None
    home: int | None = None
    both_ways: tuple[object, ...] | None = None

    def __init__(self, source: Iterable[object]) -> None:
        self._lock = threading.Lock()
        self._sequence: Sequence[object] | None = source if type(source) in (list, tuple, range) else None  # type: ignore[assignment]  # the three types are sequences
        self._iterator: Iterator[object] = iter(()) if self._sequence is not None else iter(source)
        self._buffer: list[object] = []
        self._pull = 1
        self._returned: list[tuple[int, int, Sequence[object]]] = []
        self._later: list[tuple[float, int, int, object]] = []
        self._held = False
        self._sift: Callable[[int, list[object]], list[tuple[int, int]]] | None = None
        self._sift_size = 0
        self._length: int | None = None
        self._known = Known()
        self._revoked: set[int] = set()
        self.withdrawn: deque[Batch] = deque()
        self.handed_out: deque[tuple[int, Sequence[object]]] = deque()
        self.window = 1
        self._beyond = 0
        self.taken = 0
        self.delivered = 0
        self.settled = 0
        self.over = self._sequence is not None and not self._sequence
        self.error: BaseException | None = None

    # --- the driver's side

    def serve(self, job: Job) -> None:
        """Items that arrive by themselves wake whoever drives this job; called once."""

    def live_in(self, loop: object) -> None:
        """Items that come from an event loop come from this one; called once, before the first `fill`."""

    def fill(self, wanted: int) -> bool:
        """Pull from an iterator until `wanted` items are ready, the window is full, or a slice of time is spent.

        True when it was the time: there is more to be pulled.

        Raises:
            PlaitError: this is a forked child of the process at home.
        """
        stay_home(self.home)
        if self._sequence is not None or self.over or self._held:
            return False
        now = time.perf_counter()
        deadline = now + _PULL_SLICE
        while now < deadline:  # at least once, however long this thread is kept from running
            room = min(wanted, self.room) - len(self._buffer)
            if room <= 0 or self._known.waiting >= KNOWN_AHEAD:
                return False
            if self._sift is not None:
                room = min(max(room, self._sift_size), SIFT_CAP)
            self._pull_chunk(min(self._pull, room), now)
            if self.over:
                return False
            now = time.perf_counter()
        return True

    def _pull_chunk(self, size: int, now: float) -> None:
        chunk: list[object] = []
        error: BaseException | None = None
        try:
            _pull(chunk, self._iterator, size)
        except KeyboardInterrupt:
            self._add(chunk)
            raise
        except BaseException as raised:
            error = raised
        stay_home(self.home, error)
        spent = time.perf_counter() - now
        size -= len(chunk)
        self._add(chunk)
        self.over = error is not None or size > 0
        if error is not None:
            self.error = error
        if spent > _PULL_SLICE:
            self._pull = 1
        elif spent < _PULL_SLICE / 4:
            self._pull = min(_PULL_CAP, self._pull * 4)

    def _add(self, chunk: list[object]) -> None:
        """Items that have been pulled, by the driver's thread: whatever is to be run of them goes into the buffer."""
        known: list[tuple[int, int]] = []
        if self._sift is not None and chunk:
            with self._lock:
                base = self.taken + self._known.ahead + len(self._buffer)
            known = self._sift(base, chunk)
            rest = [chunk[start - base : stop - base] for start, stop in between(known, base, base + len(chunk))]
            # As long as nothing is to be run, the next chunk may be larger than the window.
            self._sift_size = 0 if rest else min(SIFT_CAP, 2 * len(chunk))
            chunk = list(chain.from_iterable(rest))
        with self._lock:
            self._buffer += chunk
            self._known.add(known)
            self.taken = self._known.cross(self.taken)

    def retry(self, index: int, item: object, attempt: int, due: float) -> None:
        """Run one item again, not before `due` on the clock of ``time.perf_counter``."""
        with self._lock:
            if index in self._revoked:
                self._end(index, item, attempt)
            else:
                heapq.heappush(self._later, (due, index, attempt, item))

    def settle(self, items: int) -> None:
        """That many items have their final outcome."""
        self.settled += items

    def deliver(self, items: int, *, known: bool = False) -> None:
        """The consumer has taken that many items, all `known` to the sieve or none: the window moves."""
        self.delivered += items
        self._beyond = 0
        if known:
            self._known.waiting -= items

    def sift(self, sieve: Callable[[int, list[object]], list[tuple[int, int]]]) -> None:
        """Have `sieve` look at new items before they are given out.

        It is called by `fill` with the index of the first and the items, appends batches to `withdrawn` for those that
        do not have to be run, and returns their indices as a list of ``(start, stop)`` in ascending order.
        """
        self._sift = sieve
        if self._sequence is not None:
            self._length = len(self._sequence)
            self._iterator, self._sequence = iter(self._sequence), None

    def reach(self, items: int, most: int) -> bool:
        """Without room, make it for so many more, `most` in all, until the consumer has the item it waits for."""
        if self.interdependent or self.over or self.room > 0:
            return False
        self._beyond = min(self._open - self.window + items, most)
        return self.room > 0

    def let_go(self) -> None:
        """The run is over: nothing more will be asked for, so a generator ends now, whoever still holds this."""
        self._iterator, self.both_ways = iter(()), None

    def hold(self) -> None:
        """Give out nothing more until `release`: a run over this feed ends when what is in flight has ended."""
        self._held = True

    def release(self) -> None:
        """Give out items again after `hold`."""
        self._held = False

    @property
    def finished(self) -> bool:
        """Whether a run over this feed is done: every item that will be given out has its outcome."""
        if self._held:  # what was handed back and what waits for its retry stays here for the next run
            with self._lock:
                kept = sum(len(items) for _, _, items in self._returned) + len(self._later)
            return self.settled + kept == self.taken + self._known.ahead
        return self.settled == self.taken and self.over and not self._buffer

    @property
    def due(self) -> float | None:
        """When the next item that waits for its retry or for the rate may run, or None when none does."""
        retry = next((due for due, *_ in self._later[:1]), None)  # of a copy: a worker may take it at any moment
        if self.limit is None or (retry is None and not self._has_some):
            return retry
        return self.limit.due if retry is None or self._has_some else max(retry, self.limit.due)

    @property
    def postponed(self) -> int:
        """How many items wait for their retry."""
        return len(self._later)

    @property
    def queued(self) -> int:
        """How many items `take` could give now, the window left aside; for feeds that are `prompt`."""
        return self.left or 0

    @property
    def left(self) -> int | None:
        """How many items are still to be given out, or None when the input's length is not known."""
        if self._sequence is not None:
            new = len(self._sequence) - self.taken
        elif self.over:
            new = len(self._buffer)
        elif self._length is not None:
            new = self._length - self.taken - self._known.ahead
        else:
            return None
        return new + sum(len(items) for _, _, items in self._returned)

    # --- the engine's side

    def take(self, size: int) -> Batch | None:
        """The next batch of at most `size` items, or None when there is nothing to run now."""
        with self._lock:
            if self.limit is None:
                return self._take(size)
            now = time.perf_counter()
            allowed = self.limit.allowed(now)
            batch = self._take(min(size, allowed)) if allowed else None
            if batch is not None:
                self.limit.start(len(batch.items), now)
            return batch

    def extend(self, batch: Batch) -> bool:
        """Add the next item to a batch whose items have ended, for its worker; False if none follows."""
        return False

    def conclude(self, batch: Batch) -> bool:
        """Whether the driver need not hear of a batch that has ended, since this was all there is to do; any thread."""
        return False

    def withdraw(self, index: int) -> bool:
        """Never give out this item from now on; False if it is not here any more, but with a worker or ended."""
        with self._lock:
            self._revoked.add(index)
            for later in self._later:
                if later[1] == index:
                    self._later.remove(later)
                    heapq.heapify(self._later)
                    self._end(index, later[3], later[2])
                    return True
            for returned in self._returned:
                if returned[0] <= index < returned[0] + len(returned[2]):
                    self._returned.remove(returned)
                    heapq.heapify(self._returned)
                    self._keep(Batch(returned[0], returned[2], returned[1]))
                    return True
            return index >= self.taken

    def hand_back(self, base: int, items: Sequence[object], attempt: int = 1) -> None:
        """Items that were taken and not started: the next `take` gives them out, lowest index first."""
        with self._lock:
            self._keep(Batch(base, items, attempt))
            if self.limit is not None:
                self.limit.give_back(len(items))

    @property
    def waiting(self) -> bool:
        """Whether `take` has something to give beyond the window: handed-back items."""
        return bool(self._returned) and not self._held

    @property
    def ready(self) -> bool:
        """Whether `take` would give a batch now."""
        if self._held or (self.limit is not None and not self.limit.allowed(time.perf_counter())):
            return False
        return self._has_some or any(due <= time.perf_counter() for due, *_ in self._later[:1])

    @property
    def room(self) -> int:
        """How many new items may be taken before the consumer takes some; those of known outcome take no room."""
        return self.window + self._beyond - self._open

    @property
    def _open(self) -> int:
        """How many items have been given out and not taken by the consumer."""
        return self.taken + self._known.ahead - self.delivered - self._known.waiting

    @property
    def allowance(self) -> int:
        """How many new items may be taken now: the room, or less where there is a rate."""
        return self.room if self.limit is None else min(self.room, self.limit.allowed(time.perf_counter()))

    @property
    def _has_some(self) -> bool:
        """Whether something waits for nothing but a worker, or the rate."""
        has_new = bool(self._buffer) if self._sequence is None else not self.over
        return bool(self._returned) or (has_new and self.room > 0)

    def _take(self, size: int) -> Batch | None:
        while not self._held:
            batch = self._next(size)
            if batch is None or not self._revoked or not self._holds_revoked(batch):
                return batch
            self._keep(batch)  # and take again: what is wanted of it comes first
        return None

    def _next(self, size: int) -> Batch | None:
        if self._returned:
            return self._take_returned(size)
        if self._later and self._later[0][0] <= time.perf_counter():
            _, index, attempt, item = heapq.heappop(self._later)
            return Batch(index, [item], attempt)
        return self._take_new(size)

    def _holds_revoked(self, batch: Batch) -> bool:
        return any(batch.base <= index < batch.end for index in self._revoked)

    def _keep(self, batch: Batch) -> None:
        """Give the items out with the next `take`, except those that were withdrawn: these end here."""
        start = 0
        for index in sorted(index for index in self._revoked if batch.base <= index < batch.end):
            offset = index - batch.base
            if start < offset:
                heapq.heappush(self._returned, (batch.base + start, batch.attempt, batch.items[start:offset]))
            self._end(index, batch.items[offset], batch.attempt)
            start = offset + 1
        if start < len(batch.items):
            heapq.heappush(
                self._returned, (batch.base + start, batch.attempt, batch.items[start:] if start else batch.items)
            )

    def _end(self, index: int, item: object, attempt: int) -> None:
        from plait._core.errors import Cancelled  # both are slow to import, and most runs do not need them here
        from plait._core.outcome import brief

        ended = Batch(index, [item], attempt - 1)
        cancelled = Cancelled(f"item {index}, {brief(item)}, was cancelled before it began")
        ended.values, ended.failures = [None], {0: cancelled}
        self.withdrawn.append(ended)
        self._revoked.discard(index)

    def _take_returned(self, size: int) -> Batch:
        base, attempt, items = heapq.heappop(self._returned)
        if len(items) > size:
            heapq.heappush(self._returned, (base + size, attempt, items[size:]))
            items = items[:size]
        return Batch(base, items, attempt)

    def _take_new(self, size: int) -> Batch | None:
        size = min(size, self.room)
        if size <= 0:
            return None
        base = self.taken
        items: Sequence[object]
        if self._sequence is not None:
            items = self._sequence[base : base + size]
            if base + len(items) >= len(self._sequence):
                self.over = True
        else:
            if (known := self._known.next) is not None:
                size = min(size, known - base)
            items = self._buffer[:size]
            del self._buffer[:size]
        if not items:
            return None
        self.taken += len(items)
        self.taken = self._known.cross(self.taken)
        self.handed_out.append((base, items))
        return Batch(base, items)


@calls_out
def _pull(chunk: list[object], iterator: Iterator[object], size: int) -> None:
    """That many items of the user's, or fewer; the chunk has what there was when the iterator raises."""
    chunk.extend(islice(iterator, size))
