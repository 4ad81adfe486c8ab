"""What stands in for tasks and futures of an event loop: sets of them have the same order in each execution.

A `TaskGroup` cancels its tasks in the order of a set, `asyncio.run` does so at its end, `asyncio.wait` returns sets,
and `as_completed` begins coroutines in the order of a set of them.
"""

from __future__ import annotations

import asyncio
import inspect
from asyncio import events
from typing import Any

from plait._check.stage import STAGE
from plait._check.stand_in.threads import number_of


class Task(asyncio.Task[Any]):
    """As `asyncio.Task`."""

    __hash__ = number_of


class Future(asyncio.Future[Any]):
    """As `asyncio.Future`."""

    __hash__ = number_of


def as_completed(fs: Any, **options: Any) -> Any:
    """As `asyncio.as_completed`; coroutines begin in the order in which they are given, when it makes its set."""
    execution = STAGE.execution
    is_ours = execution is not None and events._get_running_loop() is not None and execution.here() is not None
    if not is_ours or inspect.isawaitable(fs):
        return _real_as_completed(fs, **options)
    return _real_as_completed(map(asyncio.ensure_future, dict.fromkeys(fs)), **options)


_real_as_completed = asyncio.as_completed
