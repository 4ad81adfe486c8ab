"""Drives one job on worker processes, from the consumer's own thread: no feeder, no manager, no queue.

The walk of a batch: a free worker's next batch is taken from the feed, sized by what items cost lately; its items are
pickled, large buffers into the arena, and written to the worker's pipe; the worker answers with what it finished in
about its budget; the rest goes back to the feed. An idle worker makes a stalled one give its unstarted items back. When
a pipe ends, the worker has died: what it finished is on its board, the item it was running fails, the rest goes back.
"""

from __future__ import annotations

import errno
import os
import time
from _collections_abc import Generator
from _pickle import loads
from collections import deque
from typing import TYPE_CHECKING

from plait._core.batch import Batch
from plait._core.errors import PlaitError
from plait._core.job import Job, Running
from plait._core.sizing import BatchSizer, guided_target
from plait._engines import board as boards
from plait._engines import wire
from plait._engines.arena import Arena
from plait._engines.cargo import FunctionCargo, frame, pack_items, refusal_of
from plait._engines.deaths import Coroner, Loss
from plait._engines.flight import Flight
from plait._engines.forwarding import first_setting, forward, next_setting
from plait._engines.hosting import READABLE, WRITABLE, Launcher
from plait._engines.remote import rebuild
from plait._engines.repeatable import is_repeatable
from plait._engines.returns import Returned, read_result
from plait._engines.supervision import Supervisor
from plait._engines.worker_process import Frame, WorkerProcess
from plait._engines.zygote import NOT_STARTED

if TYPE_CHECKING:  # the engine makes runs and is handed to them: the one cycle of types, kept out of run time
    from plait._engines.process import ProcessEngine

_SHORTEST, _LONGEST, _STEADY = 0.002, 0.05, 0.008  # seconds a batch may take: at the tail, at most, of unknown inputs
_PREFETCH_BELOW = 0.005  # items cheaper than this wait in the worker's pipe, so that it never idles
_CAP = 16384
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOSPC)  # nothing more is to be had
_IDLE = 50.0  # milliseconds without work after which a pool's workers may serve other maps
_BATCH_BYTES = 1 << 22  # of large buffers: few slots in flight stay in the processor's cache


class ProcessRun:
    """One job on the workers of a ProcessEngine."""

    def __init__(self, engine: ProcessEngine, job: Job) -> None:
        self._engine = engine
        self._job = job
        self._feed = job.feed
        self._sizer = BatchSizer(_STEADY, cap=_CAP)
        self._workers: dict[int, WorkerProcess] = {}
        self._item_bytes = 0.0
        self._finished: deque[Batch] = deque()
        self._poll = engine.host.poll()
        self._bell = engine.host.bell()
        self._arena: Arena | None = None
        self._owner = os.getpid()
        self._limit = job.workers
        self._tracked = job.timeout is not None or job.timed or not is_repeatable(job.fn)
        self._supervisor = Supervisor(job, engine.memory_bytes, engine.host.private_bytes)
        self._coroner = Coroner(job)

    def drive(self) -> Generator[Batch, None, None]:
        """Finished batches, until the feed is finished or the job cancelled."""
        job, feed = self._job, self._feed
        job.wake = self._bell.ring
        job.snapshot = self.running
        job.unfetched = self._finished
        self._poll.register(self._bell.fileno(), READABLE)
        try:
            self._arena = self._engine.arena()
            self._follow(self._engine.prepare(job.workers))
            self._cargo = FunctionCargo(
                self._engine.next_function(),
                job.fn,
                self._arena,
                timeout=job.timeout,
                variables=[
                    (variable, job.context[variable]) for variable in self._engine.context if variable in job.context
                ],
            )
            while not feed.finished and not job.cancelled:
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
        return [running for worker in list(self._workers.values()) if (running := self._supervisor.running(worker))]

    # --- giving

    def _assign(self) -> None:
        feed = self._feed
        if feed.interdependent and not feed.ready:
            return
        for depth in (1,) if feed.interdependent else (1, 2):
            for worker in list(self._workers.values()):
                if len(worker.flights) >= depth or worker.revoked or worker.leaving:
                    continue
                if depth == 2 and not self._prefetches():
                    return
                if not self._give(worker):
                    return
            while depth == 1 and len(self._workers) < self._limit:
                feed.window = max(feed.window, self._window())
                feed.fill(1)
                if not feed.ready:
                    return
                new = self._enlist()
                if new is None or not self._give(new):
                    return

    def _prefetches(self) -> bool:
        return self._sizer.cost is not None and self._sizer.cost < _PREFETCH_BELOW

    def _window(self) -> int:
        return 8 * self._job.workers * self._sizer.size

    def _give(self, worker: WorkerProcess) -> bool:
        """Send the worker its next batch; False when there is none now."""
        feed = self._feed
        size, budget = self._next_size()
        feed.window = self._window()
        feed.fill(size)
        batch = feed.take(size)
        if batch is None:
            return False
        try:
            packed = pack_items(batch, self._arena, self._cargo.modules)
        except Exception as error:  # an item's __reduce__ may raise anything
            self._cannot_send(batch, error)
            return True
        self._send(worker, self._cargo.send(worker))
        worker.key += 1
        flight = Flight(worker.key, batch, worker.sequence, self._cargo.number, time.perf_counter())
        worker.sequence += len(batch.items)
        worker.flights.append(flight)
        worker.slots += [offset for offset, _ in packed.refs]
        self._item_bytes = sum(length for _, length in packed.refs) / len(batch.items)
        head = wire.BATCH_HEAD.pack(flight.first, int(budget * 1e9), batch.base, batch.attempt, len(batch.items))
        flags = wire.TRACKED if self._tracked else 0
        self._send(worker, worker.send(frame(wire.BATCH, flight.key, packed, worker, head, self._cargo.number, flags)))
        return True

    def _next_size(self) -> tuple[int, float]:
        """How many items the next batch takes, and how many seconds it may."""
        sizer, left, workers = self._sizer, self._feed.left, self._job.workers
        budget = _STEADY
        if self._feed.interdependent:
            return 1, budget
        if left is not None and sizer.cost is not None:
            budget = guided_target(left * sizer.cost, workers, _SHORTEST, _LONGEST)
        sizer.target = budget
        size = sizer.size
        if sizer.cost:
            size = max(1, min(size, int(budget / sizer.cost)))
        if self._item_bytes:
            size = max(1, min(size, int(_BATCH_BYTES / self._item_bytes)))
        if left is not None:
            size = min(size, max(1, left // (2 * workers)))
        return size, budget

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

    def _enlist(self) -> WorkerProcess | None:
        if self._launcher.dead:
            self._unfollow()
            self._follow(self._engine.prepare(self._job.workers))
        if self._cargo.needs_cloudpickle:
            self._launcher.preload()
        try:
            worker = self._engine.lease(self._launcher)
        except OSError as error:
            if error.errno not in _SCARCE:
                raise
            self._make_do(str(error))
            return None
        self._workers[worker.results] = worker
        self._job.tally.peak = max(self._job.tally.peak, len(self._workers))
        self._poll.register(worker.results, READABLE)
        setting = next_setting() if worker.key else first_setting(worker.name, self._engine.memory_bytes)
        if setting != worker.setting:
            worker.setting = setting
            worker.send(setting)
        return worker

    def _is_idle(self) -> bool:
        """Whether this run only waits for items that may come at any time."""
        return self._feed.interdependent and not any(worker.flights for worker in self._workers.values())

    def _dismiss(self) -> None:
        """There is nothing to do for now: let other runs on the same engine have the workers."""
        for worker in list(self._workers.values()):
            if not worker.outbox:
                self._discard(worker)
                self._engine.give_back(worker)

    def _send(self, worker: WorkerProcess, is_full: bool) -> None:
        if is_full:
            self._poll.register(worker.commands, WRITABLE)

    # --- waiting and taking

    def _wait(self) -> None:
        if self._owner != os.getpid():
            raise PlaitError("this map was started by the process that forked this one; only there it can go on")
        timeout = self._patience()
        events = self._poll.poll(timeout)
        for fd, event in events:
            if fd == self._bell.fileno():
                self._bell.silence()
                self._notice_ends()
            elif (worker := self._workers.get(fd)) is not None:
                self._take(worker)
            elif fd == self._launcher.fileno():
                self._news()
            elif event:
                self._flush(fd)
        if timeout is not None:
            self._look_after()
            if not events:
                self._nothing_heard()

    def _nothing_heard(self) -> None:
        """Nobody has said anything for a while."""
        if self._launcher.patience is not None:
            self._notice_ends()
        if self._is_idle():
            self._dismiss()

    def _patience(self) -> float | None:
        """Milliseconds until something must be looked at although no message comes; None: never."""
        feed = self._feed
        waits = [self._supervisor.interval(self._workers.values())]
        if self._workers and self._is_idle():
            waits.append(_IDLE)
        if feed.due is not None:
            waits.append(max(0.0, feed.due - time.perf_counter()) * 1000 + 1)
        if self._launcher.patience is not None and any(worker.flights for worker in self._workers.values()):
            waits.append(self._launcher.patience)
        known = [wait for wait in waits if wait is not None]
        return min(known) if known else None

    def _follow(self, launcher: Launcher) -> None:
        """Listen to this launcher; what it says it on stays open as long as it is polled."""
        self._launcher = launcher
        if launcher.fileno() >= 0:
            self._poll.register(launcher.fileno(), READABLE)
        launcher.bells.add(self._bell)

    def _news(self) -> None:
        """The launcher has said something, or is gone."""
        launcher = self._launcher
        launcher.collect()
        if launcher.dead:
            self._unfollow()
        self._notice_ends()

    def _unfollow(self) -> None:
        try:
            self._poll.unregister(self._launcher.fileno())
        except (KeyError, ValueError):
            return  # it was dead before and nobody has needed a new one yet, or the engine has been closed
        self._launcher.bells.discard(self._bell)

    def _notice_ends(self) -> None:
        """A worker may be gone although something that it started still holds its end of the link."""
        for worker in list(self._workers.values()):
            if self._launcher.has_ended(worker.token):
                self._take(worker, ended=True)

    def _flush(self, fd: int) -> None:
        for worker in self._workers.values():
            if worker.commands == fd:
                if not worker.flush():
                    self._poll.unregister(fd)
                return

    def _take(self, worker: WorkerProcess, *, ended: bool = False) -> None:
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

    def _treat(self, worker: WorkerProcess, message: Frame) -> None:
        operation, flags, _, key, payload = message
        if operation == wire.RESULT:
            self._land(worker, flags, key, payload)
        elif operation == wire.HELLO:
            worker.pid = key
        elif operation == wire.REFUSED:
            self._refused(key, rebuild(loads(payload)))
        else:
            forward(operation, key, payload)

    def _refused(self, number: int, refusal: BaseException) -> None:
        """A worker could not load the function: send its module along, unless that has been done meanwhile."""
        cargo = self._cargo
        if number == cargo.number and not cargo.include(refusal, self._engine.next_function(), or_own=True):
            raise cargo.unloadable(refusal) from refusal

    def _land(self, worker: WorkerProcess, flags: int, key: int, payload: memoryview) -> None:
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

    def _settle(self, worker: WorkerProcess, flight: Flight, returned: Returned) -> None:
        """Book what was finished."""
        done = len(returned.values)
        if not done:
            return
        now = time.perf_counter()
        batch = flight.finish(returned.values, returned.failures, worker.label, returned.seconds, now)
        if self._job.timed:
            ends = [batch.started + end for end in returned.ends]
            batch.spans = list(zip([batch.started, *ends[:-1]], ends, strict=True))
        self._sizer.record(done, returned.seconds)
        self._finished.append(batch)

    def _hand_back(self, flight: Flight, start: int, stop: int) -> None:
        if start < stop:
            batch = flight.batch
            self._feed.hand_back(batch.base + start, batch.items[start:stop], batch.attempt)

    def _resend(self, flight: Flight, error: BaseException, worker: WorkerProcess) -> None:
        """The worker could not unpickle a batch: send missing modules, or halve it until the culprit is alone."""
        batch, half = flight.batch, flight.count // 2
        cargo = self._cargo
        if flight.function != cargo.number or cargo.include(error, self._engine.next_function()):
            self._hand_back(flight, 0, flight.count)
        elif half:
            self._hand_back(flight, 0, half)
            self._hand_back(flight, half, flight.count)
        elif flight.count:
            self._fail(batch, self._coroner.unreadable(batch, error), worker.label)

    def _free(self, worker: WorkerProcess, offsets: list[int]) -> None:
        assert self._arena is not None
        for offset in offsets:
            worker.slots.remove(offset)
            self._arena.free(offset)

    # --- looking after workers

    def _look_after(self) -> None:
        """Take items back from stalled workers for idle ones, and kill what ran out of time or memory."""
        if self._supervisor.wants_items(self._workers.values(), ready=self._feed.ready, most=self._job.workers):
            for flight, start, stop in self._supervisor.take_back(self._workers.values()):
                self._hand_back(flight, start, stop)
        self._supervisor.enforce_limits(self._workers.values())

    def _bury(self, worker: WorkerProcess) -> None:
        """A worker is gone: keep what it finished, fail the item it was running, hand back the rest."""
        self._discard(worker)
        status = self._launcher.status_of(worker.token, 0.5)
        if status == NOT_STARTED:
            self._make_do("the system refused to fork; see ulimit -u")
        unborn = not worker.pid and status is None and self._launcher.dead  # it went before it had forked it
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

    def _make_do(self, why: str) -> None:
        """Go on with the workers there are."""
        self._limit = len(self._workers)
        self._job.tally.reasons.append(f"no further process could be started: {why}")
        if not self._limit:
            raise PlaitError(f"no worker process could be started: {why}")

    def _lose(self, worker: WorkerProcess, loss: Loss) -> None:
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

    def _discard(self, worker: WorkerProcess) -> None:
        del self._workers[worker.results]
        self._poll.unregister(worker.results)
        if worker.outbox:
            self._poll.unregister(worker.commands)
            worker.outbox.clear()

    def _free_all(self, worker: WorkerProcess) -> None:
        if self._arena is not None:
            for offset in worker.slots:
                self._arena.free(offset)
        worker.slots.clear()

    # --- the end

    def _stop(self) -> None:
        """Kill what still works for this run, give idle workers back, free what the run held."""
        job = self._job
        running = self.running()
        job.wake = _nothing
        if self._owner != os.getpid():
            return  # a forked child's copy: all of it is the parent's
        if hasattr(self, "_launcher"):
            self._unfollow()
        busy = [worker for worker in self._workers.values() if worker.flights or worker.outbox]
        for worker in busy:
            worker.kill()
        for worker in busy:
            self._free_all(worker)
            worker.close()
        for worker in self._workers.values():
            if not worker.dead:
                worker.send(wire.pack(wire.FORGET, self._cargo.number, b""))
                worker.functions.discard(self._cargo.number)
                self._engine.give_back(worker)
        self._workers.clear()
        if hasattr(self, "_cargo"):
            self._cargo.release()
        if self._arena is not None:
            self._arena.trim()
        job.snapshot = lambda: running  # as it was when the work was stopped
        self._bell.close()


def _nothing() -> None:
    """Nobody drives the job any more."""
