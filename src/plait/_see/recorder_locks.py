"""Locks that know their last owner, and tell a recorder when somebody has to wait for them.

Each lock has functions of its own, whose variables are what they need: nothing is looked up on the way to a lock that
is free. To release is the C lock's own method: its owner is not forgotten, since who has to wait finds the lock taken,
and the last owner is the one that has it. An RLock knows its owner in C.
"""

from __future__ import annotations

import _thread
import re
import sys
from _thread import get_ident
from collections.abc import Callable
from typing import Any

from plait._see.sampler import now
from plait._see.whereabouts import PLAIT, made_at, place, user_frame

Contended = Callable[[str, int, int, bool, str], None]
_OWNER = re.compile(r"owner=(\d+)")


def lock_types(contended: Contended) -> tuple[type, type]:
    """A Lock and an RLock that call ``contended(name, owner, began, got, held_at)`` after each wait."""

    class Lock(_Lock):
        __slots__ = ()
        make = staticmethod(_thread.allocate_lock)
        equip = staticmethod(_equip_lock)
        tell = staticmethod(contended)

    class RLock(_Lock):
        __slots__ = ()
        make = staticmethod(_thread.RLock)
        equip = staticmethod(_equip_rlock)
        tell = staticmethod(contended)

    return Lock, RLock


class _Lock:
    """A lock of `_thread` with a name; its methods are in its slots."""

    __slots__ = ("__enter__", "__exit__", "__weakref__", "acquire", "name", "raw", "release")

    make: Callable[[], Any]
    equip: Callable[[Any, Callable[[], Any], Callable[..., bool]], None]
    tell: Contended

    def __new__(cls) -> Any:
        """A lock with a name for the program; plait's own parts get what they would have got without a trace."""
        ours = sys._getframe(1).f_code.co_filename.startswith(PLAIT)
        return cls.make() if ours else super().__new__(cls)

    def __init__(self) -> None:
        self.raw = raw = self.make()
        self.release = raw.release
        self.__exit__ = raw.__exit__
        self.name = name = made_at(user_frame(sys._getframe(1)))
        tell = self.tell

        def wait(owner: int, timeout: float) -> bool:
            held_at = place(user_frame(sys._current_frames().get(owner))) if owner else ""
            began = now()
            got: bool = False
            try:
                got = bool(raw.acquire(True, timeout))
            finally:
                tell(name, owner, began, got, held_at)
            return got

        self.equip(self, raw.acquire, wait)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def __repr__(self) -> str:
        return f"<{self.name} {self.raw!r}>"


def _equip_lock(lock: Any, try_now: Callable[..., bool], wait: Callable[[int, float], bool]) -> None:
    """Methods that note the owner."""
    owner = 0

    def enter(try_now: Callable[..., bool] = try_now, me: Callable[[], int] = get_ident) -> bool:
        nonlocal owner
        if try_now(False):
            owner = me()
            return True
        wait(owner, -1)
        owner = me()
        return True

    def acquire(
        blocking: bool = True,
        timeout: float = -1,
        *,
        try_now: Callable[..., bool] = try_now,
        me: Callable[[], int] = get_ident,
    ) -> bool:
        nonlocal owner
        if try_now(False):
            owner = me()
            return True
        got = wait(owner, timeout) if blocking else try_now(False, timeout)  # which says what is wrong with them
        if got:
            owner = me()
        return got

    lock.__enter__, lock.acquire = enter, acquire


def _equip_rlock(lock: Any, try_now: Callable[..., bool], wait: Callable[[int, float], bool]) -> None:
    """Methods that ask for the owner where somebody has to wait."""

    def enter(try_now: Callable[..., bool] = try_now) -> bool:
        return try_now(False) or wait(_owner(lock.raw), -1)

    def acquire(blocking: bool = True, timeout: float = -1, *, try_now: Callable[..., bool] = try_now) -> bool:
        if try_now(False):
            return True
        return wait(_owner(lock.raw), timeout) if blocking else try_now(False, timeout)

    lock.__enter__, lock.acquire = enter, acquire


def _owner(raw: Any) -> int:
    """The thread that has an RLock, which only its text tells."""
    found = _OWNER.search(repr(raw))
    return int(found[1]) if found else 0
