"""The threads of the system that threads of control run on: one for each, which ends with it, unless it must not end.

What C code ties to a thread, such as the windows of Tk, may outlive it, and be mistaken for that of the next thread,
which gets the same number. So who has made such a thing does not end. If it was the main thread of an execution, it is
that of the next one, too.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from contextvars import Context

_start, _get_ident, _raw_lock = _thread.start_new_thread, _thread.get_ident, _thread.allocate_lock

Life = Callable[[], object]
"""All that a thread does."""


class RealThreads:
    """Begins threads, and knows which of them are kept."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._free: _Kept | None = None

    def begin(self, life: Life, *, main: bool) -> int:
        """The ident of the thread that lives it, a new one or one that was kept."""
        kept = self._free if main else None
        if kept is None:
            return _start(self._live, (life,))
        self._free = None
        kept.life = life
        kept.wanted.release()
        return kept.ident

    def keep(self) -> None:
        """The calling thread shall not end any more."""
        ident = _get_ident()
        self._kept.setdefault(ident, _Kept(ident))

    def offer(self) -> None:
        """The calling thread, a main thread, is about to end: if it must not, it is for the next execution."""
        self._free = self._kept.get(_get_ident())

    def _live(self, life: Life) -> None:
        life()
        while (kept := self._kept.get(_get_ident())) is not None:
            life = _nothing  # it holds all of the execution
            kept.wanted.acquire()  # for ever, if nobody was offered it
            life, kept.life = kept.life, _nothing
            Context().run(life)


class _Kept:
    """A thread that does not end, and what it is wanted for next."""

    __slots__ = ("ident", "life", "wanted")

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.life: Life = _nothing
        self.wanted = _raw_lock()
        self.wanted.acquire()


def _nothing() -> None:
    """No life."""


REAL_THREADS = RealThreads()
