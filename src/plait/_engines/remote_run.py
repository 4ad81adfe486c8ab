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
from typing import TYPE_CHECKING

from plait._core.batch import Batch
from plait._core.errors import PlaitError
from plait._core.home import stay_home
from plait._core.interrupts import finishes
from plait._core.job import Job, Running
from plait._core.outcome import NOT_SENT
from plait._engines import board as boards
from plait._engines import wire
from plait._engines.arena import Arena
from plait._engines.cargo import FunctionCargo, frame, pack_items, refusal_of
from plait._engines.deaths import Coroner
from plait._engines.flight import Flight
from plait._engines.forwarding import forward
from plait._engines.ledger import Ledger
from plait._engines.parting import Parting, read_mishap
from plait._engines.patience import GRACE
from plait._engines.planning import BatchPlanner
from plait._engines.reading.repeatable import is_repeatable
from plait._engines.reimport import refuse_endless_work
from plait._engines.remote import rebuild
from plait._engines.remote_worker import Frame, RemoteWorker
from plait._engines.reserve import Reserve
from plait._engines.returns import read_result
from plait._engines.slow_input import SlowInput
from plait._engines.staff import Staff
from plait._engines.supervision import Supervisor
from plait._engines.zygote import NOT_STARTED

if TYPE_CHECKING:  # it reads byte code, for interpreters only
    from plait._engines.interpreters.preflight import Preflight

UNINTERRUPTIBLE = True  # see `halting`: a map inside a task of another map is told to stop, and then does

_IDLE = 50.0  # milliseconds without work after which a pool's workers may serve other maps, or one that has none more
_PASSES = 0.2  # seconds in which a worker passes over what was taken back from it, also on a busy machine


class RemoteRun:
    """One job on the workers of a reserve: of processes or interpreters, the host makes the difference."""

    def __init__(self, reserve: Reserve, job: Job, preflight: Preflight | None = None) -> None:
        refuse_endless_work()
        self._preflight = preflight
        self._reserve = reserve
        self._job = job
        self._feed = job.feed
        self._planner = BatchPlanner(job.workers)
        self._arena: Arena | None = reserve.arena()
        self._feed.home = os.getpid()
        self._tracked = job.timeout is not None or job.timed or not is_repeatable(job.fn)
        self._supervisor = Supervisor(job, reserve.memory_bytes, reserve.host.private_bytes)
        self._coroner = Coroner(job)
        self._staff = Staff(reserve, job)
        self._ledger = Ledger(job, self._planner, self._arena)
        self._input = SlowInput(self._feed, self._planner, self._ledger.finished)
        self._lost: list[tuple[RemoteWorker, Running]] = []  # ended in vain, while they ran this
        self._resting = False

    def drive(self) -> Generator[Batch, None, None]:
        """Finished batches, until the feed is finished or the job cancelled."""
        job, feed, staff = self._job, self._feed, self._staff
        job.wake = staff.bell.ring
        job.snapshot = self.running
        job.unfetched = job.feed.withdrawn = self._ledger.finished
        staff.begin(lends=feed.interdependent)
        variables = [(variable, job.context[variable]) for variable in self._reserve.context if variable in job.context]
        try:
            self._cargo = FunctionCargo(
                self._reserve.next_function(),
                job.fn,
                self._arena,
                timeout=job.timeout,
                seeding=job.seeding,
                variables=variables,
                needs=self._preflight and self._preflight.needs,
            )
            while not feed.finished and not job.cancelled:
                for lost in self._supervisor.revoke(staff):
                    self._ledger.hand_back(*lost)
                stay_home(feed.home)  # before it writes what is shared with the parent, or starts a worker of its own
                self._assign()
                if self._ledger.finished:
                    staff.suspend()
                    while self._ledger.finished and not job.cancelled:
                        yield self._ledger.finished[0]  # taken out when it has arrived: Ctrl-C may come in between
                        self._ledger.finished.popleft()
                    staff.resume()
                elif not feed.finished:
                    if not feed.interdependent and staff.has_free and feed.reach(len(staff), self._planner.beyond):
                        self._assign()
                    self._wait()
        finally:
            self._stop()

    def running(self) -> list[Running]:
        """The items that are being run at this moment."""
        return [running for worker in self._staff if (running := self._supervisor.running(worker))]

    # --- giving

    def _assign(self) -> None:
        feed = self._feed
        self._staff.take_turns()
        if self._resting or self._input.rests or (feed.interdependent and not feed.ready):
            return
        limited = feed.limit is not None  # what is given is to start now, not when a worker will be there for it
        for depth in range(1, boards.DEPTH + 1):
            alone = feed.interdependent or limited or self._staff.share.is_asked
            if depth > 1 and (alone or depth > self._planner.depth):
                return
            for worker in self._staff:
                if not worker.can_take(depth, at_once=limited):
                    continue
                if not self._give(worker) or self._input.rests or (feed.interdependent and not feed.ready):
                    return
            while depth == 1 and self._staff.wants_more(one_by_one=limited):
                feed.window = max(feed.window, self._planner.window)
                self._input.fill(1)
                if not feed.ready:
                    return
                new = self._staff.enlist(preload=self._cargo.needs_cloudpickle)
                if new is None or (new.can_take(1, at_once=limited) and not self._give(new)) or self._input.rests:
                    return

    def _give(self, worker: RemoteWorker) -> bool:
        """Send the worker its next batch; False when there is none now."""
        batch, budget = self._input.next_batch(self._planner)
        if batch is None:
            return False
        try:
            packed = pack_items(batch, self._arena, self._cargo.modules)
        except Exception as error:  # an item's __reduce__ may raise anything
            self._cannot_send(batch, error)
            return True
        function = self._cargo.frame_for(worker)
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
        self._staff.expect_room(worker, full=worker.send(function + message))
        return True

    def _cannot_send(self, batch: Batch, error: Exception) -> None:
        """Some item does not pickle: halve the batch until it is alone."""
        if not self._ledger.halve(batch):
            self._ledger.fail(batch, refusal_of(batch, error, self._reserve.host.kind), NOT_SENT)

    # --- waiting and taking

    def _wait(self) -> None:
        staff, timeout = self._staff, self._patience()
        events = staff.listen(timeout)
        for fd, event in events:
            if fd == staff.bell.fileno():
                staff.bell.silence()
                staff.answer(spare=not self._feed.ready)  # calls that wait need them
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
        self._staff.share.lose_patience()
        if self._staff.launcher.patience is not None:
            self._notice_ends()
        if self._feed.interdependent and not self._staff.busy:
            self._staff.dismiss()

    def _patience(self) -> float | None:
        """Milliseconds until something must be looked at although no message comes; None: never."""
        feed, staff = self._feed, self._staff
        waits = [self._supervisor.interval(list(staff)), self._input.pause_ms]
        if staff.busy:
            waits.append(staff.launcher.patience)
        elif staff.share.waits or (len(staff) and feed.interdependent):
            waits.append(_IDLE)
        if (due := feed.due) is not None and staff.has_free:
            waits.append(max(0.0, due - time.perf_counter()) * 1000 + 1)
        return min((wait for wait in waits if wait is not None), default=None)

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
            worker.pid, worker.present = key, True
            self._coroner.note_born()
        elif operation == wire.MISHAP:
            self._job.tally.note(read_mishap(payload))
        elif operation == wire.REFUSED:
            self._refused(key, rebuild(loads(payload)))
        else:
            forward(operation, key, payload)

    def _refused(self, number: int, refusal: BaseException) -> None:
        """A worker could not load the function: send its module along, unless that has been done meanwhile."""
        cargo, preflight = self._cargo, self._preflight
        if preflight is not None and preflight.concerns(refusal):
            assert preflight.refusal is not None
            if not preflight.falls_back:
                raise preflight.refusal from refusal
            self._feed.hold()  # the run ends when all that was sent has been handed back
        elif number == cargo.number and not cargo.include(refusal, self._reserve.next_function(), or_own=True):
            raise cargo.unloadable(refusal) from refusal

    def _land(self, worker: RemoteWorker, flags: int, key: int, payload: memoryview) -> None:
        """A batch has come back, whole or in part."""
        if worker.doomed:
            return  # what is on its board will be booked when it has ended
        worker.leaving = worker.leaving or bool(flags & wire.LEAVING)
        if flags & wire.HAS_EXTRA:
            (_, freed), payload = wire.unpack_extra(payload)
            self._ledger.free(worker, freed)
        flight = worker.flights.popleft()
        assert flight.key == key, f"answer {key} to batch {flight.key}"
        returned = read_result(worker, flight, payload)
        if returned.unreadable is not None:
            self._resend(flight, returned.unreadable, worker)
        else:
            self._ledger.settle(worker, flight, returned)
            self._ledger.hand_back(flight, len(returned.values), flight.count)
        if worker.board.words[boards.STOP_AT] != boards.NEVER:
            worker.revoked = True
            if not worker.flights:
                worker.relent()

    def _resend(self, flight: Flight, error: BaseException, worker: RemoteWorker) -> None:
        """The worker could not unpickle a batch: send missing modules, or halve it until the culprit is alone."""
        batch, half, cargo, preflight = flight.batch, flight.count // 2, self._cargo, self._preflight
        if preflight is not None and preflight.falls_back and preflight.concerns(error):
            self._feed.hold()
            self._ledger.hand_back(flight, 0, flight.count)
        elif flight.function != cargo.number or cargo.include(error, self._reserve.next_function()):
            self._ledger.hand_back(flight, 0, flight.count)
        elif half:
            self._ledger.hand_back(flight, 0, half)
            self._ledger.hand_back(flight, half, flight.count)
        elif flight.count:
            why = preflight.refusal if preflight is not None and preflight.concerns(error) else None
            self._ledger.fail(batch, self._coroner.unreadable(batch, why or error), worker.label)

    # --- looking after workers

    def _look_after(self) -> None:
        """Take items back from stalled workers for idle ones, and kill what ran out of time or memory."""
        workers = list(self._staff)
        if self._supervisor.wants_items(workers, ready=self._feed.ready, most=self._job.workers):
            for lost in self._supervisor.take_back(workers):
                self._ledger.hand_back(*lost)
        self._supervisor.enforce_limits(workers)
        for worker in workers:  # that does not end although it should: an interpreter cannot be killed
            if worker.doomed and not worker.dead and self._staff.launcher.has_ended(worker.token):
                self._take(worker, ended=True)

    def _bury(self, worker: RemoteWorker) -> None:
        """A worker is gone: keep what it finished, fail the item it was running, hand back the rest."""
        launcher, running = self._staff.launcher, self._supervisor.running(worker)
        self._staff.discard(worker)
        self._staff.share.give()
        status = launcher.status_of(worker.token, 0.5)
        if status == NOT_STARTED:
            self._staff.make_do(launcher.refusal)
        unborn = not worker.present and status is None and launcher.dead  # it went before it had forked it
        if worker.leaving or status == NOT_STARTED or unborn:
            self._coroner.note_unborn(self._job.workers if unborn else 0)
            for flight in worker.flights:
                self._ledger.hand_back(flight, 0, flight.count)
        else:
            self._tracked = True  # from now on no result may be lost with a worker
            for loss in self._coroner.examine(worker, status):
                self._ledger.settle(worker, loss.flight, loss.returned)
                self._ledger.lose(worker, loss)
        worker.close()
        self._ledger.free_all(worker)
        if running is not None:
            self._lost.append((worker, running))
        if self._coroner.hopeless:
            raise PlaitError(self._coroner.hopeless)

    # --- the end

    def _stop(self) -> None:
        """End what still works for this run, keep what it had finished, give idle workers back."""
        job = self._job
        running = {worker: one for worker in self._staff if (one := self._supervisor.running(worker))}
        job.rest(list(running.values()))  # as it was when the work was stopped
        if self._feed.home != os.getpid():
            return  # a forked child's copy: all of it is the parent's
        self._staff.share.step_out()
        try:
            if not job.final:
                self._come_to_rest()
        finally:  # also at a second Ctrl-C
            workers = list(self._staff)
            leaving = [worker for worker in workers if worker.flights or worker.outbox or job.final]
            try:
                self._staff.clear()
                Parting(self._reserve.host.poll(), job.tally.note, self._ledger.settle).end(leaving)
            finally:
                self._dispose(workers, leaving, running)

    def _come_to_rest(self) -> None:
        """Let workers be kept: they answer what was taken back from them, and what they run if that ends soon."""
        self._resting = True
        seconds = _PASSES
        if any(flight.count for worker in self._staff for flight in worker.flights):
            seconds = GRACE
            for worker in self._staff:
                if worker.flights and not worker.doomed:
                    worker.ask()
        deadline = time.perf_counter() + seconds
        while self._staff.busy and (left := deadline - time.perf_counter()) > 0:
            for fd, event in self._staff.listen(left * 1000):
                if (heard := self._staff.at(fd)) is not None:
                    self._take(heard)
                elif fd == self._staff.bell.fileno():
                    self._staff.bell.silence()
                elif event:
                    self._staff.flush(fd)

    @finishes
    def _dispose(
        self, workers: list[RemoteWorker], leaving: list[RemoteWorker], running: dict[RemoteWorker, Running]
    ) -> None:
        for worker in workers:
            if worker in leaving:
                worker.close()
                self._ledger.free_all(worker)
                if worker in running:
                    self._lost.append((worker, running[worker]))
            elif not worker.dead:
                worker.outdated.append(self._cargo.number)
                self._reserve.give_back(worker, self._job.tally.note)
        self._job.tally.abandoned += [one for worker, one in self._lost if worker.left_behind]
        self._staff.share.leave()
        if hasattr(self, "_cargo"):
            self._reserve.let_go(self._cargo.number, self._staff.lent)
            self._cargo.release()
        if self._arena is not None:
            self._arena.trim()
