"""What ends a wait early: the task that waits is cancelled, or the block around it. Waits listen, so they wake at once.

Promises:
 * a wait that goes through here ends within a wake-up of the cancellation, whoever cancels, without polling;
 * it ends by raising ``StopTask``, again at every further wait, so that the block or the task is left;
 * nothing is registered while nobody waits.
"""

from __future__ import annotations

import time
from _collections_abc import Callable
from contextvars import ContextVar

from plait._core.bell import Bell
from plait._core.current import StopTask, current_task

UNINTERRUPTIBLE = True  # waits here end by themselves: no exception need be injected into a thread that is in one

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would double the start-up time of workers
    from types import TracebackType
    from typing import Protocol

    class Source(Protocol):
        """What can be cancelled: a task, or the block of a scope."""

        @property
        def cancelled(self) -> bool: ...

        def listen(self, wake: Callable[[], None]) -> None: ...

        def unlisten(self, wake: Callable[[], None]) -> None: ...


class Block:
    """The block of a scope, as the waits inside see it. `cancel` may be called from any thread.

    Attributes:
        cancelled: whether waits in it are to end.
    """

    __slots__ = ("_over", "_wakes", "cancelled")

    def __init__(self) -> None:
        self._wakes: list[Callable[[], None]] = []
        self._over = False
        self.cancelled = False

    def cancel(self) -> None:
        """End all waits in the block, and those that are begun from now on; does nothing when it is over."""
        if self._over:
            return
        self.cancelled = True
        if self._over:  # it has ended just now, in another thread
            self.cancelled = False
        for wake in self._wakes.copy():
            wake()

    def end(self) -> None:
        """The block is over: code that still runs in a copy of its context belongs to others."""
        self._over = True
        self.cancelled = False

    def listen(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, by whoever cancels, when the block is cancelled."""
        self._wakes.append(wake)

    def unlisten(self, wake: Callable[[], None]) -> None:
        """Call `wake` no longer."""
        try:
            self._wakes.remove(wake)
        except ValueError:  # a scope that was not opened, or is closed again
            return


current_block: ContextVar[Block | None] = ContextVar("plait_current_block", default=None)


class Interruptible:
    """A wait of the calling code: ``with Interruptible(wake) as wait: ... wait.check()``.

    `wake` is called, in the thread that cancels, when the wait should end; it must not block.
    """

    __slots__ = ("_sources", "_wake")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._sources = sources()

    def __enter__(self) -> Interruptible:
        for source in self._sources:
            source.listen(self._wake)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for source in self._sources:
            source.unlisten(self._wake)

    @property
    def cancelled(self) -> bool:
        """Whether the wait should end."""
        return any(source.cancelled for source in self._sources)

    def check(self) -> None:
        """Go on.

        Raises:
            StopTask: the task or the block was cancelled.
        """
        if self.cancelled:
            raise StopTask("the task or the block that waits here was cancelled")


def cancellation_point() -> None:
    """Go on.

    Raises:
        StopTask: the task that calls this, or the block around it, was cancelled.
    """
    task = current_task.get(None)
    block = current_block.get()
    if (task is not None and task.cancelled) or (block is not None and block.cancelled):
        raise StopTask("the task or the block that is here was cancelled")


def sources() -> list[Source]:
    """What the calling code belongs to: its task, and the block around it."""
    task, block = current_task.get(None), current_block.get()
    return [source for source in (task, block) if source is not None]


def wait_until(happened: Callable[[], bool], bell: Bell, seconds: float | None = None) -> bool:
    """Return when it has happened, which is looked at whenever the bell rings; False after so many seconds without.

    Raises:
        StopTask: it has not, and the task that waits or the block around it is cancelled, now or before.
    """
    end = None if seconds is None else time.monotonic() + seconds
    with Interruptible(bell.ring) as wait:
        while not happened():
            wait.check()
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            bell.wait(left)
    return True
