"""Every error plait raises, in one tree.

PlaitError
 ├── UsageError (ValueError)           a call that cannot mean anything: the value, what was expected, what to do
 ├── Cancelled (CancelledError)        the work was stopped before this item ended
 ├── Closed (RuntimeError)             a channel or a scope that was used after its end
 ├── WaitTimeout (TimeoutError)        somebody waited as long as they wanted to; what they waited for goes on
 ├── PoolBroken (BrokenExecutor)       a Pool that cannot run anything any more: its initializer or its engine failed
 ├── JournalError (OSError)            a journal that cannot be opened, read or written; what was computed is kept
 ├── CheckFailed (AssertionError)      a schedule breaks what was checked; the message is the story
 ├── NotChecked (RuntimeError)         a check that cannot say anything, so that a pass would be a false one
 └── TaskError                         something happened to one item, not in the user's own code
      ├── TaskTimeout (TimeoutError)   the item ran longer than ``timeout=``, or the block of a scope than ``deadline=``
      ├── NotTransferable (TypeError)  a function, argument or result that cannot cross to another process
      ├── RemoteError (RuntimeError)   the user's exception could not cross; its type, text and traceback did
      └── WorkerDied (BrokenExecutor)  the process that ran the item is gone: signal, exit status, likely cause
           └── MemoryExceeded (MemoryError)   it was killed because it outgrew ``memory_bytes=``

An exception raised by the user's function is never replaced: it is raised as itself, with a note that names the item.
``StopTask`` is no error: it is what a thread's function sees when its run is stopped, and a wait in a cancelled scope.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, CancelledError

from plait._core.current import StopTask
from plait._core.lazy_imports import settled

__all__ = [
    "Cancelled",
    "CheckFailed",
    "Closed",
    "JournalError",
    "MemoryExceeded",
    "NotChecked",
    "NotTransferable",
    "PlaitError",
    "PoolBroken",
    "RemoteError",
    "StopTask",
    "TaskError",
    "TaskTimeout",
    "UsageError",
    "WaitTimeout",
    "WorkerDied",
]


class PlaitError(Exception):
    """The root of plait's own errors."""


class UsageError(PlaitError, ValueError):
    """A call that cannot mean anything; the message says the value, what was expected and what to do."""


class Cancelled(PlaitError, CancelledError):
    """The work was stopped before this item ended: by ``cancel()``, by leaving the loop, or by Ctrl-C."""


class Closed(PlaitError, RuntimeError):
    """A channel or a scope was used after its end; the message says what ended it and what to do instead."""


class WaitTimeout(PlaitError, TimeoutError):
    """A wait took longer than its ``timeout=`` seconds; nothing has happened to what was waited for."""


class _Tokened(PlaitError):
    def __init__(self, message: str, token: str = "") -> None:
        super().__init__(message, token)
        self.message = message
        self.token = token

    def __str__(self) -> str:
        return self.message


class PoolBroken(_Tokened, BrokenExecutor):
    """A Pool that cannot run anything any more, because its initializer raised or its engine failed; make a new one.

    Attributes:
        token: identifies the pool, across processes.
    """


class JournalError(PlaitError, OSError):
    """A journal that cannot be opened, read or written; the message has the file, the cause and what to do.

    What had been computed by then is not lost: the stream's ``outcomes()`` gives it.
    """


class CheckFailed(_Tokened, AssertionError):
    """A schedule breaks what was checked; the message says what is wrong, who goes when, and what to change.

    Attributes:
        token: replays the schedule, with ``plait.replay`` or ``--replay``.
    """


class NotChecked(PlaitError, RuntimeError):
    """A check that cannot say anything; the message has the reason, and what was seen."""


class TaskError(PlaitError):
    """Something happened to one item outside the user's own code; the other items are not affected."""


class TaskTimeout(TaskError, TimeoutError):
    """An item ran longer than ``timeout=`` seconds from its start, or the block of a scope than ``deadline=``."""


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


for _name in __all__:  # tracebacks say where a program that wants to catch it finds it
    settled(globals(), _name).__module__ = "plait.errors"
