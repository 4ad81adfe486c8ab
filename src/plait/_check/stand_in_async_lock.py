"""What stands in for the methods of `asyncio.Lock`: the lock notes which task has it, and since which line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from types import FrameType
from typing import Any, NamedTuple

from plait._check.stage import STAGE
from plait._core.event import Site


class Holder(NamedTuple):
    """The number of the task that has a lock, and where in the user's source it took it."""

    thread: int
    since: Site | None


def noting_holder(real: Callable[..., Coroutine[Any, Any, bool]]) -> Callable[..., Coroutine[Any, Any, bool]]:
    """As `asyncio.Lock.acquire`."""

    @wraps(real)
    async def acquire(self: Any) -> bool:
        taken = await real(self)
        execution = STAGE.execution
        me = execution.here() if execution is not None else None
        if execution is not None and me is not None:
            self._plait_holder = Holder(me.number, execution.sites.here())
        return taken

    return acquire


def forgetting_holder(real: Callable[..., None]) -> Callable[..., None]:
    """As `asyncio.Lock.release`."""

    @wraps(real)
    def release(self: Any) -> None:
        real(self)
        self._plait_holder = None

    return release


def wanted_from(frames: list[FrameType]) -> Holder | None:
    """Who has the lock that a suspended task waits for; None if it waits for something else."""
    for frame in reversed(frames):
        lock = frame.f_locals.get("self")
        if isinstance(lock, asyncio.Lock) and frame.f_code.co_name == "acquire":
            return getattr(lock, "_plait_holder", None)
    return None
