"""Ledger: what becomes of the items that a run's remote workers were given: finished, failed, or handed back."""

from __future__ import annotations

import time
from collections import deque

from plait._core.batch import Batch
from plait._core.job import Job
from plait._core.notes import add_note, text_of
from plait._engines.arena import Arena
from plait._engines.deaths import Loss
from plait._engines.flight import Flight
from plait._engines.planning import BatchPlanner
from plait._engines.remote_worker import RemoteWorker
from plait._engines.returns import Returned

_READ_ONLY = (
    "plait: arrays of 32 KiB and more are read-only where they have been sent to, as they lie in shared memory; "
    "change a copy: array.copy()"
)
_NO_INPUT = (
    "plait: a worker process has no standard input; ask in the program and pass on the answer, or use engine='thread'"
)


class Ledger:
    """The accounts of one run, kept by its driver.

    Attributes:
        finished: batches for the consumer.
    """

    def __init__(self, job: Job, planner: BatchPlanner, arena: Arena | None) -> None:
        self.finished: deque[Batch] = deque()
        self._feed = job.feed
        self._timed = job.timed
        self._planner = planner
        self._arena = arena

    def settle(self, worker: RemoteWorker, flight: Flight, returned: Returned) -> None:
        """Book what was finished."""
        done = len(returned.values)
        if not done:
            return
        assert done <= flight.count, f"{worker.label} ran {done - flight.count} items that it had given back"
        for failure in returned.failures.values():
            _note_what_processes_lack(failure)
        ended = min(time.perf_counter(), max(returned.ended, flight.sent + returned.seconds))
        batch = flight.finish(returned.values, returned.failures, worker.label, returned.seconds, ended)
        if self._timed:
            ends = [batch.started + end for end in returned.ends]
            batch.spans = list(zip([batch.started, *ends[:-1]], ends, strict=True))
        self._planner.record(done, returned.seconds)
        self._planner.record_returned(done, returned.length)
        self.finished.append(batch)

    def fail(self, batch: Batch, failure: BaseException, worker: str) -> None:
        """Book the failure of a batch of one item."""
        batch.values, batch.failures = [None], {0: failure}
        batch.worker = worker
        batch.ended = time.perf_counter()
        batch.started = batch.started or batch.ended
        self.finished.append(batch)

    def lose(self, worker: RemoteWorker, loss: Loss) -> None:
        """Book the item that was lost with its worker, if any, and hand back what the worker had not begun."""
        flight, done = loss.flight, len(loss.returned.values)
        if loss.failure is None:
            middle = (done + flight.count) // 2 if loss.unread else done  # whose unpickling kills is found by halving
            self.hand_back(flight, done, middle)
            self.hand_back(flight, middle, flight.count)
            return
        batch = flight.batch
        lost = Batch(batch.base + loss.offset, [batch.items[loss.offset]], batch.attempt)
        lost.started = flight.sent
        self.fail(lost, loss.failure, worker.label)
        self.hand_back(flight, done, min(loss.offset, flight.count))
        self.hand_back(flight, loss.offset + 1, flight.count)

    def halve(self, batch: Batch) -> bool:
        """Both halves go back to the feed; False when it is one item, which has none."""
        half = len(batch.items) // 2
        if half:
            self._feed.hand_back(batch.base, batch.items[:half], batch.attempt)
            self._feed.hand_back(batch.base + half, batch.items[half:], batch.attempt)
        return half > 0

    def hand_back(self, flight: Flight, start: int, stop: int) -> None:
        """Items that this worker will not run go back to the feed."""
        if start < stop:
            batch = flight.batch
            self._feed.hand_back(batch.base + start, batch.items[start:stop], batch.attempt)

    # --- the arena's slots that hold what workers were sent

    def free(self, worker: RemoteWorker, offsets: list[int]) -> None:
        """The worker is done with these."""
        assert self._arena is not None
        for offset in offsets:
            worker.slots.remove(offset)
            self._arena.free(offset)

    def free_all(self, worker: RemoteWorker) -> None:
        """The worker has ended; one that was left behind may still look at what it was sent."""
        if self._arena is not None and not worker.left_behind:
            for offset in worker.slots:
                self._arena.free(offset)
        worker.slots.clear()


def _note_what_processes_lack(failure: BaseException) -> None:
    """Say why an array cannot be changed, and input not be asked for, where the error only says that."""
    if isinstance(failure, (ValueError, TypeError, BufferError)) and "read-only" in text_of(failure):
        add_note(failure, _READ_ONLY)
    elif isinstance(failure, EOFError) and text_of(failure) == "EOF when reading a line":
        add_note(failure, _NO_INPUT)
