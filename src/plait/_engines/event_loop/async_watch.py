"""AsyncWatch: looks after the workers of a run in an event loop: timeouts, revoked items, batches that have stalled."""

from __future__ import annotations

import math
import time
from asyncio import TimerHandle
from typing import TYPE_CHECKING

from plait._core.batch import Batch
from plait._engines.event_loop.async_worker import AsyncWorker
from plait._engines.halting import Alarm
from plait._engines.patience import HELD_UP

if TYPE_CHECKING:
    from plait._engines.event_loop.async_crew import AsyncCrew

GRACE = 0.2  # seconds in which a coroutine that was cancelled can tidy up before it is given up
STALLED = 0.008
_SOONEST = 0.001


class AsyncWatch:
    """One timer for all workers of a crew. It stands still while there is nothing to look after."""

    def __init__(self, crew: AsyncCrew, timeout: float | None) -> None:
        self._crew = crew
        self._timeout = timeout
        self._timer: TimerHandle | None = None
        self._at = math.inf

    def begun(self, batch: Batch) -> None:
        """A worker has begun a batch."""
        if len(batch.items) > 1:
            self._look_by(batch.started + STALLED)
        elif self._timeout is not None:
            self._look_by(batch.started + self._timeout)

    def revoke(self, index: int) -> None:
        """The item is not wanted any more, whether it waits or runs."""
        crew = self._crew
        if crew.feed.withdraw(index):
            crew.driver.call()
            return
        for worker in list(crew.workers):
            batch = worker.batch
            if batch is not None and batch.base <= index < batch.end:
                crew.take_rest(worker, batch)
                if index == batch.base + len(batch.values) and worker.alarm is None:
                    self._tell(worker, batch, None, time.perf_counter())

    def stop(self) -> None:
        """Look no more."""
        self._at = -math.inf
        if self._timer is not None:
            self._timer.cancel()

    def _look_by(self, when: float) -> None:
        if when >= self._at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._at = when
        self._timer = self._crew.loop.call_later(max(_SOONEST, when - time.perf_counter()), self._look)

    def _look(self) -> None:
        now = time.perf_counter()
        self._timer, self._at = None, math.inf
        next_look = min((self._look_after(worker, now) for worker in list(self._crew.workers)), default=math.inf)
        if next_look < math.inf:
            self._look_by(next_look)

    def _look_after(self, worker: AsyncWorker, now: float) -> float:
        """Do what is due for the worker; when to look again."""
        batch, alarm = worker.batch, worker.alarm
        if batch is None:
            return math.inf
        if alarm is not None:
            if worker.listening and alarm.due <= now < alarm.raised + HELD_UP:
                alarm.due = now + GRACE  # what it has started in a scope of its own is being stopped
            if now < alarm.due:
                return alarm.due
            self._give_up(worker, batch, alarm)
            return math.inf
        if self._timeout is not None and worker.began and now - worker.began >= self._timeout:
            self._tell(worker, batch, self._timeout, now)
            return now + GRACE
        again = math.inf if self._timeout is None else (worker.began or now) + self._timeout
        if len(batch.items) > len(batch.values) + 1 or len(batch.values) > worker.released:
            if now < batch.started + STALLED:
                return min(again, batch.started + STALLED)
            self._crew.take_apart(worker, batch, now)
            again = min(again, now + STALLED)
        return again

    def _tell(self, worker: AsyncWorker, batch: Batch, timeout: float | None, now: float) -> None:
        """Have the worker's item end, which it may do in its own way for a while."""
        self._crew.take_rest(worker, batch)
        alarm = worker.alarm = Alarm(len(batch.values), worker.began or batch.started, now, timeout)
        alarm.due = now + GRACE
        worker.task.cancel()
        self._look_by(alarm.due)

    def _give_up(self, worker: AsyncWorker, batch: Batch, alarm: Alarm) -> None:
        """The item did not end when it was told to: it fails now, and whatever it still does is not waited for."""
        self._crew.lose(worker)
        offset = alarm.offset
        known = Batch(batch.base + offset, batch.items[offset : offset + 1], batch.attempt)
        known.values.append(None)
        known.failures[0] = alarm.error(
            batch, worker.name, "; it went on although it was cancelled, and was left behind"
        )
        known.worker, known.started, known.ended = worker.name, alarm.began, time.perf_counter()
        known.spans.append((alarm.began, known.ended))
        self._crew.deliver(known)
