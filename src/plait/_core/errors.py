"""Every error plait raises, in one tree.

PlaitError
 ├── UsageError (ValueError)           a call that cannot mean anything: the value, what was expected, what to do
 ├── Cancelled (CancelledError)        the work was stopped before this item ended
 ├── PoolBroken (BrokenExecutor)       a Pool that cannot run anything any more: its initializer or its engine failed
 └── TaskError                         something happened to one item, not in the user's own code
      ├── TaskTimeout (TimeoutError)   the item ran longer than ``timeout=``
      ├── NotTransferable (TypeError)  a function, argument or result that cannot cross to another process
      ├── RemoteError (RuntimeError)   the user's exception could not cross; its type, text and traceback did
      └── WorkerDied (BrokenExecutor)  the process that ran the item is gone: signal, exit status, likely cause
           └── MemoryExceeded (MemoryError)   it was killed because it outgrew ``memory_bytes=``

An exception raised by the user's function is never replaced: it is raised as itself, with a note that names the item.
``StopTask`` is no error: it is what a thread's function sees when its run is stopped.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, CancelledError

from plait._core.current import StopTask

__all__ = [
    "Cancelled",
    "MemoryExceeded",
    "NotTransferable",
    "PlaitError",
    "PoolBroken",
    "RemoteError",
    "StopTask",
    "TaskError",
    "TaskTimeout",
    "UsageError",
    "WorkerDied",
]


class PlaitError(Exception):
    """The root of plait's own errors."""


class UsageError(PlaitError, ValueError):
    """A call that cannot mean anything; the message says the value, what was expected and what to do."""


class Cancelled(PlaitError, CancelledError):
    """The work was stopped before this item ended: by ``cancel()``, by leaving the loop, or by Ctrl-C."""


class PoolBroken(PlaitError, BrokenExecutor):
    """A Pool that cannot run anything any more, because its initializer raised or its engine failed; make a new one.

    Attributes:
        token: identifies the pool, across processes.
    """

    def __init__(self, message: str, token: str = "") -> None:
        super().__init__(message, token)
        self.message = message
        self.token = token

    def __str__(self) -> str:
        return self.message


class TaskError(PlaitError):
    """Something happened to one item outside the user's own code; the other items are not affected."""


class TaskTimeout(TaskError, TimeoutError):
    """The item ran longer than ``timeout=`` seconds, counted from the start of its execution."""


class NotTransferable(TaskError, TypeError):
    """A function, argument or result that cannot cross to another process; the message has the path inside it."""


class RemoteError(TaskError, RuntimeError):
    """Stands for an exception that could not cross from its worker.

    Attributes:
        type_name: the qualified name of the original type, such as ``"myapp.errors.Rejected"``.
        text: ``str()`` of the original exception.
    """

    def __init__(self, type_name: str, text: str, why: str = "") -> None:
        super().__init__(type_name, text, why)
        self.type_name = type_name
        self.text = text
        self.why = why

    def __str__(self) -> str:
        reason = f" ({self.why})" if self.why else ""
        return f"{self.type_name}: {self.text}{reason}"


class WorkerDied(TaskError, BrokenExecutor):
    """The process that ran the item is gone; only this item is lost.

    Attributes:
        pid: the process that died.
        signal: the number of the signal that ended it, or None.
        exit_code: its exit status, or None when a signal ended it or it is not known.
    """

    def __init__(self, message: str, pid: int = 0, signal: int | None = None, exit_code: int | None = None) -> None:
        super().__init__(message, pid, signal, exit_code)
        self.message = message
        self.pid = pid
        self.signal = signal
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.message


class MemoryExceeded(WorkerDied, MemoryError):
    """The worker was killed while it ran the item because it outgrew ``memory_bytes=``."""
