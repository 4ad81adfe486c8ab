"""AsyncWorker: one worker coroutine of a run, which pulls batches and awaits the function's coroutines one by one.

One task of the event loop runs many items, so a cancellation of that task is meant for the item it runs at that moment,
or for all that follow when the run is stopping. After each item the task is as if it had never been cancelled.
"""

from __future__ import annotations

import threading
import time
from _collections_abc import Coroutine, Generator
from asyncio import CancelledError, Future
from asyncio import Task as LoopTask
from itertools import islice
from types import coroutine
from typing import TYPE_CHECKING, Any

from plait._core.batch import Batch
from plait._core.current import current_task
from plait._core.errors import StopTask
from plait._core.job import Running
from plait._core.worker_state import WorkerState
from plait._engines.batch_task import BatchTask
from plait._engines.halting import Alarm
from plait._engines.loops import keep_failure
from plait._engines.stealing import Portion

if TYPE_CHECKING:
    from plait._engines.event_loop.async_crew import AsyncCrew

_LOOKS = 8  # how often in a batch of quick items a worker looks whether the rest of the loop has waited long enough
_QUICK = 512  # the size of a batch from which on its items are quick: they have shown that they take a few microseconds


class AsyncWorker(BatchTask):
    """The state of one worker. All of it belongs to the thread of the loop; others read it to say what runs.

    Attributes:
        task: the task of the event loop.
        portion: the items of that batch which have not been begun; whoever cancels the run ends it.
        released: how many values of that batch have been delivered before its end.
        alarm: why its item was told to end, by one ``CancelledError``; the item is then the last one of its batch.
        abandoned: nobody waits for it any more, and its results are dropped.
        waiting: what it awaits while it has nothing to do.
    """

    __slots__ = (
        "_crew", "abandoned", "alarm", "batch", "began", "job", "name", "portion", "released", "task", "waiting",
    )  # fmt: skip

    task: LoopTask[None]

    def __init__(self, crew: AsyncCrew, number: int) -> None:
        self._crew = crew
        self.job = crew.job
        self.thread_id = threading.get_ident()
        self.name = f"async-{number}"
        self.batch: Batch | None = None
        self.portion: Portion = crew.portion(())
        self.released = 0
        self.began = 0.0
        self.alarm: Alarm | None = None
        self.abandoned = False
        self.waiting: Future[None] | None = None

    # --- what the running function may ask

    @property
    def cancelled(self) -> bool:
        return (self.alarm is not None or self.abandoned or self._crew.unwanted) and not self.tears_down

    @property
    def state(self) -> WorkerState:
        """All workers of a run share what their functions have set up: they take turns in one thread."""
        assert self._crew.ending.state is not None
        return self._crew.ending.state

    @property
    def tears_down(self) -> bool:
        return self.state.ended and not self.state.overdue

    # --- the task

    def work(self) -> Coroutine[Any, Any, None]:
        """What its task runs: two loops, alike but for the clock, which brief coroutines would feel at each item."""
        return self._measured() if self._crew.measured else self._plain()

    async def _plain(self) -> None:
        current_task.set(self)
        crew = self._crew
        fn = crew.function
        while (batch := crew.next_batch(self) or await crew.park(self)) is not None:
            values = batch.values
            stride = _stride(batch)
            while True:
                try:
                    for item in islice(self.portion.iterator, stride):
                        values.append(await fn(item))
                except BaseException as error:
                    if not self._goes_on_after(error, batch):
                        return
                if len(values) >= len(batch.items):
                    break
                if self.task.cancelling():
                    self._forget_cancellation()
                if crew.unwanted or (crew.overdue and not await self._give_way(batch)):
                    return
            crew.finish(self, batch)
            del batch, values  # a worker that waits for its next batch keeps nothing of this one

    async def _measured(self) -> None:
        """As `_plain`, and note when each item began and ended; what took too long has failed, however it ended."""
        current_task.set(self)
        crew = self._crew
        fn = crew.function
        clock = time.perf_counter
        while (batch := crew.next_batch(self) or await crew.park(self)) is not None:
            values = batch.values
            stride = _stride(batch)
            while True:
                try:
                    for item in islice(self.portion.iterator, stride):
                        self.began = clock()
                        values.append(await fn(item))
                        self._note_end(batch)
                except BaseException as error:
                    if not self._goes_on_after(error, batch):
                        return
                if len(values) >= len(batch.items):
                    break
                if self.task.cancelling():
                    self._forget_cancellation()
                if crew.unwanted or (crew.overdue and not await self._give_way(batch)):
                    return
            crew.finish(self, batch)
            del batch, values

    async def _give_way(self, batch: Batch) -> bool:
        """Let the rest of the loop run until it is our turn again; False when there is nothing more to do."""
        crew = self._crew
        crew.giving_way += 1
        try:
            while crew.overdue:
                await _one_round()
        except BaseException:
            crew.limit -= 1  # see `_goes_on_after`
            raise
        finally:
            crew.giving_way -= 1
        self.portion = crew.portion(batch.items[len(batch.values) :])  # somebody may have taken the rest meanwhile
        return not crew.unwanted

    def _note_end(self, batch: Batch) -> None:
        """The item whose value or failure came last has ended."""
        began, ended, timeout = self.began, time.perf_counter(), self._crew.job.timeout
        self.began = 0.0
        batch.spans.append((began, ended))
        if timeout is not None and ended - began > timeout and self.alarm is None:
            self._overrule(batch, Alarm(len(batch.values) - 1, began, ended, timeout))

    def _goes_on_after(self, error: BaseException, batch: Batch) -> bool:
        """Book what came out of the function as its item's failure; False when the worker has to end."""
        crew = self._crew
        if self.abandoned:
            return False
        cancelled = isinstance(error, CancelledError) and self.task.cancelling() > 0
        if crew.stopping and (cancelled or isinstance(error, StopTask)) and self.alarm is None:
            return False  # the item has no outcome
        if isinstance(error, KeyboardInterrupt) and crew.in_callers_loop:
            raise error
        keep_failure(batch, error)
        if crew.measured:
            self._note_end(batch)
        if self.alarm is not None:
            return True
        if crew.failure is not None:
            return False
        if cancelled:
            # Somebody else cancelled the task: the function itself, or whoever closes the loop and waits for all tasks
            # to end. This one does. If the run is still driven, the driver will have another one started.
            crew.limit -= 1
            return False
        # Coroutines that are left when a loop is gone are closed by the garbage collector, and may not await any more.
        return not isinstance(error, GeneratorExit)

    def settle(self, batch: Batch) -> None:
        """The batch is done: if its last item was told to end, that is its outcome."""
        alarm, self.alarm = self.alarm, None
        if alarm is not None:
            self._overrule(batch, alarm)
        self._forget_cancellation()

    def _forget_cancellation(self) -> None:
        """What an item has done to the task, as failing groups of tasks do before Python 3.13, is over with it."""
        while self.task.cancelling():
            self.task.uncancel()

    def _overrule(self, batch: Batch, alarm: Alarm) -> None:
        batch.values[alarm.offset] = None
        batch.failures[alarm.offset] = alarm.error(batch, self.name)

    def running(self, now: float) -> Running | None:
        """What it is running, as far as one can see from another thread."""
        batch = self.batch
        if batch is None:
            return None
        items, offset = batch.items, len(batch.values)
        if offset >= len(items):
            return None
        return Running(batch.base + offset, items[offset], self.name, now - (self.began or batch.started))


def _stride(batch: Batch) -> int:
    """How many items are run between two looks: some half a millisecond of quick ones, otherwise one."""
    items = len(batch.items)
    return items // _LOOKS if items >= _QUICK else 1


@coroutine
def _one_round() -> Generator[None, None, None]:
    """Come back when every other callback that was ready has run."""
    yield
