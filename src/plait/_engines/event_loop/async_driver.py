"""The drivers of a run in an event loop: from a thread outside of the loop, or from a coroutine in it."""

from __future__ import annotations

import os
import sys
import threading
import time
from _collections_abc import Callable, Generator, Iterable, Iterator

from plait._core.batch import Batch
from plait._core.bell import Bell
from plait._core.current import current_task
from plait._core.errors import StopTask
from plait._core.home import stay_home
from plait._core.job import Job, Running
from plait._core.worker_state import TEAR_DOWN_SECONDS
from plait._engines.event_loop.async_crew import AsyncCrew
from plait._engines.event_loop.async_stall import blocking_worker, interrupt
from plait._engines.event_loop.async_watch import GRACE
from plait._engines.event_loop.async_worker import AsyncWorker
from plait._engines.event_loop.loop_bell import LoopBell
from plait._engines.event_loop.loop_thread import LoopThread
from plait._engines.interface import IDLE
from plait._engines.line_output import WholeLines
from plait._engines.patience import HELD_UP

UNINTERRUPTIBLE = True  # see `halting`: a map inside a task of another map is told to stop, and then does

_GLANCE = 0.02  # seconds between two looks at whether the map around this one is still wanted
_ANSWER = 0.1  # seconds beyond its workers' grace, or beyond a timeout, in which a loop that is not blocked has acted
_UNWIND = 0.12  # seconds that an interrupted function has to end


class Driver:
    """Gives the crew its items and yields what it has finished; derived classes know how to wait."""

    def __init__(self, job: Job, crew: AsyncCrew) -> None:
        self._job = job
        self._feed = job.feed
        self._crew = crew
        job.feed.home = os.getpid()

    def batches(self) -> Generator[Batch, None, None]:
        """Finished batches; closing this stops the work."""
        crew, feed, job = self._crew, self._feed, self._job
        finished = crew.finished
        job.wake = crew.wake
        job.snapshot = crew.snapshot
        job.unfetched = feed.withdrawn = finished
        try:
            while not feed.finished and not crew.unwanted:
                while finished and not job.cancelled:
                    yield finished[0]  # taken out when it has arrived: Ctrl-C may come in between
                    stay_home(feed.home)
                    finished.popleft()
                more = crew.provide()
                if not (finished or feed.finished):
                    yield from self._pause(more)
            if not feed.finished and crew.failure is None:
                job.cancelled = True  # the map around this one was stopped
            yield from self._farewell()
            if crew.failure is not None:
                raise crew.failure
        finally:
            running = crew.snapshot()  # whoever explains an interrupt asks after the stop
            try:
                self._halt()
            finally:
                self._retire(running)
        while finished:
            yield finished[0]
            finished.popleft()

    def _pause(self, more: bool) -> Iterable[Batch]:
        """Wait for something to look at; with `more` to be pulled from the input only as long as others need."""
        raise NotImplementedError

    def _farewell(self) -> Iterable[Batch]:
        """Have every worker end, if that can be done in peace."""
        return ()

    def _halt(self) -> None:
        """Have every worker end."""
        raise NotImplementedError

    def _retire(self, running: list[Running]) -> None:
        """Name what could not be stopped, and let go of the rest."""
        job, now = self._job, time.perf_counter()
        known = {one.index for one in job.tally.abandoned}
        for worker in list(self._crew.lost):
            one = worker.running(now)
            if one is not None and one.index not in known:
                job.tally.abandoned.append(one)
        job.rest(running)


class DriverHere(Driver):
    """Lives in the loop: it never waits, but yields `IDLE` and is resumed when its bell has rung."""

    def __init__(self, job: Job, crew: AsyncCrew, bell: LoopBell) -> None:
        super().__init__(job, crew)
        self._bell = bell

    def _pause(self, more: bool) -> Iterable[Batch]:
        if more:
            self._bell.ring()  # go on after one round of the loop
        return (IDLE,)

    def _farewell(self) -> Iterator[Batch]:
        self._crew.dismiss()
        while not self._crew.ending.complete:
            yield IDLE

    def _halt(self) -> None:
        self._crew.dismiss()


class DriverOutside(Driver):
    """Lives in a thread of its own, which waits while the loop works."""

    def __init__(self, job: Job, crew: AsyncCrew, bell: Bell, home: LoopThread) -> None:
        super().__init__(job, crew)
        self._bell = bell
        self._home = home
        self._lines = WholeLines()
        self._pid = os.getpid()
        nested = job.context.get(current_task) is not None
        self._glance = _GLANCE if nested else None if job.timeout is None else max(_ANSWER, job.timeout)

    def _pause(self, more: bool) -> Iterable[Batch]:
        if not more and not self._bell.wait(self._glance) and self._job.timeout is not None:
            self._look_for_stall(self._job.timeout + _ANSWER)
        return ()

    def _look_for_stall(self, most: float) -> None:
        """A function that blocks the loop keeps its timeout from being kept: interrupt it from here."""
        worker = blocking_worker(self._home.thread)
        if worker is not None and worker.began and time.perf_counter() - worker.began > most:
            interrupt(self._home.thread, worker)

    def _halt(self) -> None:
        try:
            self._dismiss()
        except (KeyboardInterrupt, StopTask):  # a second Ctrl-C, or the map around this one is being stopped
            self._dismiss(patient=False)
            raise

    def _dismiss(self, *, patient: bool = True) -> None:
        """Return when every worker has ended or was given up, or when the loop does not answer."""
        crew = self._crew
        crew.dismiss()
        if sys.is_finalizing() or os.getpid() != self._pid or self._home.thread is threading.current_thread():
            return  # frozen threads, those of the parent process, or the garbage collector in the loop's own thread
        worker = None
        if patient:
            if self._wait(lambda: crew.ending.told, _ANSWER) and self._all_gone():
                self._wait(lambda: crew.ending.complete, TEAR_DOWN_SECONDS + _ANSWER)
                return
            worker = blocking_worker(self._home.thread)
            if worker is not None and interrupt(self._home.thread, worker):
                self._wait(lambda: not crew.workers, _UNWIND)
        if crew.workers:
            self._abandon(worker)

    def _all_gone(self) -> bool:
        """Wait until every worker has ended; False when some do not, and not because of scopes of their own."""
        crew, latest = self._crew, time.perf_counter() + HELD_UP
        while not self._wait(lambda: not crew.workers, GRACE + _ANSWER):
            in_scopes = any(worker.listening for worker in list(crew.workers))
            if not in_scopes or time.perf_counter() > latest or blocking_worker(self._home.thread) is not None:
                return False
        return True

    def _wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until the loop has done it; False when it has not within that time."""
        deadline = time.perf_counter() + seconds
        while not done() and (left := deadline - time.perf_counter()) > 0:
            self._bell.wait(left)
        return done()

    def _abandon(self, worker: AsyncWorker | None) -> None:
        """The loop does not answer: name whom it is busy with, or all."""
        now = time.perf_counter()
        running = self._crew.snapshot() if worker is None else [worker.running(now)]
        self._job.tally.abandoned += [one for one in running if one is not None]
        if worker is not None:
            self._job.tally.reasons.append(f"{worker.name} blocked the event loop when the map was stopped")

    def _retire(self, running: list[Running]) -> None:
        self._lines.end()
        super()._retire(running)
        if self._job.tally.abandoned:
            self._home.burdened = True
