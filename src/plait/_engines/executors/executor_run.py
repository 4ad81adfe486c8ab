"""Drives one job on an executor whose workers share no memory with this process, from the consumer's own thread.

The walk of a batch: it is taken from the feed, pickled, and submitted as one call of `executor_worker.run_batch`; the
call's future rings for the driver, which books what was finished and hands back what was not begun. There are never
more calls than keep the workers busy, so that a cancelled map has little to take back.

What an executor cannot do: tell us which item a worker was running when it died, and stop what runs. All items of a
batch fail that was lost with its worker; and what still runs when the map is over is left behind, and named.
"""

from __future__ import annotations

import os
import platform
import time
from _collections_abc import Generator, Iterator
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from plait._core.batch import Batch
from plait._core.bell import Bell
from plait._core.errors import Cancelled, PlaitError, WorkerDied
from plait._core.home import stay_home
from plait._core.interrupts import finishes
from plait._core.job import Job, Running
from plait._core.notes import text_of
from plait._core.outcome import NOT_SENT, brief
from plait._engines.cargo import FunctionCargo, pack_items, refusal_of
from plait._engines.executors.borrowed import Ticket, refused_by
from plait._engines.executors.executor_planning import ExecutorPlanner
from plait._engines.executors.executor_worker import DONE, REFUSED, Answer, Order, run_batch
from plait._engines.remote import rebuild
from plait._engines.returns import read_whole
from plait._engines.slow_input import SlowInput

if TYPE_CHECKING:
    from plait._engines.executors.executor_host import ExecutorHost

UNINTERRUPTIBLE = True  # see `halting`: a map inside a task of another map is told to stop, and then does

_PLAIT = "plait"


class Flight:
    """A batch that the executor has."""

    def __init__(self, batch: Batch, function: int, size: int, budget: float) -> None:
        self.batch = batch
        self.function = function
        self.size = size
        self.budget = budget
        self.sent = time.perf_counter()
        self.ticket: Ticket | None = None

    def __contains__(self, index: int) -> bool:
        return self.batch.base <= index < self.batch.end

    def running(self, executor: str) -> Running:
        """What it may be running: nobody knows which of its items."""
        items = self.batch.items
        seconds = time.perf_counter() - self.sent
        return Running(self.batch.base, items[0], f"a worker of {executor}", seconds, len(items))


class ExecutorRun:
    """One job on an executor."""

    def __init__(self, host: ExecutorHost, job: Job) -> None:
        self._host = host
        self._job = job
        self._feed = job.feed
        self._feed.home = os.getpid()
        self._planner = ExecutorPlanner(job.workers)
        self._finished: deque[Batch] = deque()
        self._input = SlowInput(self._feed, self._planner, self._finished)
        self._flights: list[Flight] = []
        self._landed: deque[Flight] = deque()  # futures append, in any thread
        self._bell = Bell()
        self._node = "" if host.clustered else platform.node()
        self._id = os.urandom(8).hex()
        self._functions = 0
        self._broken: PlaitError | None = None
        threads = host.threads  # where it has more than the job may use, or does not say, it would run what shall wait
        self._queues = host.ahead and threads is not None and threads <= job.workers

    def drive(self) -> Generator[Batch, None, None]:
        """Finished batches, until the feed is finished or the job cancelled."""
        job, feed, finished = self._job, self._feed, self._finished
        job.wake = self._bell.ring
        job.snapshot = self.running
        job.unfetched = feed.withdrawn = finished
        try:
            self._cargo = FunctionCargo(
                self._functions, job.fn, None, timeout=job.timeout, seeding=job.seeding, variables=[]
            )
            while not feed.finished and not job.cancelled:
                stay_home(feed.home)
                while job.revoked:
                    self._revoke(job.revoked.popleft())
                self._assign()
                if finished:
                    while finished and not job.cancelled:
                        yield finished[0]  # taken out when it has arrived: Ctrl-C may come in between
                        finished.popleft()
                elif not (feed.finished or self._land_all()):
                    self._wait()
        finally:
            self._stop()

    def _wait(self) -> None:
        """Wait until something happens; first use the workers that have nothing to do."""
        if self._broken is not None and not self._flights:
            raise self._broken
        if not self._feed.interdependent and self._room and self._feed.reach(self._job.workers, self._planner.beyond):
            self._assign()
        if not self._finished:
            self._bell.wait(self._patience())

    def running(self) -> list[Running]:
        """What is being run at this moment, as far as one can tell."""
        return [flight.running(self._host.name) for flight in self._flights[: self._job.workers]]

    # --- giving

    @property
    def _room(self) -> bool:
        return self._broken is None and len(self._flights) < self._job.workers

    def _assign(self) -> None:
        feed, job = self._feed, self._job
        while self._broken is None and not self._input.rests:
            at_once = feed.interdependent or feed.limit is not None or not self._queues
            if len(self._flights) >= job.workers * (1 if at_once else self._planner.depth):
                return
            if feed.interdependent and not feed.ready:
                return
            batch, budget = self._input.next_batch(self._planner)
            if batch is None:
                return
            self._give(batch, budget)

    def _give(self, batch: Batch, budget: float) -> None:
        try:
            data = pack_items(batch, None, self._cargo.modules).data
        except Exception as error:  # an item's __reduce__ may raise anything
            self._cannot_cross(batch, error, NOT_SENT)
            return
        function = self._cargo.number
        order = Order((self._id, function), batch.base, batch.attempt, budget, self._job.timed, self._node)
        flight = Flight(batch, function, len(data), budget)
        try:
            flight.ticket = self._host.submit(run_batch, tuple(order), self._cargo.data, data)
        except Exception as error:  # it was shut down, or it is broken: whatever its kind of executor raises then
            self._hand_back(batch, 0)
            self._broken = refused_by(self._host.name, error)
            return
        self._flights.append(flight)
        self._job.tally.peak = max(self._job.tally.peak, min(len(self._flights), self._job.workers))
        flight.ticket.add_done_callback(lambda _: self._touch_down(flight))

    def _cannot_cross(self, batch: Batch, error: BaseException, worker: str) -> None:
        """Some item does not pickle, or unpickle: halve the batch until it is alone."""
        half = len(batch.items) // 2
        if half:
            self._feed.hand_back(batch.base, batch.items[:half], batch.attempt)
            self._hand_back(batch, half)
            return
        failure = error
        if worker == NOT_SENT:
            failure = refusal_of(batch, cast("Exception", error), "executor")
        self._fail(batch, failure, worker)

    # --- taking

    def _touch_down(self, flight: Flight) -> None:
        """Its call has ended; any thread."""
        self._landed.append(flight)
        self._bell.ring()

    def _landings(self) -> Iterator[Flight]:
        """What has come back, and is in flight no more."""
        while self._landed:
            flight = self._landed.popleft()
            if flight in self._flights:
                self._flights.remove(flight)
                yield flight

    def _land_all(self) -> bool:
        """Book what has come back; whether anything has."""
        news = False
        for flight in self._landings():
            news = True
            self._land(flight)
        return news

    def _land(self, flight: Flight) -> None:
        ticket, batch = flight.ticket, flight.batch
        assert ticket is not None
        flight.ticket = None  # which has us in its callbacks: what a cluster keeps for it is freed now
        if ticket.cancelled():
            self._hand_back(batch, 0)
            self._broken = self._broken or refused_by(self._host.name, None)
            return
        error = ticket.exception()
        if error is None:
            self._read(flight, _answer(ticket))
        elif isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == _PLAIT:
            self._hand_back(batch, 0)
            self._broken = refused_by(self._host.name, error)
        elif self._host.is_death(error):
            self._job.tally.workers_died += 1
            self._lose(batch, error)
        else:
            for offset in range(len(batch.items)):
                self._fail(batch.part(offset, offset + 1), error, self._host.name)

    def _read(self, flight: Flight, answer: Answer) -> None:
        batch = flight.batch
        if answer.kind != DONE:
            assert answer.error is not None
            self._resend(flight, answer, rebuild(answer.error))
            return
        found = read_whole(answer.data)
        done, now = len(found.values), time.perf_counter()
        self._planner.record(done, answer.seconds, now - flight.sent)
        self._planner.record_bytes(len(batch.items), flight.size, len(answer.data))
        self._hand_back(batch, done)
        part = batch if done == len(batch.items) else batch.part(0, done)
        part.values, part.failures = found.values, found.failures
        part.worker, part.started, part.ended = answer.worker, now - answer.seconds, now
        part.spans = [(part.started + began, part.started + ended) for began, ended in answer.spans]
        self._finished.append(part)

    def _resend(self, flight: Flight, answer: Answer, error: BaseException) -> None:
        """The worker could not unpickle what it was sent: send missing modules along, unless that has been done."""
        cargo, whole = self._cargo, answer.kind == REFUSED
        if flight.function != cargo.number or cargo.include(error, self._functions + 1, or_own=whole):
            self._functions = cargo.number
            self._hand_back(flight.batch, 0)
        elif whole:
            self._hand_back(flight.batch, 0)
            raise cargo.unloadable(error) from error
        else:
            self._cannot_cross(flight.batch, error, answer.worker)

    def _lose(self, batch: Batch, error: BaseException) -> None:
        """A worker has died, or the executor is broken, which does not say what was running."""
        why = f"{type(error).__name__}: {text_of(error)}" if text_of(error) else type(error).__name__
        for offset, item in enumerate(batch.items):
            among = ""
            if len(batch.items) > 1:
                among = f"; {len(batch.items)} were with it, from item {batch.base} on, and which it ran nobody knows"
            failure = WorkerDied(
                f"item {batch.base + offset}, {brief(item)}, was lost with a worker of {self._host.name}: {why}{among}"
            )
            failure.__cause__ = error
            self._fail(batch.part(offset, offset + 1), failure, self._host.name)

    def _fail(self, batch: Batch, failure: BaseException, worker: str) -> None:
        batch.values, batch.failures = [None], {0: failure}
        batch.worker = worker
        batch.started = batch.ended = time.perf_counter()
        self._finished.append(batch)

    def _hand_back(self, batch: Batch, start: int) -> None:
        if start < len(batch.items):
            self._feed.hand_back(batch.base + start, batch.items[start:], batch.attempt)

    # --- stopping

    def _revoke(self, index: int) -> None:
        """One item is not wanted any more."""
        if self._feed.withdraw(index):
            return
        for flight in self._flights:
            if index not in flight or flight.ticket is None or flight.ticket.done():
                continue
            if not self._host.forgets and flight.ticket.cancel():
                self._flights.remove(flight)
                self._hand_back(flight.batch, 0)  # of which the feed does not give out that item any more
            elif len(flight.batch.items) == 1:
                self._flights.remove(flight)
                batch, note = flight.batch, ""
                if not self._host.kill(flight.ticket):
                    self._job.tally.abandoned.append(flight.running(self._host.name))
                    note = "; it could not be stopped and was left behind"
                failure = Cancelled(f"item {index}, {brief(batch.items[0])}, was cancelled while it ran{note}")
                self._fail(batch, failure, self._host.name)
            return  # of several the one that runs is not known: those that are not begun soon come back

    def _patience(self) -> float | None:
        """Seconds until something must be looked at although no call has ended; None: never."""
        waits = [pause / 1000 for pause in [self._input.pause_ms] if pause is not None]
        if (due := self._feed.due) is not None and self._room:
            waits.append(max(0.0, due - time.perf_counter()) + 0.0001)
        return min(waits, default=None)

    def _stop(self) -> None:
        """Cancel what has not begun, wait a moment for what has, and name what does not end."""
        job = self._job
        job.rest(self.running())
        if self._feed.home != os.getpid():
            return  # a forked child's copy: all of it is the parent's
        for flight in self._flights[job.workers if self._host.forgets else 0 :]:
            if flight.ticket is None or flight.ticket.cancel():
                flight.ticket = None
                self._flights.remove(flight)
        longest = max((flight.budget for flight in self._flights), default=0.0)
        end = time.perf_counter() + self._planner.patience(longest)
        try:
            while self._flights and (left := end - time.perf_counter()) > 0:
                if not self._keep_landed():
                    self._bell.wait(left)
        finally:
            self._leave_behind()

    @finishes
    def _leave_behind(self) -> None:
        self._keep_landed()
        for flight in self._flights:
            if flight.ticket is not None and not self._host.kill(flight.ticket):
                self._job.tally.abandoned.append(flight.running(self._host.name))
                flight.ticket.cancel()  # it is of no use, but who `forgets` does so now
            flight.ticket = None
        self._flights.clear()

    def _keep_landed(self) -> bool:
        """What has ended although the map is over is not lost; what went wrong then is nobody's failure."""
        news = False
        for flight in self._landings():
            news = True
            ticket, flight.ticket = flight.ticket, None
            if ticket is not None and not ticket.cancelled() and ticket.exception() is None:
                answer = _answer(ticket)
                if answer.kind == DONE:
                    self._read(flight, answer)
        return news


def _answer(ticket: Ticket) -> Answer:
    return Answer(*cast("tuple[Any, ...]", ticket.result()))
