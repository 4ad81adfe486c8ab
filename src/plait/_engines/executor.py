"""ExecutorEngine: runs items on any ``concurrent.futures`` executor that somebody else has made, and keeps.

Where the executor's workers are threads of this process, which one call finds out, they become workers of the thread
engine for a while (`borrowed`). Where they are elsewhere, batches cross as bytes (`executor_run`). An executor that
runs calls in whoever submits them runs nothing that the inline engine would not.
"""

from __future__ import annotations

from _collections_abc import Generator
from _thread import get_ident
from typing import Any

from plait._core.batch import Batch
from plait._core.bell import Bell
from plait._core.current import current_task
from plait._core.job import Job
from plait._engines.executors.borrowed import BorrowedCrew, BorrowedWorker, Ticket, refused_by
from plait._engines.executors.executor_host import ExecutorHost
from plait._engines.executors.executor_run import ExecutorRun
from plait._engines.executors.executor_worker import Stranger, is_here
from plait._engines.growth import Growth
from plait._engines.inline import InlineEngine
from plait._engines.interface import Plan
from plait._engines.stealing import portion_type
from plait._engines.thread import Driver

UNINTERRUPTIBLE = True  # see `halting`: a map inside a task of another map is told to stop, and then does


class ExecutorEngine:
    """Runs items on an executor, which outlives the engine: closing the engine does not shut it down.

    Args:
        executor: a ``concurrent.futures.Executor``, or anything with its ``submit``.

    >>> import plait
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor() as executor:
    ...     list(plait.map(abs, [-1, 2], engine=plait.engines.ExecutorEngine(executor)))  # as engine=executor
    [1, 2]
    """

    name = "executor"

    def __init__(self, executor: Any) -> None:
        self._host = self.host_of(executor)
        self._portion = portion_type()

    def host_of(self, executor: Any) -> ExecutorHost:
        """How this engine sees what it was made for."""
        return ExecutorHost(executor)

    def plan(self, requested: int | None, items: int | None) -> Plan:
        most, reason = self._host.workers()
        count = most
        if requested is not None and (requested < most or self._host.threads is None):
            count, reason = requested, f"workers={requested} was asked for"
        if items is not None and items < count:
            count, reason = max(1, items), f"no more workers than items, of which there are {items}"
        return Plan(count, reason)

    def run(self, job: Job) -> Generator[Batch, None, None]:
        if _runs_on(job, self._host):
            job.tally.reasons.append(f"ran where it was called, in a worker of {self._host.name}, not to wait for one")
            yield from InlineEngine().run(job)
            return
        found = yield from self._look(job)
        if found is None:
            return
        shares_memory, thread = found
        if thread == get_ident() and shares_memory:
            job.tally.reasons.append(f"{self._host.name} runs calls in the thread that submits them")
            yield from InlineEngine().run(job)
        elif shares_memory:
            crew = BorrowedCrew(job, self._portion, self._host.submit, self._host.name, self._host.threads)
            crew.lender = self._host.executor
            yield from Driver(job, self._portion, Growth, crew, BorrowedWorker).batches()
        else:
            yield from ExecutorRun(self._host, job).drive()

    def close(self) -> None:
        self._host.close()

    def _look(self, job: Job) -> Generator[Batch, None, tuple[bool, int] | None]:
        """Who runs the executor's calls: whether it is this process, and which thread; None if the job is cancelled.

        Raises:
            PlaitError: it runs none.
        """
        yield from ()
        bell = Bell()
        job.wake = bell.ring
        try:
            ticket = self._host.submit(is_here, Stranger())
        except Exception as error:
            raise refused_by(self._host.name, error) from error
        ticket.add_done_callback(lambda _: bell.ring())
        try:
            while not ticket.done():
                if job.cancelled or _is_stopped(job):
                    return None
                bell.wait()
        finally:
            ticket.cancel()
        return _answer(ticket, self._host.name)


def _answer(ticket: Ticket, name: str) -> tuple[bool, int]:
    if ticket.cancelled():
        raise refused_by(name, None)
    if (error := ticket.exception()) is not None:
        raise refused_by(name, error) from error
    found: tuple[bool, int] = ticket.result()  # type: ignore[assignment]  # what `is_here` returns
    return found


def _is_stopped(job: Job) -> bool:
    """Whether the task that the map is part of is to end."""
    outer = job.context.get(current_task)
    return outer is not None and outer.cancelled


def _runs_on(job: Job, host: ExecutorHost) -> bool:
    """Whether the map is part of an item that runs on the same executor: its workers would wait for each other."""
    outer = job.context.get(current_task)
    return isinstance(outer, BorrowedWorker) and outer.lender is host.executor
