"""What stands in for the methods of semaphores, and of `asyncio.Lock`: they note who has it, and since when."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from plait._check.remarks import overdrawn
from plait._check.stage import STAGE
from plait._core.event import Site

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution

_UNITS = "_plait_units"  # the attribute that has them


class Holder(NamedTuple):
    """The number of who has a lock or a unit of a semaphore, and where in the user's source it took it."""

    thread: int
    since: Site | None


class _Units:
    """Of one semaphore or lock in one execution: who has a unit, and who has asked for one where, the last time."""

    def __init__(self, execution: Execution) -> None:
        self.execution = weakref.ref(execution)
        self.holders: list[Holder] = []
        self.asked: dict[int, Site | None] = {}
        self.waiting: set[int] = set()

    def ask(self, me: Controlled, site: Site | None) -> None:
        self.asked[me.number] = site
        self.waiting.add(me.number)

    def take(self, me: Controlled) -> None:
        self.waiting.discard(me.number)
        self.holders.append(Holder(me.number, self.asked[me.number]))

    def give(self, me: Controlled | None) -> bool:
        """The last one that this thread took goes, else the first; False if it has none, and has asked for one."""
        mine = [at for at, one in enumerate(self.holders) if me is not None and one.thread == me.number]
        if self.holders:
            del self.holders[mine[-1] if mine else 0]
        return bool(mine) or me is None or me.number not in self.asked


def of_holders() -> Iterator[tuple[Any, str, Any]]:
    """Whose attribute, which, and what stands in for it."""
    for kind in (asyncio.Lock, asyncio.Semaphore):
        yield kind, "acquire", _noting_task(kind.acquire)
        yield kind, "release", _forgetting(kind.release)
    for name in ("acquire", "__enter__"):
        yield threading.Semaphore, name, _noting_thread(getattr(threading.Semaphore, name))
    for semaphore in (threading.Semaphore, threading.BoundedSemaphore):
        yield semaphore, "release", _forgetting(semaphore.release)


def _noting_task(real: Callable[..., Coroutine[Any, Any, bool]]) -> Callable[..., Coroutine[Any, Any, bool]]:
    """As `asyncio.Lock.acquire`, and that of an asyncio `Semaphore`."""

    @wraps(real)
    async def acquire(self: Any) -> bool:
        execution, me = _here()
        if execution is None or me is None:
            return await real(self)
        units = _units(self, execution)
        units.ask(me, execution.sites.here())
        taken = await real(self)
        units.take(me)
        return taken

    return acquire


def _noting_thread(real: Callable[..., bool]) -> Callable[..., bool]:
    """As `threading.Semaphore.acquire`."""

    @wraps(real)
    def acquire(self: Any, *args: Any, **options: Any) -> bool:
        execution, me = _here()
        if execution is None or me is None:
            return real(self, *args, **options)
        units = _units(self, execution)
        units.ask(me, execution.sites.here())
        taken = real(self, *args, **options)
        if taken:
            units.take(me)
        return taken

    return acquire


def _forgetting(real: Callable[..., None]) -> Callable[..., None]:
    """As `release` of all of these; who gives back what it has not got is noted."""

    @wraps(real)
    def release(self: Any, *args: Any, **options: Any) -> None:
        real(self, *args, **options)
        execution, me = _here()
        if execution is None:
            return
        units = _units(self, execution)
        if not units.give(me) and me is not None:
            overdrawn(execution, me, units.asked[me.number], in_vain=me.number in units.waiting)

    return release


def wanted_from(frames: list[FrameType], has_ended: Callable[[int], bool]) -> Holder | None:
    """Who has the lock, or a unit of the semaphore, that a suspended task waits for; None if it waits for none.

    Of those who have a unit it is one who has ended and never gives it back; None if all may.
    """
    for frame in reversed(frames):
        lock = frame.f_locals.get("self")
        if not isinstance(lock, asyncio.Lock | asyncio.Semaphore) or frame.f_code.co_name != "acquire":
            continue
        units: _Units | None = vars(lock).get(_UNITS)
        holders = units.holders if units is not None else []
        if isinstance(lock, asyncio.Lock):
            return holders[-1] if holders else None
        return next((one for one in holders if has_ended(one.thread)), None)
    return None


def _here() -> tuple[Execution | None, Controlled | None]:
    execution = STAGE.execution
    if execution is None or execution.aborting:
        return None, None
    return execution, execution.here()


def _units(thing: Any, execution: Execution) -> _Units:
    """Its units; what it has from another execution does not count."""
    found: _Units | None = vars(thing).get(_UNITS)
    if found is None or found.execution() is not execution:
        found = vars(thing)[_UNITS] = _Units(execution)
    return found
