"""Parting: how remote workers that are not wanted any more end.

Most are killed. One that holds instances of ``per_worker`` functions, which the board says, and an interpreter, which
cannot be killed, is asked to leave instead:

1. It begins no further item (STOP_AT is 0), and finds a QUIT in its pipe after what it has there already.
2. If the item that runs does not end by itself, a signal raises ``StopTask`` in it, as the thread engine does.
3. The worker tears its instances down, last set up first, and sends ENDED. What it prints, logs and answers until then
   is treated as ever.
4. Who does not get that far in time is killed, or left behind, which is reported if something was left undone.
"""

from __future__ import annotations

import time
from _collections_abc import Callable, Iterable
from _pickle import loads

from plait._core.interrupts import had_better_hurry
from plait._core.worker_state import TEAR_DOWN_SECONDS, Mishap
from plait._engines import wire
from plait._engines.board import ENDING, HOLDS, MODE, TRACKED
from plait._engines.flight import Flight
from plait._engines.forwarding import forward
from plait._engines.hosting import READABLE, WRITABLE, Poll
from plait._engines.remote import rebuild
from plait._engines.remote_worker import Frame, RemoteWorker
from plait._engines.returns import Returned, read_remains, read_result

_GRACE = 0.05  # seconds in which the item that runs may end by itself
_UNWIND = 0.2  # seconds that an interrupted item has to get out of its function
_LATE = 0.5  # seconds after which a worker that should have ended itself is killed
_TICK = 20.0  # milliseconds between two looks

Settle = Callable[[RemoteWorker, Flight, Returned], None]


class Parting:
    """Ends workers, and listens to them while they end."""

    def __init__(self, poll: Poll, report: Callable[[Mishap], object], settle: Settle | None = None) -> None:
        self._poll = poll
        self._report = report
        self._settle = settle
        self._staying: dict[int, RemoteWorker] = {}

    def end(self, workers: Iterable[RemoteWorker]) -> None:
        """Return when nothing runs in them any more; they are still to be closed.

        Raises:
            KeyboardInterrupt: Ctrl-C while workers tear down: they have been killed, too.
        """
        workers = list(workers)
        asked: list[RemoteWorker] = []
        try:
            for worker in workers:
                if worker.dead or (worker.killable and not worker.board.words[HOLDS]):
                    worker.kill()
                else:
                    asked.append(worker)
                    self._ask(worker)
            if asked:
                self._see_off(time.perf_counter())
        finally:
            for worker in asked:
                worker.kill()
            for worker in workers:
                self._salvage(worker)

    def _ask(self, worker: RemoteWorker) -> None:
        worker.ask()
        self._poll.register(worker.results, READABLE)
        self._staying[worker.results] = worker
        if worker.quit():
            self._poll.register(worker.commands, WRITABLE)
            self._staying[worker.commands] = worker

    def _see_off(self, began: float) -> None:
        interrupted = began + _GRACE
        while self._staying:
            for fd, _ in self._poll.poll(_TICK):
                worker = self._staying.get(fd)
                if worker is not None:
                    self._attend(worker, fd)
            now = time.perf_counter()
            stubborn = [worker for worker in self._staying.values() if worker.board.words[MODE] != ENDING]
            if now >= interrupted:
                interrupted = now + _GRACE
                for worker in stubborn:
                    if worker.board.words[MODE] == TRACKED or not worker.killable:
                        worker.interrupt()
            for worker in list(self._staying.values()):
                given = _GRACE + _UNWIND if worker in stubborn else TEAR_DOWN_SECONDS + _LATE
                if now - began > given or had_better_hurry():
                    self._give_up(worker, stuck=worker in stubborn)

    def _attend(self, worker: RemoteWorker, fd: int) -> None:
        if fd == worker.commands:
            if not worker.flush():
                self._poll.unregister(fd)
                del self._staying[fd]
            return
        for message in worker.receive():
            if message is None or message[0] == wire.ENDED:
                self._dismiss(worker)
                return
            self._treat(worker, message)

    def _give_up(self, worker: RemoteWorker, *, stuck: bool) -> None:
        if worker.board.words[HOLDS]:
            fate = "killed" if worker.killable else "left behind"
            why = "its item did not stop in time" if stuck else f"that took longer than {TEAR_DOWN_SECONDS:g} s"
            self._report(Mishap(f"{worker.label} was {fate} before it had torn down what it holds: {why}", None))
        self._dismiss(worker)
        worker.kill()

    def _dismiss(self, worker: RemoteWorker) -> None:
        for fd in (worker.results, worker.commands):
            if self._staying.pop(fd, None) is not None:
                self._poll.unregister(fd)

    # --- messages

    def _treat(self, worker: RemoteWorker, message: Frame) -> None:
        operation, flags, _, key, payload = message
        if operation == wire.MISHAP:
            self._report(read_mishap(payload))
        elif operation != wire.RESULT:
            forward(operation, key, payload)
        elif worker.flights:
            flight = worker.flights.popleft()
            if flags & wire.HAS_EXTRA:
                _, payload = wire.unpack_extra(payload)
            self._book(worker, flight, read_result(worker, flight, payload))

    def _salvage(self, worker: RemoteWorker) -> None:
        """What a worker that is gone had answered, and what lies on its board, was computed: it is not lost."""
        if worker.dead:
            return
        heard = True
        while heard:
            heard = False
            for message in worker.receive():
                heard = message is not None
                if message is None:
                    break
                self._treat(worker, message)
        if worker.flights:
            flight = worker.flights[0]
            self._book(worker, flight, read_remains(worker, flight))

    def _book(self, worker: RemoteWorker, flight: Flight, returned: Returned) -> None:
        if self._settle is not None:
            self._settle(worker, flight, returned)


def read_mishap(payload: memoryview) -> Mishap:
    """What a worker's MISHAP frame says."""
    text, description = loads(payload)
    return Mishap(text, None if description is None else rebuild(description))
