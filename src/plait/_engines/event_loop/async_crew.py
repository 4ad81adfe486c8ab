"""AsyncCrew: what the worker coroutines of one run share: the feed, the finished batches, and whose turn it is.

All of it happens in the thread of one event loop, so nothing needs a lock but what the driver's thread looks at.

1. A worker takes a batch and awaits the function for one item after the other. While nothing suspends, no other code
   runs, and one worker does all the work.
2. The first batch of a round of the loop begins a slice of time and asks for a `turn`, a callback. It runs when every
   worker has given control back, and starts or wakes one more worker if there is something for it to do. So there are
   as many workers as there are items that wait at the same time, up to the limit, and no task per item.
3. Workers that find the slice over wait for the next turn: the loop's other work comes in between.
4. A batch that takes longer than it should is taken apart (`async_watch`): what has not been begun goes to others,
   values that are there already are delivered.
"""

from __future__ import annotations

import threading
import time
from _collections_abc import Awaitable, Callable
from asyncio import AbstractEventLoop, TimerHandle
from asyncio import Task as LoopTask
from collections import deque
from functools import partial

from plait._core import checked
from plait._core.batch import Batch
from plait._core.bell import Bell
from plait._core.current import Task, current_task
from plait._core.errors import StopTask
from plait._core.job import Job, Running
from plait._core.sizing import BatchSizer, most_beyond
from plait._engines.event_loop.async_doorbell import Doorbell
from plait._engines.event_loop.async_ending import AsyncEnding
from plait._engines.event_loop.async_watch import AsyncWatch
from plait._engines.event_loop.async_worker import AsyncWorker
from plait._engines.event_loop.loop_bell import LoopBell
from plait._engines.line_output import LineThread
from plait._engines.stealing import Portion, portion_type

_SLICE = 0.005  # seconds that workers run before the rest of the loop has its turn
_BATCH_SECONDS = 0.004
_BATCH_ITEMS = 1024
_AHEAD = 4096  # items that may be taken ahead of the consumer, however cheap they are, and for each possible worker
_AHEAD_EACH = 32


class AsyncCrew:
    """The workers of one run. Everything belongs to the thread of the loop, unless it says otherwise.

    Attributes:
        function: what is called with an item and gives what is awaited; set before anything runs.
        in_callers_loop: whether the driver lives in the same loop.
        measured: whether it is noted when each item begins and ends.
        workers: those that are waited for, in the order of their start; others read it.
        lost: workers whose item did not end when it was told to.
        finished: batches for the driver.
        limit: how many workers there may be.
        giving_way: how many workers are between two items and let the rest of the loop run.
        stopping: no more items; any thread sets it, once, to true.
        ending: what becomes of the workers after that.
        driver: the bell that calls the driver.
        failure: an error of the engine itself, for the driver to raise.
    """

    function: Callable[[object], Awaitable[object]]

    def __init__(
        self,
        job: Job,
        loop: AbstractEventLoop,
        bell: Bell | LoopBell,
        thread: LineThread | None = None,
    ) -> None:
        self.job = job
        self.feed = job.feed
        self.loop = loop
        self.portion: type[Portion] = portion_type()
        self.in_callers_loop = thread is None
        self.measured = job.timed or job.timeout is not None
        self.workers: dict[AsyncWorker, None] = {}
        self.lost: list[AsyncWorker] = []
        self.finished: deque[Batch] = deque()
        self.limit = job.workers
        self.giving_way = 0
        self.stopping = False
        self.failure: BaseException | None = None
        self.ending = AsyncEnding(self)
        self._bell = bell
        self.driver = Doorbell(bell, loop, shared=thread is None)
        self._thread = thread
        self._ident = threading.get_ident() if thread is None else thread.ident
        self._outer: Task | None = job.context.get(current_task)
        self._watch = AsyncWatch(self, job.timeout)
        self._sizer = BatchSizer(_BATCH_SECONDS, cap=_BATCH_ITEMS)
        self._parked: list[AsyncWorker] = []
        self._hired = self._done = 0
        self._slice_ends = 0.0
        self._turn_due = False
        self._ripe: TimerHandle | None = None
        self._lock = threading.Lock()
        self._hungry = True  # nothing happens before the driver finds something to run; under the lock
        self._due: float | None = None  # when `_ripe` was last set for; under the lock
        self._widen()

    @property
    def unwanted(self) -> bool:
        """Whether nobody wants the results any more, here or in the map around this one. Any thread."""
        if self.stopping or self.job.cancelled or self.failure is not None:
            return True
        return self._outer is not None and self._outer.cancelled

    # --- the workers' side

    @property
    def overdue(self) -> bool:
        """Whether the rest of the loop has waited long enough. The first to ask in a round begins the slice."""
        now = time.perf_counter()
        if not self._slice_ends:
            self._slice_ends = now + _SLICE
            self._turn_soon()
        return now > self._slice_ends

    def next_batch(self, worker: AsyncWorker) -> Batch | None:
        """A batch for the worker, or None when there is none now, or when the rest of the loop comes first."""
        if self.overdue or self.unwanted or worker.abandoned:
            return None
        batch = self.feed.take(self._sizer.size)
        if batch is None:
            return None
        batch.worker = worker.name
        batch.started = time.perf_counter()
        worker.portion = self.portion(batch.items)
        if self.unwanted:  # `wake` has come between the two
            return None
        worker.released = 0
        worker.batch = batch
        self._watch.begun(batch)
        return batch

    async def park(self, worker: AsyncWorker) -> Batch | None:
        """A batch for the worker, who waits for it as long as it takes; None when it is to go home."""
        while not self.unwanted and not worker.abandoned:
            worker.waiting = self.loop.create_future()
            self._parked.append(worker)
            try:
                await worker.waiting
            except BaseException:
                self.limit -= 1  # as in the worker: somebody closes the loop
                if worker in self._parked:
                    self._parked.remove(worker)
                raise
            if (batch := self.next_batch(worker)) is not None:
                return batch
        return None

    def finish(self, worker: AsyncWorker, batch: Batch) -> None:
        """The worker's batch is done."""
        if worker.abandoned:
            return
        worker.settle(batch)
        worker.batch = None
        batch.ended = time.perf_counter()
        self._record(len(batch.values), batch.ended - batch.started)
        if worker.released:
            self.release(worker, batch)
        else:
            self.finished.append(batch)
        if self._thread is not None and self._thread.unfinished:
            self._thread.end_lines()
        self.driver.tell(batch.ended)

    def fail(self, error: BaseException) -> None:
        """Something is wrong with the run itself: the driver raises it, and no item begins any more."""
        self.failure = self.failure or error
        self.driver.call()

    # --- what the watch does

    def take_rest(self, worker: AsyncWorker, batch: Batch) -> int:
        """Hand back what the worker has not begun of its batch; how many items that is."""
        rest = worker.portion.rest(batch)
        if rest:
            self.feed.hand_back(batch.end, rest, batch.attempt)
            self._turn_soon()
        return len(rest)

    def take_apart(self, worker: AsyncWorker, batch: Batch, now: float) -> None:
        """The batch takes too long: give others what has not been begun, and deliver what is there."""
        if self.take_rest(worker, batch):
            self._record(len(batch.values) + 1, now - batch.started)
        self.release(worker, batch)
        self.driver.tell(now)

    def release(self, worker: AsyncWorker, batch: Batch) -> None:
        """Deliver the values of a batch which have not been delivered; it may still be running."""
        start, stop = worker.released, len(batch.values)
        if stop > start:
            worker.released = stop
            part = batch.part(start, stop)
            part.ended = part.ended or time.perf_counter()
            self.finished.append(part)

    def deliver(self, batch: Batch) -> None:
        """A batch is finished although no worker says so."""
        self.finished.append(batch)
        self.driver.call()

    def lose(self, worker: AsyncWorker) -> None:
        """Wait for the worker no longer."""
        if worker.batch is not None:
            self.take_rest(worker, worker.batch)
            self.release(worker, worker.batch)
        worker.abandoned = True
        del self.workers[worker]
        self.lost.append(worker)
        self._turn_soon()

    # --- the driver's side

    def provide(self) -> bool:
        """Pull items, and have the workers look if there is something new; whether there is more to be pulled now."""
        if self._hungry:
            self.feed.reach(len(self.workers), most_beyond(self.job.workers))
        more = self.feed.fill(max(self.job.workers, 2 * len(self.workers) * self._sizer.size))
        if self.limit < self.job.workers:
            self._ask(self._restore)
        with self._lock:
            fed = self._hungry and (self.feed.ready or self.feed.due != self._due)
            if fed:
                self._hungry = False
        if fed:
            self._ask(self._turn_soon)
        return bool(more)

    def wake(self) -> None:
        """Have everybody look at what was put, revoked or cancelled; any thread. Once cancelled, no item begins."""
        if self.job.cancelled:
            for worker in list(self.workers):
                worker.portion.end()
        if self.job.cancelled or self.feed.over:
            self._bell.ring()
        self._post(self._turn_soon)

    def dismiss(self) -> None:
        """Send every worker home; the bell rings when all are gone or given up."""
        self.stopping = True
        self._ask(self._stop)

    def snapshot(self) -> list[Running]:
        """What is running now; any thread."""
        now = time.perf_counter()
        return [running for worker in list(self.workers) if (running := worker.running(now)) is not None]

    def _ask(self, callback: Callable[[], None]) -> None:
        if self.in_callers_loop and threading.get_ident() == self._ident:
            callback()
        else:
            self._post(callback)

    def _post(self, callback: Callable[[], None]) -> None:
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return  # the loop is closed, and all that was in it is gone

    # --- turns

    def _turn_soon(self) -> None:
        if not self._turn_due and not self.ending.told:
            self._turn_due = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Every worker has given control back: let one more work if there is something for it to do."""
        self._turn_due = False
        self._slice_ends = 0.0
        while self.job.revoked:
            self._watch.revoke(self.job.revoked.popleft())
        if self.unwanted:
            self._stop()
        elif self.giving_way or not self._fed():
            return
        elif self._parked:
            self._unpark()
            self._turn_soon()
        elif len(self.workers) < self.limit:
            at_least = checked.begins_with(self.limit) or 0
            for _ in range(max(1, at_least - len(self.workers))):
                self._hire()
            self._turn_soon()

    def unpark_all(self) -> None:
        """Wake everybody who has nothing to do."""
        while self._parked:
            self._unpark()

    def _unpark(self) -> None:
        waiting = self._parked.pop().waiting
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _fed(self) -> bool:
        """Whether a worker would find something; otherwise the driver is told, and a clock is set for what is due."""
        feed = self.feed
        if feed.ready:
            return True
        with self._lock:
            if feed.ready:
                return True
            self._hungry = True
            due = self._due = feed.due
        if due is not None:
            if self._ripe is not None:
                self._ripe.cancel()
            self._ripe = self.loop.call_later(max(0.0, due - time.perf_counter()) + 0.0001, self._turn_soon)
        if self.finished or not feed.over:
            self.driver.call()
        return False

    def _hire(self) -> None:
        self._hired += 1
        worker = AsyncWorker(self, self._hired)
        self.ending.joined(worker)
        name, context = f"plait-{worker.name}", self.job.context.copy()
        if checked.WORKERS is None:  # not loop.create_task: whatever factory it has, a worker begins only in its turn
            worker.task = LoopTask(worker.work(), loop=self.loop, name=name, context=context)
        else:  # which the loop of a check has to know of
            worker.task = self.loop.create_task(worker.work(), name=name, context=context)
        worker.task.add_done_callback(partial(self._left, worker))
        self.workers[worker] = None
        self.job.tally.peak = max(self.job.tally.peak, len(self.workers))
        self._widen()

    def _left(self, worker: AsyncWorker, task: LoopTask[None]) -> None:
        """The worker's task has ended."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, StopTask):  # which was meant for a function that had just ended
            self.fail(error)
        if worker.abandoned:
            self.lost.remove(worker)
            return
        del self.workers[worker]
        batch = worker.batch
        if batch is not None:
            worker.batch = None
            self.release(worker, batch)
            rest = batch.items[len(batch.values) :]
            if rest and not self.unwanted:
                self.feed.hand_back(batch.base + len(batch.values), rest, batch.attempt)
        self.ending.left()
        if not self.workers or self.failure is not None or self.limit < self.job.workers:
            self.driver.call()
        self._turn_soon()

    def _restore(self) -> None:
        """Somebody drives the run: workers that were cancelled from outside are replaced."""
        self.limit = self.job.workers
        self._turn_soon()

    def _stop(self) -> None:
        self.stopping = True
        if self.ending.told:
            return
        self._watch.stop()
        if self._ripe is not None:
            self._ripe.cancel()
        self.ending.tell()

    # --- sizes

    def _record(self, items: int, seconds: float) -> None:
        self._done += items
        if checked.keeps_apart(self._done):
            return
        size = self._sizer.size
        self._sizer.record(items, seconds)
        if self._sizer.size != size:
            self._widen()

    def _widen(self) -> None:
        """Let as many items be taken ahead of the consumer as keep the workers busy while results wait their turn."""
        limit, size = self.job.workers, self._sizer.size
        ahead = min((4 * len(self.workers) + 8) * size, _AHEAD + _AHEAD_EACH * limit)
        self.feed.window = max(2 * limit, ahead)
