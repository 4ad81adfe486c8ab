"""Every error plait raises, and `outcome_of`, which finds the item an error belongs to."""

from plait._core.errors import (
    Cancelled,
    CheckFailed,
    Closed,
    JournalError,
    MemoryExceeded,
    NotChecked,
    NotTransferable,
    PlaitError,
    PoolBroken,
    RemoteError,
    StopTask,
    TaskError,
    TaskTimeout,
    UsageError,
    WaitTimeout,
    WorkerDied,
)
from plait._core.outcome import outcome_of

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
    "outcome_of",
]
