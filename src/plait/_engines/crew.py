"""Crew: what the threads of one run share: the feed, the finished batches, and how idle ones are parked and woken."""

from __future__ import annotations

import os
import threading
import time
from _queue import Empty  # without what the module `queue` imports around it
from collections import deque

from plait._core import checked
from plait._core.batch import Batch
from plait._core.current import Task, current_task
from plait._core.green import waiting_line
from plait._core.job import Job, Running
from plait._core.sizing import MOST_AHEAD, BatchSizer
from plait._engines.following import BATCH_SECONDS, Following
from plait._engines.halting import Seat
from plait._engines.inherited import hold
from plait._engines.stealing import Portion, is_stalled

_STALLED = 2 * BATCH_SECONDS  # a batch that takes longer is shared with threads that have nothing to do
_SOON = 0.001  # seconds within which the driver need not be told of a new item
_STUCK = 0.02  # an item that takes longer, and ten times longer than usual, does not keep the others waiting
_STUCK_UNKNOWN = 0.05


class Crew:
    """The threads of one run. Each attribute is the driver's, unless it says otherwise.

    Attributes:
        lock: guards taking from the feed, the batch size, cutting batches, `parked` and `staying`.
        seats: the workers that are still waited for.
        lost: workers whose item ran out of time and could not be stopped.
        finished: batches for the driver; workers append.
        parked: workers that wait for something to do; changed under `lock`.
        staying: threads that have not ended, those in `lost` left out; changed under `lock`.
        ceiling: how many workers there may be.
        done: how many items have ended, and when the last batch of them did; changed under `lock`.
        stopping: no more batches; set before any thread is made to stop.
        failure: an error of the engine itself; set by a worker.
    """

    def __init__(self, job: Job, portion: type[Portion]) -> None:
        self.job = job
        self.feed = job.feed
        self.portion = portion
        self.measured = job.timed or job.timeout is not None
        self.pid = job.feed.home = os.getpid()
        self.lock = threading.Lock()
        self.seats: list[Seat] = []
        self.lost: list[Seat] = []
        self.finished: deque[Batch] = deque()
        self.parked = self.staying = 0
        self.ceiling = job.workers
        self.done = 0, 0.0
        self.stopping = self.forked = False  # a child that one of the functions has made is forked
        self.failure: BaseException | None = None
        self._singly = job.feed.interdependent  # then nothing of a batch is to be stolen: what follows is not in it yet
        self._sizer = BatchSizer(BATCH_SECONDS)
        self.outer: Task | None = job.context.get(current_task)  # of another run, which has begun this one
        self._park, self._bell = waiting_line(), waiting_line()
        self._bench = waiting_line()  # where those wait that are too many
        self._quorum = 0  # finished batches at which to ring for the driver; 0 while it does not listen
        self._rung = 0.0
        self._awaited = False  # whether something happened before the driver listened; set by any thread
        self._dozing = True  # whether the driver would not look for long if nobody rang
        hold(self)
        self.widen()

    def forget(self) -> None:
        """In a forked child nothing of the run is left but the item that forked, to whose end it goes on."""
        self.forked = True
        for seat in self.seats:
            if seat.portion is not None:
                seat.portion.end()

    @property
    def unwanted(self) -> bool:
        """Whether nobody wants the results any more, here or in the map around this one."""
        return self.stopping or self.job.cancelled or (self.outer is not None and self.outer.cancelled)

    @property
    def siblings(self) -> int:
        """How many tasks share the machine with one of ours."""
        return max(1, len(self.seats)) * getattr(self.outer, "siblings", 1)

    # --- the workers' side

    def next_batch(self, seat: Seat) -> Batch | None:
        """The next batch for a worker, who waits for it as long as it takes; None when it is to go home."""
        feed = self.feed
        while True:
            while seat.resting and not self.unwanted:
                self._bench.get()
            with self.lock:
                if self.unwanted or seat.abandoned:
                    return None
                if seat.resting:
                    continue
                if (batch := self.draw(seat)) is not None or self.unwanted:
                    return batch
                self.parked += 1
                if feed.unhurried and feed.ready:  # it came when nobody was parked yet, and rings for nobody
                    self.parked -= 1
                    continue
            if self._quorum and not feed.unhurried and (self.finished or feed.due is not None):
                self.ring()  # the driver knows neither of what it did not wait for nor of whom to wake when it is time
            self._park.get()

    def finish(self, seat: Seat, batch: Batch) -> None:
        """The worker's batch is done, or as much of it as will ever be."""
        done = len(batch.values)
        with self.lock:
            seat.batch = None
            self.done = self.done[0] + done, batch.ended
            if not self._singly and not checked.keeps_apart(self.done[0]):
                self._learn(done, batch.ended - batch.started)
            elif done:
                self._sizer.cost = (batch.ended - batch.started) / done
        if done and done == len(batch.items) and not seat.released:
            if self._singly and self.feed.conclude(batch):
                if self.feed.over:  # the driver may be waiting for the last one
                    self.ring()
                return
            self.finished.append(batch)
        else:
            self.release(seat, batch, done)
        if 0 < self._quorum <= len(self.finished) or (batch.failures and self.feed.unhurried):
            self.ring()

    def left(self, seat: Seat) -> None:
        """The worker's thread ends."""
        with self.lock:
            if seat in self.lost:
                return
            self.staying -= 1
            last = not self.staying
        if last:
            self.ring()

    def fail(self, error: BaseException) -> None:
        """Something is wrong in the engine itself: the driver raises it."""
        self.failure = error
        self.ring()

    def call_off(self) -> None:
        """The job was cancelled: no worker begins another item, and the driver looks at once; any thread."""
        if self.job.cancelled:
            for seat in list(self.seats):
                if (portion := seat.portion) is not None:
                    portion.end()
                seat.rouse()
        self.ring()

    def welcome(self) -> None:
        """One more item has come by itself; any thread. A worker that is parked takes it, without the driver's help."""
        full = len(self.seats) >= self.ceiling
        if self.parked:
            if not self.lock.acquire(False):  # in a destructor this thread itself may hold it
                self.ring()
                return
            try:
                enough = full or self.feed.queued <= self.parked
                if enough and self.parked:
                    self._unpark(1)
            finally:
                self.lock.release()
            if enough:
                return
        elif full:
            return  # whoever has done what it is doing looks for more
        if self._dozing:  # else it looks soon anyway
            if self._quorum:
                self.ring()
            else:
                self._awaited = True

    def ring(self) -> None:
        """Make the driver look at once; any thread."""
        self._quorum = 0
        self._rung = time.perf_counter()
        self._bell.put(None)

    # --- with the lock held

    def draw(self, seat: Seat) -> Batch | None:
        """The worker's next batch; None when there is nothing to run now, or nobody wants it."""
        batch = self.feed.take(self._sizer.size)
        if batch is None and not self._singly and self.steal(time.perf_counter(), 1):
            batch = self.feed.take(self._sizer.size)
        if batch is not None:
            seat.portion = self.portion(batch.items) if not self._singly else Following(self, seat, batch)
            if self.unwanted:  # `call_off` has come between the two
                return None
            seat.batch, seat.released = batch, 0
        return batch

    def widen(self) -> None:
        """Let as many items be taken ahead of the consumer as keep the threads busy while results wait their turn."""
        threads = max(1, len(self.seats))
        self.feed.window = max(2 * threads, min((4 * threads + 8) * self._sizer.largest, MOST_AHEAD))

    def _learn(self, items: int, seconds: float) -> None:
        """So many items took so long."""
        largest = self._sizer.largest
        self._sizer.record(items, seconds)
        if self._sizer.largest != largest and not self.stopping:
            self.widen()

    def steal(self, now: float, wanted: int) -> bool:
        """Hand back what stalled workers have not begun, the oldest batch first, until `wanted` items are free."""
        stalled = [
            (batch.started, seat)
            for seat in self.seats
            if (batch := seat.batch) is not None and is_stalled(batch, now - _STALLED)
        ]
        freed = 0
        for started, seat in sorted(stalled, key=lambda entry: entry[0]):
            freed += self.take_rest(seat)
            if seat.batch is not None:
                self._learn(len(seat.batch.values) + 1, now - started)
            if freed >= wanted:
                break
        return freed > 0

    def take_rest(self, seat: Seat) -> int:
        """Hand back what the worker has not begun of its batch; how many items that is."""
        batch, portion = seat.batch, seat.portion
        if batch is None or portion is None:
            return 0
        rest = portion.rest(batch)
        if rest:
            self.feed.hand_back(batch.end, rest, batch.attempt)
        return len(rest)

    def release(self, seat: Seat, batch: Batch, stop: int) -> None:
        """Deliver what has not been delivered of a batch, which may still be running, up to offset `stop`."""
        start = seat.released
        if stop <= start:
            return
        seat.released = stop
        part = Batch(batch.base + start, batch.items[start:stop], batch.attempt)
        part.values = batch.values[start:stop]
        part.failures = {k - start: error for k, error in batch.failures.copy().items() if start <= k < stop}
        part.spans = batch.spans[start:stop]
        part.worker, part.started, part.ended = batch.worker, batch.started, batch.ended or time.perf_counter()
        self.finished.append(part)

    # --- the driver's side

    @property
    def appetite(self) -> int:
        """How many items should be ready for the threads to take."""
        return 2 * max(1, len(self.seats)) * self._sizer.size

    @property
    def active(self) -> int:
        """How many threads run items, or would."""
        return sum(not seat.resting for seat in self.seats)

    def join(self, seat: Seat) -> None:
        """A worker is about to start."""
        with self.lock:
            self.seats.append(seat)
            self.staying += 1
            self.widen()

    def unjoin(self, seat: Seat) -> None:
        """The worker could not be started."""
        with self.lock:
            self.seats.remove(seat)
            self.staying -= 1

    def rest(self, count: int) -> None:
        """So many workers run nothing from now on, when their batches are done, the youngest first."""
        with self.lock:
            for seat in [seat for seat in self.seats if not seat.resting][-count:]:
                seat.resting = True
                self.take_rest(seat)

    def recall(self, count: int) -> int:
        """Let up to `count` of the workers that rest go on; how many those are."""
        with self.lock:
            recalled = [seat for seat in self.seats if seat.resting][: max(0, count)]
            for seat in recalled:
                seat.resting = False
        if recalled:
            for _ in self.seats:  # each sees for itself whether it is meant
                self._bench.put(None)
        return len(recalled)

    def listen(self, seconds: float | None, quorum: int) -> float:
        """Wait until `quorum` batches have finished, a worker found nothing to do, or so many seconds have passed.

        Returns how late the wake-up was.
        """
        began = time.perf_counter()
        self._dozing = self.feed.prompt or seconds is None or seconds > _SOON
        self._quorum = quorum
        if self._awaited or len(self.finished) >= quorum:
            self._quorum = 0
            self._awaited = False
            return 0.0
        due = began + (seconds or 0.0)
        try:
            self._bell.get(timeout=seconds)
            due = max(began, self._rung)
        except Empty:
            pass
        self._quorum = 0
        return time.perf_counter() - due

    def share_out(self, now: float, room: bool) -> int:
        """Wake parked workers if there is something to do; when there are none, how many batches wait for a thread.

        With `room` for more threads, or with parked ones, items behind a stalled one are taken out first.
        """
        with self.lock:
            if not self.feed.ready and (self.parked or room):
                self.steal(now, max(1, self.parked))
            if not self.feed.ready:
                return 0
            waiting = self._waiting()
            if self.parked:
                self._unpark(min(self.parked, waiting))
                return 0
            return waiting

    def lose(self, seat: Seat) -> None:
        """A worker has been abandoned: what it had not begun goes to others, and its thread is not waited for."""
        with self.lock:
            self.take_rest(seat)
            self.seats.remove(seat)
            self.lost.append(seat)
            self.staying -= 1

    def release_stalled(self, now: float) -> None:
        """Deliver what a stalled item would hold back: the values that come before it in its batch."""
        for seat in self.seats:
            batch = seat.batch
            if batch is not None and 0.0 < batch.started < now - _STALLED and len(batch.values) > seat.released:
                with self.lock:
                    if seat.batch is batch:
                        done = len(batch.spans) if self.measured else len(batch.values)
                        self.release(seat, batch, done)

    def unattended(self) -> int:
        """How many items wait beyond those that idle workers will take; these are woken."""
        with self.lock:
            if self.parked:
                self._unpark(min(self.parked, self.feed.queued))
            return self.feed.queued - sum(seat.batch is None for seat in self.seats)

    def stuck(self, now: float) -> bool:
        """Whether every thread runs an item that takes far longer than items did lately."""
        usual = _STUCK_UNKNOWN if self._sizer.cost is None else max(_STUCK, 10 * self._sizer.cost)
        active = [seat for seat in self.seats if not seat.resting]
        return all((batch := seat.batch) is not None and 0.0 < batch.started < now - usual for seat in active)

    def dismiss(self) -> None:
        """Send every worker home that is not in the user's code; the others are told not to go on."""
        with self.lock:
            self.stopping = True
        for seat in self.seats:  # more than are parked does no harm, and this may be called again
            self._park.put(None)
            self._bench.put(None)
            seat.rouse()

    def wait_empty(self, seconds: float) -> bool:
        """Wait until every thread has ended; False when some have not."""
        deadline = time.perf_counter() + seconds
        while self.staying > 0:
            if (left := deadline - time.perf_counter()) <= 0:
                return False
            try:
                self._bell.get(timeout=left)
            except Empty:
                return self.staying <= 0
        return True

    def snapshot(self) -> list[Running]:
        """What is running now."""
        now = time.perf_counter()
        return [running for seat in list(self.seats) if (running := seat.running(now)) is not None]

    def _waiting(self) -> int:
        size = max(1, self._sizer.size)
        room = self.feed.allowance
        left = self.feed.left
        if self.feed.waiting:
            return max(self.parked, 1)
        if self._singly:
            return max(1, self.feed.queued)
        return max(1, -(-min(room, room if left is None else left) // size))

    def _unpark(self, count: int) -> None:
        self.parked -= count
        for _ in range(count):
            self._park.put(None)
