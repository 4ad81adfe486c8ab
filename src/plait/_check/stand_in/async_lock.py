"""What stands in for the methods of `asyncio.Lock` and `Semaphore`: they note which tasks have it, and since when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from types import FrameType
from typing import Any, NamedTuple

from plait._check.stage import STAGE
from plait._core.event import Site

_HOLDERS = "_plait_holders"  # the attribute that has them


class Holder(NamedTuple):
    """The number of the task that has a lock or a unit of a semaphore, and where in the user's source it took it."""

    thread: int
    since: Site | None


def noting_holder(real: Callable[..., Coroutine[Any, Any, bool]]) -> Callable[..., Coroutine[Any, Any, bool]]:
    """As `asyncio.Lock.acquire`, and that of a `Semaphore`."""

    @wraps(real)
    async def acquire(self: Any) -> bool:
        taken = await real(self)
        execution = STAGE.execution
        me = execution.here() if execution is not None else None
        if execution is not None and me is not None:
            vars(self).setdefault(_HOLDERS, []).append(Holder(me.number, execution.sites.here()))
        return taken

    return acquire


def forgetting_holder(real: Callable[..., None]) -> Callable[..., None]:
    """As `asyncio.Lock.release`, and that of a `Semaphore`: the last time that the task took it, else the first."""

    @wraps(real)
    def release(self: Any) -> None:
        real(self)
        holders: list[Holder] = vars(self).get(_HOLDERS, [])
        execution = STAGE.execution
        me = execution.here() if execution is not None and not execution.aborting else None
        mine = [at for at, one in enumerate(holders) if me is not None and one.thread == me.number]
        if holders:
            del holders[mine[-1] if mine else 0]

    return release


def wanted_from(frames: list[FrameType], has_ended: Callable[[int], bool]) -> Holder | None:
    """Who has the lock, or a unit of the semaphore, that a suspended task waits for; None if it waits for none.

    Of those who have a unit it is one who has ended and never gives it back; None if all may.
    """
    for frame in reversed(frames):
        lock = frame.f_locals.get("self")
        if not isinstance(lock, asyncio.Lock | asyncio.Semaphore) or frame.f_code.co_name != "acquire":
            continue
        holders: list[Holder] = vars(lock).get(_HOLDERS, [])
        if isinstance(lock, asyncio.Lock):
            return holders[-1] if holders else None
        return next((one for one in holders if has_ended(one.thread)), None)
    return None
