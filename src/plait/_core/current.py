"""The task that the running function is part of: its index, attempt, worker, deadline, and how it is told to stop."""

from __future__ import annotations

from contextvars import ContextVar


class Task:
    """What a running function may ask about itself; engines derive from it.

    Attributes:
        index: the position of its item in the input.
        attempt: 1, or more when the item is being retried.
        worker: the worker that runs it, such as ``"thread-3"``.
        deadline: when its time is up, on the clock of ``time.perf_counter``, or None without a timeout.
        cancelled: whether it should return soon because nobody wants its result any more.
    """

    __slots__ = ()

    @property
    def index(self) -> int:
        raise NotImplementedError

    @property
    def attempt(self) -> int:
        raise NotImplementedError

    @property
    def worker(self) -> str:
        raise NotImplementedError

    @property
    def deadline(self) -> float | None:
        raise NotImplementedError

    @property
    def cancelled(self) -> bool:
        raise NotImplementedError


class StopTask(BaseException):
    """Raised inside a function on a thread when its run is stopped; let it pass, as you would ``KeyboardInterrupt``."""


current_task: ContextVar[Task] = ContextVar("plait_current_task")


def current() -> Task:
    """The task that calls this; poll ``current().cancelled`` in long loops to stop when the result is no longer wanted.

    Works in functions that run under a plait engine, and in what they call.

    Raises:
        LookupError: the caller does not run under plait.

    >>> import plait
    >>> def where(x):
    ...     return plait.current().index
    >>> list(plait.map(where, "ab", engine="thread"))
    [0, 1]
    """
    try:
        return current_task.get()
    except LookupError:
        raise LookupError(
            "plait.current() was called outside of a task; it works inside functions that plait runs"
        ) from None
