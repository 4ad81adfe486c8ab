"""How a run and its remote workers part: what is finished is kept, idle workers stay warm, the others are ended."""

from __future__ import annotations

import time

from plait._core.job import Job, Running
from plait._engines import wire
from plait._engines.forwarding import forward
from plait._engines.ledger import Ledger
from plait._engines.remote_worker import RemoteWorker
from plait._engines.reserve import Reserve
from plait._engines.returns import read_remains, read_result
from plait._engines.staff import Staff


class Parting:
    """Ends one run's claim on its workers, whatever they are doing."""

    def __init__(self, reserve: Reserve, job: Job, staff: Staff, ledger: Ledger) -> None:
        self._reserve = reserve
        self._job = job
        self._staff = staff
        self._ledger = ledger
        self._lost: list[tuple[RemoteWorker, Running]] = []

    def note(self, worker: RemoteWorker, running: Running) -> None:
        """The worker could not be ended and was left behind while it ran this."""
        self._lost.append((worker, running))

    def part(self, function: int, running: dict[RemoteWorker, Running]) -> None:
        """Give idle workers back without the function of that number, end the others, keep what they had finished.

        Where ending a worker costs more than a moment of waiting, it gets that moment to come to rest by itself.
        """
        try:
            if self._reserve.host.grace:
                self._come_to_rest(self._reserve.host.grace)
        finally:  # also at a second Ctrl-C
            workers = self._staff.clear()
            busy = [worker for worker in workers if worker.flights or worker.outbox]
            for worker in busy:
                worker.kill()
            try:
                for worker in busy:
                    worker.wait()
            finally:
                for worker in busy:
                    self._end(worker, running.get(worker))
                for worker in workers:
                    if worker not in busy and not worker.dead:
                        self._return(worker, function)
                self._job.tally.abandoned += [lost for worker, lost in self._lost if worker.left_behind]

    def _come_to_rest(self, seconds: float) -> None:
        """Have workers begin nothing more, tell their functions, and hear those that end by themselves."""
        deadline = time.perf_counter() + seconds
        for worker in self._staff:
            if worker.flights and not worker.doomed:
                worker.ask()
        while (left := deadline - time.perf_counter()) > 0 and self._staff.busy:
            for fd, event in self._staff.listen(left * 1000):
                if (heard := self._staff.at(fd)) is not None:
                    if not self._salvage(heard):
                        self._staff.discard(heard)
                        self._end(heard, None)
                elif fd == self._staff.bell.fileno():
                    self._staff.bell.silence()
                elif event:
                    self._staff.flush(fd)

    def _end(self, worker: RemoteWorker, running: Running | None) -> None:
        self._salvage(worker)
        if worker.flights:
            flight = worker.flights[0]
            self._ledger.settle(worker, flight, read_remains(worker, flight))
        worker.close()
        self._ledger.free_all(worker)
        if worker.left_behind and running is not None:
            self._lost.append((worker, running))

    def _return(self, worker: RemoteWorker, function: int) -> None:
        worker.relent()
        worker.send(wire.pack(wire.FORGET, function, b""))
        worker.functions.discard(function)
        self._reserve.give_back(worker)

    def _salvage(self, worker: RemoteWorker) -> bool:
        """What a worker had answered was computed: it is not lost. False at the end of its link."""
        while True:
            messages = list(worker.receive())
            for message in messages:
                if message is None:
                    return False
                operation, flags, _, key, payload = message
                if operation != wire.RESULT:
                    forward(operation, key, payload)
                elif worker.flights:
                    flight = worker.flights.popleft()
                    if flags & wire.HAS_EXTRA:
                        (_, freed), payload = wire.unpack_extra(payload)
                        self._ledger.free(worker, freed)
                    self._ledger.settle(worker, flight, read_result(worker, flight, payload))
            if not messages:
                return True
