"""The task that the running function is part of: its index, attempt, worker, deadline, and whether it should stop."""

from __future__ import annotations

from _thread import allocate_lock
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:  # every worker process imports this module
    from _collections_abc import Callable

_listening = allocate_lock()


class Task:
    """What a running function may ask about itself; engines derive from it.

    Attributes:
        index: the position of its item in the input.
        attempt: 1, or more when the item is being retried.
        worker: the worker that runs it, such as ``"thread-3"``.
        deadline: when its time is up, on the clock of ``time.perf_counter``, or None without a timeout.
        cancelled: whether it should return soon because nobody wants its result any more.
    """

    __slots__ = ("_wakes",)

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

    # --- for waits, see `cancelling`

    def listen(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, by whoever cancels the item that runs now; `cancelled` is to be looked at after this."""
        with _listening:  # the function may wait in several threads
            if not hasattr(self, "_wakes"):
                self._wakes: list[Callable[[], None]] = []
            self._wakes.append(wake)

    def unlisten(self, wake: Callable[[], None]) -> None:
        """Call `wake` no longer."""
        with _listening:
            if wake in self._wakes:
                self._wakes.remove(wake)

    def rouse(self) -> None:
        """End the waits of a task that was cancelled; engines call it after that, from any thread."""
        if hasattr(self, "_wakes"):
            for wake in self._wakes.copy():
                wake()


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
