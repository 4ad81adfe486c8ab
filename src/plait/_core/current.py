"""The task that the running function is part of: its index, attempt, worker, deadline, and how it is told to stop."""

from __future__ import annotations

from _thread import RLock
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:  # every worker imports this module; what it may never need is imported where it is needed
    from _collections_abc import Callable, Hashable

    from plait._core.rng import Seeding
    from plait._core.worker_state import Mishap, WorkerState

_listening = RLock()  # a destructor may run while this is held, and end a scope


class Task:
    """What a running function may ask about itself; engines derive from it.

    One object stands for one worker: it answers for the item that this worker runs at the moment of asking.

    Attributes:
        index: the position of its item in the input.
        attempt: 1, or more when the item is being retried.
        worker: the worker that runs it, such as ``"thread-3"``.
        deadline: when its time is up, on the clock of ``time.perf_counter``, or None without a timeout.
        cancelled: whether it should return soon because nobody wants its result any more; not while it tears down
            what it holds, which the end of the items does not end.
        seeding: what the random numbers of its map are made from; for ``plait.rng``.
        ticket: equal as long as the same attempt at the same item runs on this worker; for ``plait.rng``.
        thread_id: the identity of the worker's thread, once it has begun; the engine sets it.
        drawn: the ticket and the generators that ``plait.rng`` has given to that item.
    """

    __slots__ = ("_state", "_wakes", "drawn", "thread_id")

    thread_id: int
    drawn: tuple[Hashable, dict[int | None, object]]

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

    @property
    def seeding(self) -> Seeding:
        raise NotImplementedError

    @property
    def ticket(self) -> Hashable:
        return self.index, self.attempt

    def prepares(self, begins: bool) -> None:
        """The initializer of a pool begins or has ended: what kills the worker meanwhile is not the item."""

    # --- what the worker holds

    @property
    def state(self) -> WorkerState:
        """What ``per_worker`` functions have set up in this worker."""
        try:
            return self._state
        except AttributeError:
            from plait._core.worker_state import WorkerState

            self._state: WorkerState = WorkerState(self.worker, self.thread_id, self.on_hold, self.on_set_up)
            return self._state

    @property
    def holds(self) -> bool:
        """Whether the worker has set something up, or tears it down."""
        return hasattr(self, "_state") and bool(self._state.instances or self._state.ending)

    @property
    def tears_down(self) -> bool:
        """Whether its items are over and it has time left to tear down what it holds: nothing has cancelled that."""
        return hasattr(self, "_state") and self._state.ended and not self._state.overdue

    def on_hold(self) -> None:
        """From now on the worker may hold something that must be torn down before it ends."""

    @property
    def making(self) -> str:
        """What a ``per_worker`` function is setting up in this worker at the moment, in words, or ``""``."""
        return self._state.making if hasattr(self, "_state") else ""

    def on_set_up(self, making: str) -> None:
        """A set-up begins, or has ended: what kills the worker meanwhile may not be the item's doing."""

    def end_state(self, report: Callable[[Mishap], object]) -> None:
        """Tear down what the worker holds; the worker itself calls it, as the last thing, in its own thread."""
        if hasattr(self, "_state"):
            self._state.end(report)

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

    @property
    def listening(self) -> bool:
        """Whether the function waits in plait, or is in a scope of its own: when it is told to it ends by itself."""
        return bool(getattr(self, "_wakes", ()))

    def rouse(self) -> None:
        """End the waits of a task that was cancelled; engines call it after that, from any thread."""
        if hasattr(self, "_wakes"):
            for wake in self._wakes.copy():
                wake()


class StopTask(BaseException):
    """Raised inside a function on a thread when its run is stopped; let it pass, as you would ``KeyboardInterrupt``.

    Also by plait's own waits in the block of a scope that was cancelled; the end of the block takes it away again.
    """


current_task: ContextVar[Task] = ContextVar("plait_current_task")


def current() -> Task:
    """The task that calls this; poll ``current().cancelled`` in long loops to stop when the result is no longer wanted.

    Works in functions that run under a plait engine, in what they call, and in threads that they start in a copy of
    their context, as ``asyncio.to_thread`` does. Ask while the item runs: the answers are about the item that the
    worker runs at that moment, and one worker runs many.

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
            "plait.current() was called outside of a task; it works inside functions that plait runs, and in a thread "
            "that they start if it runs in a copy of their context: contextvars.copy_context().run(function)"
        ) from None
