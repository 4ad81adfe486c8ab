"""AsyncEnding: how the workers of a crew end: cancelled, given up if they go on, and what they set up torn down."""

from __future__ import annotations

import time
from asyncio import Task as LoopTask
from asyncio import TimerHandle
from typing import TYPE_CHECKING

from plait._core.cancelling import current_block
from plait._core.current import current_task
from plait._core.loop_state import LoopState
from plait._engines.event_loop.async_watch import GRACE
from plait._engines.event_loop.async_worker import AsyncWorker
from plait._engines.patience import HELD_UP

if TYPE_CHECKING:
    from plait._engines.event_loop.async_crew import AsyncCrew


class AsyncEnding:
    """The end of one run in an event loop.

    Attributes:
        told: whether every worker has been told to end.
        state: what ``per_worker`` functions have set up, from the first worker on.
    """

    def __init__(self, crew: AsyncCrew) -> None:
        self._crew = crew
        self._last: AsyncWorker | None = None
        self._timer: TimerHandle | None = None
        self._latest = 0.0
        self._parting: LoopTask[None] | None = None
        self.told = False
        self.state: LoopState | None = None

    @property
    def complete(self) -> bool:
        """Whether every worker has ended or was given up, and what they had set up is torn down; any thread."""
        parting = self._parting
        return self.told and not self._crew.workers and (parting is None or parting.done())

    def joined(self, worker: AsyncWorker) -> None:
        """A worker is about to start."""
        self._last = worker
        if self.state is None:
            self.state = LoopState("async", self._crew.loop)

    def tell(self) -> None:
        """Cancel the items that run, and send everybody home."""
        crew = self._crew
        self.told = True
        crew.unpark_all()
        for worker in crew.workers:
            if worker.batch is not None and worker.alarm is None:
                worker.task.cancel()
        if crew.workers:
            self._latest = time.perf_counter() + HELD_UP
            self._timer = crew.loop.call_later(GRACE, self._give_up)
            crew.driver.call()
        self.left()

    def left(self) -> None:
        """A worker may have been the last one: then tear down what was set up, and let the driver know."""
        crew, state = self._crew, self.state
        if crew.workers or not self.told or self._parting is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if state is not None and self._last is not None and not state.empty:
            context = crew.job.context.copy()
            context.run(current_task.set, self._last)  # what is torn down may use what is not yet
            context.run(current_block.set, None)  # which has ended the items, if it was cancelled
            ending = state.end_all(crew.job.tally.note)
            self._parting = LoopTask(ending, loop=crew.loop, name="plait-async-end", context=context)
            self._parting.add_done_callback(lambda _: crew.driver.call())
        elif state is not None:
            state.ended = True
        crew.driver.call()

    def _give_up(self) -> None:
        """Wait no longer for those who do not end, except while they stop what they have started in scopes."""
        crew = self._crew
        patient = time.perf_counter() < self._latest
        for worker in list(crew.workers):
            if not (patient and worker.listening):
                crew.lose(worker)
        if crew.workers:
            self._timer = crew.loop.call_later(GRACE, self._give_up)
        self.left()
