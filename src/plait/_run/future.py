"""``plait.Future``: a ``concurrent.futures.Future`` that can be awaited, and whose `cancel` stops a task that runs."""

from __future__ import annotations

import threading
from _collections_abc import Callable, Generator
from concurrent import futures
from concurrent.futures import _base as states
from typing import TYPE_CHECKING, Any, TypeVar, cast

from plait._core.bell import Bell
from plait._core.cancelling import cancellation_point, wait_until
from plait._core.current import current_task
from plait._core.errors import Cancelled, NotTransferable, UsageError, WaitTimeout
from plait._core.loop_here import loop_here
from plait._core.mistaken import no_attribute

if TYPE_CHECKING:
    import asyncio

R = TypeVar("R")

UNINTERRUPTIBLE = True  # see `cancelling`


class Future(futures.Future[R]):
    """What a task of a scope, or a call of a pool, will return or raise.

    It is a ``concurrent.futures.Future`` (``as_completed``, ``wait`` and all that takes one work), and more:
     * it can be awaited, from any running event loop; cancelling whoever awaits it cancels its task;
     * `cancel` stops a task of a scope that runs, too: True says that it will be stopped, and `cancelled` when it has
       been. A task that ends at that moment keeps its result;
     * `result` and `exception` end at once, by ``StopTask``, when the task or the block that waits is cancelled.

    >>> import plait
    >>> with plait.scope() as s:
    ...     future = s.submit(pow, 2, 10)
    ...     future.result()
    1024
    """

    STAYS_HERE = "plait.Future, which belongs to one process; wait for it here and pass its result"

    # What few futures have of their own is not set for each, of which a program may make many.
    _stop: Callable[[], None] | None = None
    _home: asyncio.AbstractEventLoop | None = None
    _name: Callable[[], str] = staticmethod(lambda: "the task")
    _asked = False
    _why = ""
    _unheard = False  # whether it has failed, somebody should hear of that, and nobody has asked yet

    def result(self, timeout: float | None = None) -> R:
        """What the task returned.

        Args:
            timeout: seconds to wait for it at most.

        Raises:
            WaitTimeout: it has not ended by then; it goes on.
            Cancelled: it was cancelled.
            UsageError: it runs in the event loop that would have to wait; await it.
        """
        if self._state == states.FINISHED and self._exception is None:  # set last of all, so that it needs no lock
            return self._result  # type: ignore[return-value]  # there is one
        try:
            self._wait(timeout)
            self._check_not_cancelled()
            return super().result(0)
        finally:
            del self  # the traceback of what is raised refers to this frame

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the task raised, or None when it returned; waits and raises as `result` does."""
        self._wait(timeout)
        self._check_not_cancelled()
        return super().exception(0)

    def cancel(self) -> bool:
        """Stop the task, whether it waits or runs; False when it has ended, or runs somewhere that cannot stop it."""
        if self._state == states.FINISHED:  # as most often when somebody only makes sure
            return False
        with self._condition:
            if self._state in (states.CANCELLED, states.CANCELLED_AND_NOTIFIED):
                return True
            if self._state == states.RUNNING and self._stop is not None:
                stop, self._asked = self._stop, True
            elif self._state == states.PENDING:
                self._why = f"{self._name()} was cancelled before it began"
                stop = self._become_cancelled()
            else:
                return False
        stop()
        return True

    def set_running_or_notify_cancel(self) -> bool:
        """Mark the task as running; False if it was cancelled before. For those who run it."""
        with self._condition:
            if self._state == states.PENDING:
                self._state = states.RUNNING
                return True
            return False

    def set_cancelled(self, why: str) -> None:
        """The task was stopped after it began. For those who run it.

        Raises:
            InvalidStateError: it has ended already.
        """
        with self._condition:
            if self._state not in (states.PENDING, states.RUNNING):
                raise futures.InvalidStateError(f"{self._state}: {self!r}")
            self._why = why
            finish = self._become_cancelled()
        finish()

    def disown(self, why: str) -> None:
        """In a forked child: the task runs in the parent only. Calls nobody back; locks may be held."""
        self._condition = threading.Condition()
        self._state = states.CANCELLED_AND_NOTIFIED
        self._done_callbacks: list[Callable[[futures.Future[R]], object]] = []
        self._why = why

    def __await__(self) -> Generator[Any, None, R]:
        if not self.done():
            import asyncio  # heavy, and loaded already by whoever awaits

            from plait._run.running_loop import end_wait, running_loop

            loop = running_loop()
            ended = loop.create_future()

            def tell(_: futures.Future[R]) -> None:
                try:
                    loop.call_soon_threadsafe(end_wait, ended)
                except RuntimeError:
                    return  # the loop is closed: nobody awaits any more

            self.add_done_callback(tell)
            try:
                yield from ended
            except asyncio.CancelledError:
                self.cancel()
                raise
        return self.result(0)

    if not TYPE_CHECKING:  # else type checkers would take every name for one that it has

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, "Future", name)

    def __reduce__(self) -> str:
        raise NotTransferable(f"this is a {self.STAYS_HERE}")

    def _check_not_cancelled(self) -> None:
        if self.cancelled():
            cancellation_point()  # when whoever asks was cancelled, too, that is what matters
            raise Cancelled(self._why)

    def _become_cancelled(self) -> Callable[[], None]:
        """With the lock held; what is returned is to be called without it."""
        self._state = states.CANCELLED_AND_NOTIFIED
        for waiter in self._waiters:
            waiter.add_cancelled(self)
        self._condition.notify_all()
        return cast("Callable[[], None]", self._invoke_callbacks)  # type: ignore[attr-defined]  # as in `cancel` of the base

    def _wait(self, timeout: float | None) -> None:
        self._wait_for_end(timeout)
        self._unheard = False

    def _wait_for_end(self, timeout: float | None) -> None:
        if self.done():
            return
        if self._home is not None and self._home is loop_here():
            raise UsageError(
                f"{self._name()} runs in this event loop, which would stand still in result(); await the future instead"
            )
        doorbell = _Doorbell()
        waiter = cast("states._Waiter", doorbell)  # by its methods
        with self._condition:
            if self.done():
                return
            self._waiters.append(waiter)
        try:
            if not wait_until(self.done, doorbell.bell, timeout):
                raise WaitTimeout(self._late(timeout or 0.0))
        finally:
            with self._condition:
                self._waiters.remove(waiter)

    def _late(self, timeout: float) -> str:
        words = f"{self._name()} had not"
        if self._state != states.PENDING:
            return f"{words} ended after {timeout:.3g} s; it goes on"
        own = ", such as the one that the call keeps which asks here" if current_task.get(None) is not None else ""
        return f"{words} begun after {timeout:.3g} s; it waits for a free worker{own}"


class _Doorbell:
    """Rings when its future ends: what ``concurrent.futures`` calls a waiter."""

    def __init__(self) -> None:
        self.bell = Bell()

    def add_result(self, future: object) -> None:
        self.bell.ring()

    add_exception = add_cancelled = add_result
