"""Looks at workers' boards: who is stalled while others idle, who ran out of time or memory. Kills, but never waits."""

from __future__ import annotations

import time
from _collections_abc import Callable, Collection, Iterable, Iterator

from plait._core.job import Job, Running
from plait._engines.board import BATCH, CLAMPED, CURRENT, FAST, MODE, NEVER, READING, STARTED, STOP_AT, TRACKED
from plait._engines.flight import Flight
from plait._engines.remote_worker import RemoteWorker

TIMEOUT, MEMORY, REVOKED = "timeout", "memory", "revoked"  # why a worker is doomed

_STALLED = 0.004  # seconds a batch is out before its unstarted items are taken back for an idle worker
_LIMIT_TICK = 50.0  # milliseconds between two looks at the memory of workers
_AGAIN = 2.0  # milliseconds until the next look at an item that is to be stopped and could not be yet
_KILL_ABOVE = 1.25  # of the memory limit, while an item runs


class Supervisor:
    """Watches the workers of one run."""

    def __init__(self, job: Job, memory_bytes: int | None, private_bytes: Callable[[int], int]) -> None:
        self._job = job
        self._memory_bytes = memory_bytes
        self._private_bytes = private_bytes
        self._revoked: list[int] = []

    def interval(self, workers: Collection[RemoteWorker]) -> float | None:
        """Milliseconds until the next look is due; None when only messages matter."""
        waits: list[float] = [_AGAIN] if self._revoked else []
        if self._job.timeout is not None:
            waits.append(min(_LIMIT_TICK, max(2.0, self._job.timeout * 100)))
        if self._memory_bytes is not None:
            waits.append(_LIMIT_TICK)
        if any(worker.flights and _unstarted(worker) for worker in workers):
            idle = len(workers) < self._job.workers or any(not worker.flights for worker in workers)
            if idle:
                waits.append(_STALLED * 1000 / 2)
        return min(waits) if waits else None

    def wants_items(self, workers: Collection[RemoteWorker], *, ready: bool, most: int) -> bool:
        """Whether some worker could run items that another one holds."""
        return not ready and (len(workers) < most or any(not worker.flights for worker in workers))

    def take_back(self, workers: Iterable[RemoteWorker]) -> Iterator[tuple[Flight, int, int]]:
        """Flights with the offsets of items that their workers will not start any more."""
        now = time.perf_counter()
        for worker in workers:
            if not worker.flights:
                continue
            words = worker.board.words
            if words[STOP_AT] == NEVER:
                if words[MODE] != FAST and now - worker.flights[0].sent > _STALLED and _unstarted(worker):
                    words[STOP_AT] = _at_hand(worker) + 1
                    worker.revoked = True
            elif words[MODE] != FAST:  # it was set a system call ago or more: the worker has seen it
                last = max(words[CURRENT], words[STOP_AT] - 1)
                worker.revoked = True
                for flight in worker.flights:
                    lost = flight.take_back(last)
                    if lost is not None:
                        yield flight, *lost

    def enforce_limits(self, workers: Iterable[RemoteWorker]) -> None:
        """Kill the workers whose item ran out of time or memory; their death is treated like any other."""
        for worker in workers:
            if worker.doomed or not worker.flights:
                continue
            words = worker.board.words
            seen = (words[CURRENT], words[STARTED])
            if words[MODE] == TRACKED and self._job.timeout is not None and seen == worker.running_seen:
                if time.perf_counter_ns() - seen[1] > self._job.timeout * 1e9 and _hold(worker, seen):
                    worker.doom(TIMEOUT, seen[0])
                    continue
            worker.running_seen = seen
            if self._memory_bytes is not None and worker.pid:
                if self._private_bytes(worker.pid) > self._memory_bytes * _KILL_ABOVE and _hold(worker, seen):
                    worker.doom(MEMORY, seen[0])

    def revoke(self, workers: Iterable[RemoteWorker]) -> Iterator[tuple[Flight, int, int]]:
        """Stop the items that somebody revoked, or begin to; yields what `take_back` does.

        An item is pursued until no worker holds it: what runs FAST cannot be stopped at one item, and a worker that has
        just claimed an item may not begin it.
        """
        job = self._job
        while job.revoked:
            index = job.revoked.popleft()
            if not job.feed.withdraw(index):
                self._revoked.append(index)
        pursued, self._revoked = self._revoked, []
        for index in pursued:
            for worker in workers:
                flight = next((flight for flight in worker.flights if index in flight), None)
                if flight is not None:
                    self._revoked.append(index)
                    self._recall(worker, flight, index)
                    yield from self.take_back([worker])

    def _recall(self, worker: RemoteWorker, flight: Flight, index: int) -> None:
        """Keep the worker from beginning an item that it holds, or kill it when it runs that item."""
        sequence = flight.first + index - flight.batch.base
        words = worker.board.words
        if words[STOP_AT] > sequence:
            words[STOP_AT] = sequence
            worker.revoked = True
            time.sleep(0)  # a system call, so that either side has seen what the other wrote
        seen = (words[CURRENT], words[STARTED])
        if seen[0] == sequence and words[MODE] in (TRACKED, CLAMPED) and not worker.doomed and _hold(worker, seen):
            worker.doom(REVOKED, sequence)

    def running(self, worker: RemoteWorker) -> Running | None:
        """The item that the worker is running, as far as its board tells."""
        if not worker.flights or worker.dead:
            return None
        words = worker.board.words
        current = words[CURRENT]
        # Not always the first one: its answer may be in the pipe while the item is of the batch that follows.
        flight = next((one for one in worker.flights if 0 <= current - one.first < len(one.batch.items)), None)
        if flight is None or words[MODE] not in (TRACKED, FAST, CLAMPED):
            return None
        offset = current - flight.first
        if words[MODE] == TRACKED:
            seconds = max(0.0, (time.perf_counter_ns() - words[STARTED]) * 1e-9)
        else:
            seconds = time.perf_counter() - flight.sent
        among = flight.count - offset if words[MODE] == FAST else 1
        return Running(flight.batch.base + offset, flight.batch.items[offset], worker.label, seconds, among)


def _hold(worker: RemoteWorker, seen: tuple[int, int]) -> bool:
    """Make sure that no further item begins while the worker is killed; False when the one in question has ended."""
    words = worker.board.words
    if words[STOP_AT] > seen[0] + 1:
        words[STOP_AT] = seen[0] + 1
        worker.revoked = True
    time.sleep(0)  # a system call, so that either side has seen what the other wrote
    return (words[CURRENT], words[STARTED]) == seen


def _unstarted(worker: RemoteWorker) -> bool:
    last = worker.flights[-1]
    return last.count > 0 and last.first + last.count - 1 > _at_hand(worker)


def _at_hand(worker: RemoteWorker) -> int:
    """The number of the last item that stays with the worker: the one it runs, or is unpickling to run it next.

    An item that takes long to unpickle would otherwise go from worker to worker and be unpickled by each, for ever.
    """
    words, flight = worker.board.words, worker.flights[0]
    reading = words[MODE] == READING and words[BATCH] == flight.key
    current: int = words[CURRENT]
    return max(current, flight.first) if reading else current
