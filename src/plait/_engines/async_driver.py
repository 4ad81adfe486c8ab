"""The drivers of a run in an event loop: from a thread outside of the loop, or from a coroutine in it."""

from __future__ import annotations

import os
import sys
import threading
import time
from _collections_abc import Generator, Iterable, Iterator

from plait._core.batch import Batch
from plait._core.bell import Bell
from plait._core.current import current_task
from plait._core.errors import StopTask
from plait._core.job import Job, Running
from plait._engines.async_crew import AsyncCrew
from plait._engines.async_watch import GRACE
from plait._engines.interface import IDLE
from plait._engines.line_output import WholeLines
from plait._engines.loop_bell import LoopBell
from plait._engines.loop_thread import LoopThread

_GLANCE = 0.02  # seconds between two looks at whether the map around this one is still wanted
_ANSWER = 0.1  # seconds beyond its workers' grace that a loop may take to say what became of them


class Driver:
    """Gives the crew its items and yields what it has finished; derived classes know how to wait."""

    def __init__(self, job: Job, crew: AsyncCrew) -> None:
        self._job = job
        self._feed = job.feed
        self._crew = crew

    def batches(self) -> Generator[Batch, None, None]:
        """Finished batches; closing this stops the work."""
        crew, feed, job = self._crew, self._feed, self._job
        finished = crew.finished
        job.wake = crew.wake
        job.snapshot = crew.snapshot
        job.unfetched = feed.withdrawn = finished
        try:
            while not feed.finished and not crew.unwanted and crew.failure is None:
                while finished and not job.cancelled:
                    yield finished.popleft()
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
            yield finished.popleft()

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
        job.wake = _nobody_to_wake
        job.snapshot = lambda: running


def _nobody_to_wake() -> None:
    """The run is over."""


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
        while self._crew.workers:
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
        self._glance = _GLANCE if nested else None

    def _pause(self, more: bool) -> Iterable[Batch]:
        if not more:
            self._bell.wait(self._glance)
        return ()

    def _halt(self) -> None:
        try:
            self._dismiss(GRACE + _ANSWER)
        except (KeyboardInterrupt, StopTask):  # a second Ctrl-C, or the map around this one is being stopped
            self._dismiss(0.0)
            raise

    def _dismiss(self, patience: float) -> None:
        """Return when every worker has ended or was given up, or when the loop does not answer."""
        crew = self._crew
        crew.dismiss()
        if sys.is_finalizing() or os.getpid() != self._pid or self._home.thread is threading.current_thread():
            return  # frozen threads, those of the parent process, or the garbage collector in the loop's own thread
        deadline = time.perf_counter() + patience
        while crew.workers and (left := deadline - time.perf_counter()) > 0:
            self._bell.wait(left)

    def _retire(self, running: list[Running]) -> None:
        self._lines.end()
        super()._retire(running)
