"""Runs a job in a thread beside the caller's, which keeps the timeout, in a process that somebody else has started.

The thread is kept for the next job, since what ``per_worker`` sets up is the thread's. One that cannot be stopped is
left behind, and the next job gets another one.
"""

from __future__ import annotations

import threading
from _collections_abc import Callable, Generator
from _queue import SimpleQueue
from concurrent.futures import Future

from plait._core.batch import Batch
from plait._core.job import Job
from plait._engines.executors.borrowed import BorrowedCrew, BorrowedWorker
from plait._engines.growth import Growth
from plait._engines.stealing import portion_type
from plait._engines.thread import Driver


class _Bystanders(threading.local):
    """Those of one thread of the executor's."""

    def __init__(self) -> None:
        self.idle: list[Bystander] = []


class Bystander(threading.Thread):
    """One such thread, which runs one call after the other."""

    def __init__(self, name: str, idle: list[Bystander]) -> None:
        super().__init__(name=name, daemon=True)  # one that was left behind must not hold up the end of the process
        self._calls: SimpleQueue[tuple[Future[None], Callable[[], None]]] = SimpleQueue()
        self._idle = idle
        self.start()

    def submit(self, call: Callable[[], None]) -> Future[None]:
        """Run the call in this thread."""
        future: Future[None] = Future()
        self._calls.put((future, call))
        return future

    def run(self) -> None:
        while True:
            future, call = self._calls.get()
            if not future.set_running_or_notify_cancel():
                self._idle.append(self)
                continue
            try:
                call()
            except BaseException as error:
                future.set_exception(error)
            else:
                self._idle.append(self)
                future.set_result(None)
            del future, call


_own = _Bystanders()


def run_beside(job: Job, name: str) -> Generator[Batch, None, None]:
    """Finished batches of the job, run by one thread of that name, or by others where it is left behind."""
    idle = _own.idle

    def submit(call: Callable[[], None]) -> Future[None]:
        return (idle.pop() if idle else Bystander(name, idle)).submit(call)

    portion = portion_type()
    crew = BorrowedCrew(job, portion, submit, name, None)
    return Driver(job, portion, Growth, crew, BorrowedWorker).batches()
