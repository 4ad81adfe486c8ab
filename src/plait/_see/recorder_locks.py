"""Locks that know their last owner, and tell a recorder when somebody has to wait for them.

To release is the C lock's own method: its owner is not forgotten, since who has to wait finds the lock taken, and the
last owner is the one that has it.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from typing import Any

from plait._see.sampler import now
from plait._see.whereabouts import PLAIT, made_at, place, user_frame

Contended = Callable[[str, int, int, bool, str], None]


def lock_types(contended: Contended) -> tuple[type, type]:
    """A Lock and an RLock that call ``contended(name, owner, began, got, held_at)`` after each wait."""

    class Lock(_Lock):
        __slots__ = ()
        make = staticmethod(_thread.allocate_lock)
        tell = staticmethod(contended)

    class RLock(_Lock):
        __slots__ = ()
        make = staticmethod(_thread.RLock)
        tell = staticmethod(contended)

        def _acquire_restore(self, state: Any) -> None:
            self.raw._acquire_restore(state)
            self.owner = _thread.get_ident()

    return Lock, RLock


class _Lock:
    """A lock of `_thread` with a name and an owner."""

    __slots__ = ("__exit__", "__weakref__", "name", "owner", "raw", "release", "try_now")

    make: Callable[[], Any]
    tell: Contended

    def __new__(cls) -> Any:
        """A lock with a name for the program; plait's own parts get what they would have got without a trace."""
        ours = sys._getframe(1).f_code.co_filename.startswith(PLAIT)
        return cls.make() if ours else super().__new__(cls)

    def __init__(self) -> None:
        self.raw = raw = self.make()
        self.try_now = raw.acquire
        self.release = raw.release
        self.__exit__ = raw.__exit__
        self.owner = 0
        self.name = made_at(user_frame(sys._getframe(1)))

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self.try_now(False):
            self.owner = _thread.get_ident()
            return True
        if not blocking:
            self.try_now(False, timeout)  # says what is wrong with the arguments
            return False
        return self._wait(timeout)

    def __enter__(self) -> bool:
        if self.try_now(False):
            self.owner = _thread.get_ident()
            return True
        return self._wait(-1)

    def _wait(self, timeout: float) -> bool:
        owner = self.owner
        held_at = place(user_frame(sys._current_frames().get(owner))) if owner else ""
        began = now()
        got: bool = False
        try:
            got = bool(self.try_now(True, timeout))
        finally:
            if got:
                self.owner = _thread.get_ident()
            self.tell(self.name, owner, began, got, held_at)
        return got

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def __repr__(self) -> str:
        return f"<{self.name} {self.raw!r}>"
