"""QueueFeed: a feed whose items are calls that arrive from any thread at any time."""

from __future__ import annotations

import threading
from _collections_abc import Callable, Sequence
from collections import deque

from plait._core.batch import Batch
from plait._core.feed import Feed
from plait._core.onlooker import ONLOOKER
from plait._run.pool_call import Call

UNINTERRUPTIBLE = True  # see `halting`: a call that was taken out of the queue must not be lost on its way


class QueueFeed(Feed):
    """The submitted calls of one pool, first in, first out, one per batch.

    A batch of several would withhold the results of its first calls while a later one runs, and the later one may be
    waiting for just those results. A worker whose calls hand their results on themselves may `extend` its batch.

    `first_taken` is set once a worker has taken a call.
    `put` and `end` may be called from any thread; `end` also from a destructor, wherever that may run.
    """

    interdependent = True
    unhurried = True

    def __init__(self, notify: Callable[[], None], arrived: Callable[[], None]) -> None:
        super().__init__(iter(()))
        self._lock = threading.RLock()  # type: ignore[assignment]  # as a Lock; a destructor may submit while we hold it
        self._queue: deque[Call] = deque()
        self._started: dict[int, Call] = {}
        self._refusal: Callable[[], BaseException] | None = None
        self._notify = notify
        self._arrived = arrived
        self.first_taken = threading.Event()

    def put(self, call: Call) -> None:
        """Add a call and tell the engine.

        Raises:
            the error given to `close`: the feed takes nothing more.
        """
        with self._lock:
            if self._refusal is not None:
                raise self._refusal()
            self._queue.append(call)
        self._arrived()

    def close(self, refusal: Callable[[], BaseException]) -> None:
        """Take nothing more, give out what is queued, and let the run end after that."""
        with self._lock:
            if self._refusal is None:
                self._refusal = refusal
        self.end()

    def end(self) -> None:
        """As `close`, when nobody is left who could put anything."""
        self.over = True
        self._notify()

    def drain(self) -> list[Call]:
        """Remove and return the calls that nobody has taken."""
        with self._lock:
            calls = list(self._queue)
            self._queue.clear()
        self._notify()
        return calls

    def running(self) -> list[Call]:
        """The calls that were taken and are not settled."""
        with self._lock:
            return list(self._started.values())

    @property
    def refusal(self) -> BaseException | None:
        """Why nothing more is taken, or None."""
        return None if self._refusal is None else self._refusal()

    # --- what an engine asks

    @property
    def queued(self) -> int:
        """How many calls wait; some may turn out to be cancelled."""
        return len(self._queue) + len(self._returned)

    def fill(self, wanted: int) -> bool:
        """Nothing to pull: calls arrive by themselves."""
        return False

    @property
    def finished(self) -> bool:
        """Whether no call is left and none can arrive."""
        if self._held:
            return super().finished
        if not self.over:
            return False
        with self._lock:  # a worker may have taken the last call out, and not counted it yet
            return self.settled == self.taken and not self._queue and not self._returned

    @property
    def left(self) -> int | None:
        """Unknown: more may arrive."""
        return None

    @property
    def ready(self) -> bool:
        """Whether calls wait; all of them may turn out to be cancelled."""
        return bool(self._returned or self._queue) and not self._held

    def conclude(self, batch: Batch) -> bool:
        if batch.failures or ONLOOKER.told is not None:
            return False
        calls: Sequence[Call] = batch.items  # type: ignore[assignment]  # ours are
        for call in calls:
            if call.future is not None:
                return False
            call.worker = call.worker or batch.worker
        self.forget(batch)
        return True

    def forget(self, batch: Batch) -> None:
        """The calls of this batch have their outcome; any thread."""
        first, count = batch.base, len(batch.items)
        with self._lock:
            for index in range(first, first + count):
                self._started.pop(index, None)
            self.settled += count
            self.delivered += count

    def take(self, size: int) -> Batch | None:
        if not (self._queue or self._returned):
            return None  # as most often when somebody asks who has just run something
        with self._lock:
            if self._returned or self._revoked or self._held:
                return self._take(size)
            return self._take_new(size)

    def extend(self, batch: Batch) -> bool:
        if not self._queue:
            return False
        with self._lock:
            if self.taken != batch.end or self._held or self._returned:
                return False
            call = self._next_call()
            if call is None:
                return False
            batch.items.append(call)  # type: ignore[attr-defined]  # ours are lists
            return True

    def _take_new(self, size: int) -> Batch | None:
        call = self._next_call()
        return None if call is None else Batch(call.index, [call])

    def _next_call(self) -> Call | None:
        skipped = False
        while self._queue:
            call = self._queue.popleft()
            call.index = index = self.taken  # before it can be seen to run, and be revoked
            if call.start():
                if index == 0:
                    self.first_taken.set()
                self.taken += 1
                self._started[index] = call
                return call
            skipped = True
        if skipped and self.over:
            self._notify()  # the last calls were cancelled: the run may be finished now
        return None
