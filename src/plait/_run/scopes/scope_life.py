"""Life: a scope from the opening of its block to its end: what cancels it, what it waits for, what it raises."""

from __future__ import annotations

import contextvars
import threading
from typing import Any

from plait._core.bell import Bell
from plait._core.cancelling import Block, cancellation_point, current_block, sources
from plait._core.current import current_task
from plait._core.errors import PlaitError, StopTask, TaskTimeout, UsageError
from plait._core.notes import set_attribute
from plait._core.rng import Seeding, seeding
from plait._core.vigil import VIGIL
from plait._engines.inherited import hold
from plait._run.farewell import explain
from plait._run.future import Future
from plait._run.scopes.scope_crew import ScopeCrew
from plait._run.scopes.scope_tasks import Tasks, over
from plait._run.scopes.scope_verdict import verdict
from plait._run.scopes.scope_words import Patience, in_short, say, stopping_words, waiting_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _collections_abc import Callable

    from plait._core.cancelling import Source

UNINTERRUPTIBLE = True  # see `cancelling`


class Life:
    """One opening of a scope. `cancel`, `withdraw` and `expire` may be called from any thread.

    Attributes:
        cancelled: whether its tasks are being stopped.
        tasks: those that were started in it.
        seeding: what the random generators of tasks in an event loop are made from.
        forked: whether this is the copy in a child that was forked in the block: nothing runs in it.
        guard: abandons it when Ctrl-C comes so that the end of the block is never waited for.
        on_cancel, on_idle: called when it is cancelled, and when no task is open; for the event loop.
    """

    def __init__(self, crew: ScopeCrew, deadline: float | None) -> None:
        self.deadline = deadline
        self.cancelled = False
        self.guard: object = None
        self.on_cancel: Callable[[], None] = _nothing
        self._bell = Bell()
        self.on_idle: Callable[[], None] = self._bell.ring
        self.tasks = Tasks(self.cancel, lambda: self.on_idle())
        self._crew = crew
        self._lock = threading.RLock()
        self._block = Block()
        self._outer: list[Source] = []
        self._token: contextvars.Token[Block | None] | None = None
        self._clock: threading.Timer | None = None
        self._late: TaskTimeout | None = None
        self._over = False
        self.forked = False
        self._lost = 0
        self.seeding: Seeding = (0, (), False)

    # --- its course

    def open(self, also: Callable[[], None]) -> None:
        """The block begins, if `also` does.

        Raises:
            UsageError: it has begun before.
            StopTask: the task or the block around it was cancelled.
            what `also` raises.
        """
        if self._token is not None:
            raise UsageError("a scope can be opened once; call plait.scope() for each block")
        cancellation_point()
        self._outer = sources()
        try:
            self._token = current_block.set(self._block)
            self.seeding = seeding(current_task.get(None))
            self._crew.open()
            hold(self)
            VIGIL.begin(self)
            for source in self._outer:
                source.listen(self._look_up)
            self._look_up()
            also()
        except BaseException:  # also Ctrl-C: nothing that comes later is within a block that has not begun
            self.close()
            raise

    def start_clock(self) -> None:
        """Have a thread see to the deadline, if there is one."""
        if self.deadline is not None:
            self._clock = threading.Timer(min(self.deadline, threading.TIMEOUT_MAX), self.expire)
            self._clock.daemon = True
            self._clock.name = "plait-deadline"
            self._clock.start()

    def leave(self, body: BaseException | None) -> bool:
        """The body has ended, by an error or of itself: return when every task has, too.

        True when the error was only how the body learnt that the scope was cancelled.

        Raises:
            what the block raises.
        """
        if self.forked:
            return self.leave_copy(body)
        error = body
        echo = isinstance(body, StopTask) and (self.cancelled or self.unwanted)
        try:
            try:
                self.body_ended(body)
                self._wait()
            except KeyboardInterrupt as pressed:
                error = pressed
                self.body_ended(pressed)
                self._wait()
            self.close()
            self._crew.end()
            self.guard = None
        except BaseException:  # Ctrl-C once more: wait no longer, what is left are daemon threads
            self.abandon()
            raise
        if error is body and echo:
            error = None
        try:
            return self.conclude(body, error, self.outer_stop(body if echo else None))
        finally:
            self._crew.warn()

    def forget(self) -> None:
        """In a forked child: the tasks go on in the parent only."""
        if self._over:
            return
        self.forked = True
        self.guard = None
        self._lock = threading.RLock()
        self._lost = self.tasks.disown("runs in the process that forked this one, and only there")

    def leave_copy(self, body: BaseException | None) -> bool:
        """As `leave`, in a forked child, where there is nothing to wait for.

        Raises:
            PlaitError: tasks were running at the fork, which have no result here.
        """
        self.close()
        if body is None and self._lost:
            raise _elsewhere()
        return False

    def abandon(self) -> None:
        """Stop what runs and wait for nothing, unless the end of the block was waited for."""
        self.guard = None
        self.close()  # Ctrl-C may have broken off an earlier one
        self._crew.abandon()

    def body_ended(self, error: BaseException | None) -> None:
        """If it was by an error, cancel the tasks; Ctrl-C says what was running."""
        if isinstance(error, KeyboardInterrupt):
            explain(error, stopping_words(self._crew.running))
        if error is not None:
            self.cancel()

    def close(self) -> None:
        """Nothing can cancel it any more, and nothing in it waits. May be called again."""
        self._over = True
        VIGIL.end(self)
        if self._clock is not None:
            self._clock.cancel()
        for source in self._outer:
            source.unlisten(self._look_up)
        self._block.end()
        if self._token is not None:
            try:
                current_block.reset(self._token)
            except (ValueError, RuntimeError):  # it was left in another context, as by a closed generator, or before
                return

    def conclude(self, body: BaseException | None, error: BaseException | None, outer: BaseException | None) -> bool:
        """Raise what the block raises; True when the body's exception is to be taken away.

        Args:
            body: the body's exception.
            error: what counts of it: nothing, if it was only how the body learnt of a cancellation.
            outer: what is raised if nothing else is, because what is around the block was cancelled.
        """
        found = verdict(error, self.tasks.errors, self._late)
        if found is None and (found := outer) is None:  # not `or`: an error may say that it is false
            return body is not None
        if found is body:
            return False
        context = found.__context__
        try:
            raise found
        finally:
            set_attribute(found, "__context__", context)  # what it was raised from, not what ended the body

    # --- cancelling

    def cancel(self) -> None:
        """Stop all tasks, and end the waits of the body; does nothing when the block is over."""
        with self._lock:
            if self.cancelled or self._over:
                return
            self.cancelled = True
        for future in self.tasks.open:
            future._asked = True
        self._block.cancel()
        self._crew.stop()
        self.on_cancel()

    def withdraw(self, future: Future[Any]) -> None:
        """A task was submitted while the scope was cancelled."""
        future._asked = True
        future.cancel()

    def expire(self) -> None:
        """The deadline has passed."""
        with self._lock:
            if self._over or self.cancelled:
                return
            running = in_short(self._crew.running, self.waiting)
            self._late = TaskTimeout(f"plait.scope(deadline={self.deadline}) has passed; still running: {running}")
        self.cancel()

    @property
    def unwanted(self) -> bool:
        """Whether what is around the block was cancelled."""
        return any(source.cancelled for source in self._outer)

    def outer_stop(self, echo: BaseException | None) -> BaseException | None:
        """What goes on to what is around the block, if that is why the block was cut short."""
        if not (self.cancelled and self.unwanted):
            return None
        return echo or StopTask("the task or the block around a plait.scope was cancelled")

    def _look_up(self) -> None:
        if self.unwanted:
            self.cancel()

    # --- waiting

    @property
    def state(self) -> str:
        """In a word."""
        return "over" if self._over else "cancelled" if self.cancelled else "open" if self._token else "not open yet"

    @property
    def waiting(self) -> int:
        """How many tasks have not begun."""
        return sum(not future.running() for future in self.tasks.open)

    def check_open(self) -> None:
        """Go on.

        Raises:
            Closed: it is over.
            UsageError: it has not begun.
            PlaitError: this is a forked child.
        """
        if self.forked:
            raise _elsewhere()
        if self._over:
            raise over()
        if self._token is None:
            raise UsageError("the scope is not open: use it inside of `with plait.scope() as s:`, or `async with`")

    def remind(self) -> None:
        """Say what the end of the block waits for."""
        say(waiting_words(self._crew.running, self.waiting))

    def _wait(self) -> None:
        patience = Patience()
        while not self.tasks.close_if_idle():
            _driver, _awaiting = self._crew.drivers  # `plait why` reads here whose workers are waited for
            if not self._bell.wait(patience.next()):
                patience.used()
                self.remind()


def _nothing() -> None:
    """There is no event loop to be told."""


def _elsewhere() -> PlaitError:
    """What a forked child is told that goes on with the scope of its parent."""
    return PlaitError("this scope was opened by the process that forked this one; only there its tasks can go on")
