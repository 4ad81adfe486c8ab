"""Workers on threads that somebody else lends: those of a ``concurrent.futures`` executor of this process.

A worker of `thread` has its thread until the run ends. Here it has one for a *stint*: a call that is submitted to the
executor. The stint ends when there is nothing to do, or after a moment, so that others who use the executor have their
turn; a worker without a stint is *away*, and called back when there is something to do.

Promises:
 * whoever shares the executor waits for one stint, never for the end of a map;
 * what `thread` does to stop an item is done here, too; who cannot be stopped keeps the executor's thread.
"""

from __future__ import annotations

import threading
import time
from _collections_abc import Callable
from collections import deque
from contextvars import Context
from typing import Protocol

from plait._core.batch import Batch
from plait._core.errors import PlaitError
from plait._core.how_many import how_many
from plait._core.job import Job
from plait._core.notes import text_of
from plait._core.thread_state import thread_state
from plait._core.worker_state import WorkerState
from plait._engines.crew import Crew
from plait._engines.halting import Seat
from plait._engines.line_output import Lines
from plait._engines.stealing import Portion
from plait._engines.thread_worker import Worker

_STINT = 0.05  # seconds after which a worker goes to the end of the executor's queue


class Ticket(Protocol):
    """What an executor gives for a call: a ``concurrent.futures.Future``, or what does as one."""

    def cancel(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def done(self) -> bool: ...
    def result(self) -> object: ...
    def exception(self) -> BaseException | None: ...
    def add_done_callback(self, fn: Callable[[Ticket], object], /) -> None: ...


Submit = Callable[[Callable[[], None]], Ticket]


class BorrowedThread:
    """The executor's thread that runs a worker's stint, with what `thread` wants to know of one of its own.

    `submit` gives a call to the executor. `work` is the stint, `over` is called when it has ended, in the same thread,
    and `refused` when it will never begin, with the executor's error if there is one.

    Attributes:
        ident: while it runs a stint, else None.
        native_id: likewise.
        overdue_at: when the stint should end.
        unfinished: what it has printed of our items that has no newline yet.
    """

    def __init__(
        self,
        submit: Submit,
        work: Callable[[], None],
        over: Callable[[], None],
        refused: Callable[[BaseException | None], None],
    ) -> None:
        self._submit = submit
        self._work = work
        self._over = over
        self._refused = refused
        self._ended = threading.Event()
        self._ticket: Ticket | None = None  # until its stint has ended
        self._begun = self._cancelled = False
        self.ident: int | None = None
        self.native_id: int | None = None
        self.overdue_at = 0.0
        self.unfinished = Lines()

    def start(self) -> None:
        """Ask the executor for a stint."""
        self._ended.clear()
        self._begun = self._cancelled = False
        try:
            self._ticket = ticket = self._submit(self._run)
        except Exception as error:
            self._refused(error)
            return
        ticket.add_done_callback(self._look)

    def cancel(self) -> bool:
        """Whether its stint will not begin any more, and would have."""
        if self._begun or self._cancelled or self._ticket is None:
            return False
        self._cancelled = True  # before `_look` is told
        self._cancelled = self._ticket.cancel()
        return self._cancelled

    def is_alive(self) -> bool:
        """Whether it runs a stint."""
        return self.ident is not None

    def join(self, seconds: float) -> None:
        """Wait for the end of the stint that runs."""
        if self.ident is not None:
            self._ended.wait(seconds)

    def leave(self) -> None:
        """The stint is over."""
        self.ident = self.native_id = self._ticket = None
        self._ended.set()

    def forget(self) -> None:
        """There will be no other stint: nothing waits for the garbage collector."""
        self._work = self._over = _nothing
        self._refused = _nothing
        self._ticket = None

    def end_lines(self) -> None:
        """Write out what has no newline yet."""
        self.unfinished.end()

    def _run(self) -> None:
        self._begun = True
        thread = threading.current_thread()
        self.ident, self.native_id = thread.ident, thread.native_id
        self.overdue_at = time.perf_counter() + _STINT
        thread.unfinished = self.unfinished  # type: ignore[attr-defined]  # see `line_output`: it is a worker's for now
        try:
            self._work()
        finally:
            del thread.unfinished  # type: ignore[attr-defined]  # see above
            self._over()

    def _look(self, ticket: Ticket) -> None:
        """The call has ended: was it ever begun?"""
        if ticket.cancelled():
            if not self._cancelled:
                self._refused(None)
        elif not self._begun and (error := ticket.exception()) is not None:
            self._refused(error)


class BorrowedWorker(Worker):
    """A worker that comes and goes. What ``per_worker`` sets up is the thread's, which may serve many maps."""

    __slots__ = ()

    _crew: BorrowedCrew
    thread: BorrowedThread

    def _thread(self, number: int, context: Context) -> BorrowedThread:
        crew = self._crew
        return BorrowedThread(crew.submit, lambda: self._stint(context), lambda: crew.over(self), crew.refuse)

    @property
    def state(self) -> WorkerState:
        return thread_state()

    @property
    def lender(self) -> object:
        """The executor whose threads these are; None if it is nobody's who could be asked for more."""
        return self._crew.lender

    def _stint(self, context: Context) -> None:
        self.name = threading.current_thread().name
        self.cpu = time.thread_time()
        try:
            context.run(self._work)
        finally:
            self.clock_id = None  # what the thread does next is somebody else's

    def _part(self) -> None:
        self.batch = None
        if self.thread.unfinished:
            self.thread.end_lines()


class BorrowedCrew(Crew):
    """Those of one run. A worker that is away is one that is `parked`: called, it comes by way of the executor's queue.

    `name` is what the executor is called, and `threads` how many it has, or None where it does not say.

    Attributes:
        lender: the executor itself, if others can get hold of it.
    """

    lender: object = None

    def __init__(self, job: Job, portion: type[Portion], submit: Submit, name: str, threads: int | None) -> None:
        super().__init__(job, portion)
        self.submit = submit
        self._name = name
        self._threads = threads
        self._away: list[Seat] = []
        self._called: deque[Seat] = deque()

    # --- the workers' side

    def next_batch(self, seat: Seat) -> Batch | None:
        """The next batch for a worker; None when its stint is over."""
        with self.lock:
            late = not self._singly and time.perf_counter() >= _thread_of(seat).overdue_at
            return None if late or self.unwanted or seat.abandoned or seat.resting else self.draw(seat)

    def left(self, seat: Seat) -> None:
        """Nothing yet: it is still in its context, which its next stint may need at once."""

    def over(self, seat: Seat) -> None:
        """The worker's stint has ended: from now on it is away, or at the end of the executor's queue."""
        thread = _thread_of(seat)
        with self.lock:
            thread.leave()
            lost = seat in self.lost
            if lost or self.stopping:
                thread.forget()
            if lost:
                return
            again = self.feed.ready and not (self.unwanted or seat.resting)
            if not again:
                self.staying -= 1
                if not self.stopping:
                    self._away.append(seat)
                    self.parked += not seat.resting
        if again:
            thread.start()
        elif not self.staying or (self._quorum and (self.finished or self.feed.due is not None)):
            self.ring()

    def refuse(self, error: BaseException | None) -> None:
        """The executor did not run a stint; any thread."""
        with self.lock:
            self.staying -= 1
        if not self.unwanted:
            self.failure = refused_by(self._name, error)
        self.ring()

    def welcome(self) -> None:
        """One more item has come by itself; any thread: the driver calls a worker."""
        self.ring()

    # --- the driver's side

    def rest(self, count: int) -> None:
        with self.lock:
            about = [seat for seat in self._away if not seat.resting]
        super().rest(count)
        with self.lock:  # those that were called meanwhile come, and see that they are to rest
            self.parked -= sum(seat.resting for seat in about if seat in self._away)

    def recall(self, count: int) -> int:
        with self.lock:
            resting = [seat for seat in self._away if seat.resting]
        recalled = super().recall(count)
        with self.lock:
            self.parked += sum(not seat.resting for seat in resting)
        return recalled

    def share_out(self, now: float, room: bool) -> int:
        try:
            return super().share_out(now, room)
        finally:
            self._call()

    def unattended(self) -> int:
        try:
            return super().unattended()
        finally:
            self._call()

    def lose(self, seat: Seat) -> None:
        super().lose(seat)
        held = sum(_thread_of(lost).is_alive() for lost in self.lost)
        if self._threads is not None and held >= self._threads:
            self.fail(
                PlaitError(
                    f"{self._name}: {how_many(held, 'thread')}, all it has, cannot be stopped in what they run, and "
                    "nothing goes on before they end; let the function poll plait.current().cancelled, or use "
                    'engine="process", which can stop anything'
                )
            )

    def dismiss(self) -> None:
        super().dismiss()
        for seat in self.seats:
            thread = _thread_of(seat)
            if thread.cancel():
                thread.forget()
                with self.lock:
                    self.staying -= 1
        with self.lock:
            while self._away:
                _thread_of(self._away.pop()).forget()

    def _unpark(self, count: int) -> None:
        for seat in [seat for seat in self._away if not seat.resting][:count]:
            self._away.remove(seat)
            self.parked -= 1
            self.staying += 1
            self._called.append(seat)  # and not started here, where we hold the lock: an executor may do anything

    def _call(self) -> None:
        while self._called:
            _thread_of(self._called.popleft()).start()


def _nothing(_: object = None) -> None:
    """The run is over."""


def _thread_of(seat: Seat) -> BorrowedThread:
    assert isinstance(seat.thread, BorrowedThread)
    return seat.thread


def refused_by(name: str, error: BaseException | None) -> PlaitError:
    """What to say when an executor runs no more calls, with its error if it gave one."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "plait":
        failure = PlaitError(f"the workers of {name} cannot import plait: {error}; install the same version there, too")
        failure.__cause__ = error
        return failure
    why = "it was shut down, and what it had not begun was cancelled"
    if error is not None:
        why = f"{type(error).__name__}: {text_of(error)}" if text_of(error) else type(error).__name__
    failure = PlaitError(f"{name} runs no more calls: {why}; what has ended is not lost, .outcomes() gives it")
    failure.__cause__ = error
    return failure
