"""Drives one job on workers that live elsewhere, from the consumer's own thread: no feeder, no manager, no queue.

The walk of a batch: a free worker's next batch is taken from the feed, sized by what items cost lately; its items are
pickled, large buffers into the arena, and written to the worker's pipe; the worker answers with what it finished in
about its budget; the rest goes back to the feed. An idle worker makes a stalled one give its unstarted items back. When
a pipe ends, the worker has died: what it finished is on its board, the item it was running fails, the rest goes back.
"""

from __future__ import annotations

import os
import time
from _collections_abc import Generator
from _pickle import loads
from collections import deque

from plait._core.batch import Batch
from plait._core.errors import PlaitError
from plait._core.job import Job, Running
from plait._engines import board as boards
from plait._engines import wire
from plait._engines.arena import Arena
from plait._engines.cargo import FunctionCargo, frame, pack_items, refusal_of
from plait._engines.deaths import Coroner, Loss
from plait._engines.flight import Flight
from plait._engines.forwarding import forward
from plait._engines.parting import Parting, read_mishap
from plait._engines.planning import BatchPlanner
from plait._engines.remote import rebuild
from plait._engines.remote_worker import Frame, RemoteWorker
from plait._engines.repeatable import is_repeatable
from plait._engines.reserve import Reserve
from plait._engines.returns import Returned, read_result
from plait._engines.staff import Staff
from plait._engines.supervision import Supervisor
from plait._engines.zygote import NOT_STARTED

_IDLE = 50.0  # milliseconds without work after which a pool's workers may serve other maps


class RemoteRun:
    """One job on the workers of a reserve: of processes or interpreters, the host makes the difference."""

    def __init__(self, reserve: Reserve, job: Job) -> None:
        self._reserve = reserve
        self._job = job
        self._feed = job.feed
        self._planner = BatchPlanner(job.workers)
        self._finished: deque[Batch] = deque()
        self._arena: Arena | None = reserve.arena()
        self._owner = os.getpid()
        self._tracked = job.timeout is not None or job.timed or not is_repeatable(job.fn)
        self._supervisor = Supervisor(job, reserve.memory_bytes, reserve.host.private_bytes)
        self._coroner = Coroner(job)
        self._staff = Staff(reserve, job)

    def drive(self) -> Generator[Batch, None, None]:
        """Finished batches, until the feed is finished or the job cancelled."""
        job, feed = self._job, self._feed
        job.wake = self._staff.bell.ring
        job.snapshot = self.running
        job.unfetched = job.feed.withdrawn = self._finished
        variables = [(variable, job.context[variable]) for variable in self._reserve.context if variable in job.context]
        try:
            self._cargo = FunctionCargo(
                self._reserve.next_function(),
                job.fn,
                self._arena,
                timeout=job.timeout,
                seeding=job.seeding,
                variables=variables,
            )
            while not feed.finished and not job.cancelled:
                for lost in self._supervisor.revoke(self._staff):
                    self._hand_back(*lost)
                self._assign()
                if self._finished:
                    while self._finished and not job.cancelled:
                        yield self._finished.popleft()
                elif not feed.finished:
                    self._wait()
        finally:
            self._stop()

    def running(self) -> list[Running]:
        """The items that are being run at this moment."""
        return [running for worker in self._staff if (running := self._supervisor.running(worker))]

    # --- giving

    def _assign(self) -> None:
        feed = self._feed
        if feed.interdependent and not feed.ready:
            return
        limited = feed.limit is not None  # what is given is to start now, not when a worker will be there for it
        for depth in range(1, boards.DEPTH + 1):
            if depth > 1 and (feed.interdependent or limited or depth > self._planner.depth):
                return
            for worker in self._staff:
                if not worker.can_take(depth, at_once=limited):
                    continue
                if not self._give(worker):
                    return
            while depth == 1 and self._staff.wants_more(one_by_one=limited):
                feed.window = max(feed.window, self._planner.window)
                feed.fill(1)
                if not feed.ready:
                    return
                new = self._staff.enlist(preload=self._cargo.needs_cloudpickle)
                if new is None or (new.can_take(1, at_once=limited) and not self._give(new)):
                    return

    def _give(self, worker: RemoteWorker) -> bool:
        """Send the worker its next batch; False when there is none now."""
        feed = self._feed
        size, budget = self._planner.next(feed.left)
        if feed.interdependent:
            size = 1
        feed.window = self._planner.window
        feed.fill(size)
        batch = feed.take(size)
        if batch is None:
            return False
        try:
            packed = pack_items(batch, self._arena, self._cargo.modules)
        except Exception as error:  # an item's __reduce__ may raise anything
            self._cannot_send(batch, error)
            return True
        self._staff.expect_room(worker, full=self._cargo.send(worker))
        worker.key += 1
        timed = self._job.timed
        flight = Flight(worker.key, batch, worker.sequence, self._cargo.number, time.perf_counter(), timed=timed)
        worker.sequence += len(batch.items)
        worker.flights.append(flight)
        worker.slots += [offset for offset, _ in packed.refs]
        self._planner.record_sent(len(batch.items), len(packed.data) + sum(length for _, length in packed.refs))
        head = wire.BATCH_HEAD.pack(flight.first, int(budget * 1e9), batch.base, batch.attempt, len(batch.items))
        flags = (wire.TRACKED if self._tracked else 0) | (wire.TIMED if timed else 0)
        message = frame(wire.BATCH, flight.key, packed, worker, head, self._cargo.number, flags)
        self._staff.expect_room(worker, full=worker.send(message))
        return True

    def _cannot_send(self, batch: Batch, error: Exception) -> None:
        """Some item does not pickle: halve the batch until it is alone."""
        half = len(batch.items) // 2
        if half:
            self._feed.hand_back(batch.base, batch.items[:half], batch.attempt)
            self._feed.hand_back(batch.base + half, batch.items[half:], batch.attempt)
            return
        self._fail(batch, refusal_of(batch, error), "not sent")

    def _fail(self, batch: Batch, failure: BaseException, worker: str) -> None:
        batch.values, batch.failures = [None], {0: failure}
        batch.worker = worker
        batch.ended = time.perf_counter()
        batch.started = batch.started or batch.ended
        self._finished.append(batch)

    # --- waiting and taking

    def _wait(self) -> None:
        if self._owner != os.getpid():
            raise PlaitError("this map was started by the process that forked this one; only there it can go on")
        staff, timeout = self._staff, self._patience()
        events = staff.listen(timeout)
        for fd, event in events:
            if fd == staff.bell.fileno():
                staff.bell.silence()
                self._notice_ends()
            elif (worker := staff.at(fd)) is not None:
                self._take(worker)
            elif fd == staff.launcher.fileno():
                self._news()
            elif event:
                staff.flush(fd)
        if timeout is not None:
            self._look_after()
            if not events:
                self._nothing_heard()

    def _nothing_heard(self) -> None:
        """Nobody has said anything for a while."""
        if self._staff.launcher.patience is not None:
            self._notice_ends()
        if self._feed.interdependent and not self._staff.busy:
            self._staff.dismiss()

    def _patience(self) -> float | None:
        """Milliseconds until something must be looked at although no message comes; None: never."""
        feed, staff = self._feed, self._staff
        waits = [self._supervisor.interval(list(staff))]
        if staff.busy:
            waits.append(staff.launcher.patience)
        elif len(staff) and feed.interdependent:
            waits.append(_IDLE)
        if staff.has_free and (due := feed.due) is not None:
            waits.append(max(0.0, due - time.perf_counter()) * 1000 + 1)
        known = [wait for wait in waits if wait is not None]
        return min(known) if known else None

    def _news(self) -> None:
        """The launcher has said something, or is gone."""
        self._staff.launcher.collect()
        if self._staff.launcher.dead:
            self._staff.unfollow()
        self._notice_ends()

    def _notice_ends(self) -> None:
        """A worker may be gone although something that it started still holds its end of the link."""
        for worker in self._staff:
            if self._staff.launcher.has_ended(worker.token):
                self._take(worker, ended=True)

    def _take(self, worker: RemoteWorker, *, ended: bool = False) -> None:
        """Treat the worker's messages; `ended`: it is known to be gone, so all it wrote is in the pipe."""
        while True:
            heard = False
            for message in worker.receive():
                if message is None:
                    self._bury(worker)
                    return
                heard = True
                self._treat(worker, message)
            if not ended:
                return
            if not heard:
                self._bury(worker)
                return

    def _treat(self, worker: RemoteWorker, message: Frame) -> None:
        operation, flags, _, key, payload = message
        if operation == wire.RESULT:
            self._land(worker, flags, key, payload)
            self._assign()  # before the next answer is unpickled: the worker waits, or soon will
        elif operation == wire.HELLO:
            worker.pid = key
        elif operation == wire.MISHAP:
            self._job.tally.note(read_mishap(payload))
        elif operation == wire.REFUSED:
            self._refused(key, rebuild(loads(payload)))
        else:
            forward(operation, key, payload)

    def _refused(self, number: int, refusal: BaseException) -> None:
        """A worker could not load the function: send its module along, unless that has been done meanwhile."""
        cargo = self._cargo
        if number == cargo.number and not cargo.include(refusal, self._reserve.next_function(), or_own=True):
            raise cargo.unloadable(refusal) from refusal

    def _land(self, worker: RemoteWorker, flags: int, key: int, payload: memoryview) -> None:
        """A batch has come back, whole or in part."""
        worker.leaving = worker.leaving or bool(flags & wire.LEAVING)
        if flags & wire.HAS_EXTRA:
            (_, freed), payload = wire.unpack_extra(payload)
            self._free(worker, freed)
        flight = worker.flights.popleft()
        assert flight.key == key, f"answer {key} to batch {flight.key}"
        returned = read_result(worker, flight, payload)
        if returned.unreadable is not None:
            self._resend(flight, returned.unreadable, worker)
        else:
            self._settle(worker, flight, returned)
            self._hand_back(flight, len(returned.values), flight.count)
        if worker.board.words[boards.STOP_AT] != boards.NEVER:
            worker.revoked = True
            if not worker.flights:
                worker.board.words[boards.STOP_AT] = boards.NEVER
                worker.revoked = False

    def _settle(self, worker: RemoteWorker, flight: Flight, returned: Returned) -> None:
        """Book what was finished."""
        done = len(returned.values)
        if not done:
            return
        now = time.perf_counter()
        batch = flight.finish(returned.values, returned.failures, worker.label, returned.seconds, now)
        if self._job.timed:
            ends = [batch.started + end for end in returned.ends]
            batch.spans = list(zip([batch.started, *ends[:-1]], ends, strict=True))
        self._planner.record(done, returned.seconds)
        self._planner.record_returned(done, returned.length)
        self._finished.append(batch)

    def _hand_back(self, flight: Flight, start: int, stop: int) -> None:
        if start < stop:
            batch = flight.batch
            self._feed.hand_back(batch.base + start, batch.items[start:stop], batch.attempt)

    def _resend(self, flight: Flight, error: BaseException, worker: RemoteWorker) -> None:
        """The worker could not unpickle a batch: send missing modules, or halve it until the culprit is alone."""
        batch, half, cargo = flight.batch, flight.count // 2, self._cargo
        if flight.function != cargo.number or cargo.include(error, self._reserve.next_function()):
            self._hand_back(flight, 0, flight.count)
        elif half:
            self._hand_back(flight, 0, half)
            self._hand_back(flight, half, flight.count)
        elif flight.count:
            self._fail(batch, self._coroner.unreadable(batch, error), worker.label)

    def _free(self, worker: RemoteWorker, offsets: list[int]) -> None:
        assert self._arena is not None
        for offset in offsets:
            worker.slots.remove(offset)
            self._arena.free(offset)

    # --- looking after workers

    def _look_after(self) -> None:
        """Take items back from stalled workers for idle ones, and kill what ran out of time or memory."""
        workers = list(self._staff)
        if self._supervisor.wants_items(workers, ready=self._feed.ready, most=self._job.workers):
            for lost in self._supervisor.take_back(workers):
                self._hand_back(*lost)
        self._supervisor.enforce_limits(workers)

    def _bury(self, worker: RemoteWorker) -> None:
        """A worker is gone: keep what it finished, fail the item it was running, hand back the rest."""
        launcher = self._staff.launcher
        self._staff.discard(worker)
        status = launcher.status_of(worker.token, 0.5)
        if status == NOT_STARTED:
            self._staff.make_do("the system refused to fork; see ulimit -u")
        unborn = not worker.pid and status is None and launcher.dead  # it went before it had forked it
        if worker.leaving or status == NOT_STARTED or unborn:
            self._coroner.note_unborn(self._job.workers if unborn else 0)
            for flight in worker.flights:
                self._hand_back(flight, 0, flight.count)
        else:
            self._tracked = True  # from now on no result may be lost with a worker
            for loss in self._coroner.examine(worker, status):
                self._settle(worker, loss.flight, loss.returned)
                self._lose(worker, loss)
        self._free_all(worker)
        worker.close()
        if self._coroner.hopeless:
            raise PlaitError(self._coroner.hopeless)

    def _lose(self, worker: RemoteWorker, loss: Loss) -> None:
        flight, done = loss.flight, len(loss.returned.values)
        if loss.failure is None:
            middle = (done + flight.count) // 2 if loss.unread else done  # whose unpickling kills is found by halving
            self._hand_back(flight, done, middle)
            self._hand_back(flight, middle, flight.count)
            return
        batch = flight.batch
        lost = Batch(batch.base + loss.offset, [batch.items[loss.offset]], batch.attempt)
        lost.started = flight.sent
        self._fail(lost, loss.failure, worker.label)
        self._hand_back(flight, done, min(loss.offset, flight.count))
        self._hand_back(flight, loss.offset + 1, flight.count)

    def _free_all(self, worker: RemoteWorker) -> None:
        if self._arena is not None:
            for offset in worker.slots:
                self._arena.free(offset)
        worker.slots.clear()

    # --- the end

    def _stop(self) -> None:
        """End what still works for this run, keep what it had finished, give idle workers back."""
        job = self._job
        running = self.running()
        job.wake = _nothing
        job.snapshot = lambda: running  # as it was when the work was stopped
        if self._owner != os.getpid():
            return  # a forked child's copy: all of it is the parent's
        workers = self._staff.clear()
        leaving = [worker for worker in workers if worker.flights or worker.outbox or job.final]
        try:
            Parting(self._reserve.host.poll(), job.tally.note, self._settle).end(leaving)
        finally:
            for worker in workers:
                if worker in leaving:
                    self._free_all(worker)
                    worker.close()
                elif not worker.dead:
                    worker.send(wire.pack(wire.FORGET, self._cargo.number, b""))
                    worker.functions.discard(self._cargo.number)
                    self._reserve.give_back(worker)
            if hasattr(self, "_cargo"):
                self._cargo.release()
            if self._arena is not None:
                self._arena.trim()


def _nothing() -> None:
    """Nobody drives the job any more."""
