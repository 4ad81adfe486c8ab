"""Lock and RLock under control: what stands in for `threading.Lock`, `threading.RLock` and `_thread.allocate_lock`.

Whoever calls and is not under control (between two executions, or a foreign thread) gets a real lock behind it.
"""

from __future__ import annotations

import _thread
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from plait._check.clock import EARLY, ends_early
from plait._check.controlled import Abort, Controlled, Gate
from plait._check.stage import STAGE
from plait._check.taken import Taken, give_back
from plait._core.event import Event, Kind

if TYPE_CHECKING:
    from plait._check.execution import Execution
    from plait._core.event import Site

_raw_lock = _thread.allocate_lock
_raw_rlock = _thread.RLock
_get_ident = _thread.get_ident
_real_sleep = time.sleep
_NAP = 0.001  # seconds between two attempts of a foreign thread
_IMPORTS = "<frozen importlib._bootstrap>"
_new = tuple.__new__


class StandInLock(Gate):
    """A lock: `acquire` is an event that needs it free, `release` one that is no choice.

    Attributes:
        owner: the thread of control that has it.
        number: its place in the execution it was last used in.
        taken: how often it was taken in that, counted in programs with finalizers.
        silent: whether taking it, when it is free, is no choice: locks of the standard library's own modules.
    """

    __slots__ = ("__weakref__", "_execution", "_made", "_real", "number", "owner", "silent", "taken")

    label = "Lock"

    def __init__(self) -> None:
        super().__init__(is_open=True)
        self.owner: Controlled | None = None
        self.number = -1
        self.taken = 0
        self.silent = sys._getframe(1).f_code.co_filename == _IMPORTS
        self._execution: Execution | None = None
        self._real: _thread.LockType | _thread.RLock | None = None
        execution = STAGE.execution
        self._made: Site | None = None if execution is None else execution.sites.here()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `threading.Lock.acquire`."""
        _check(blocking, timeout)
        me = self._caller()
        if me is None:
            return self._really().acquire(blocking, timeout)
        taken = self._acquire(me, blocking, timeout)
        places = STAGE.execution.places  # type: ignore[union-attr]  # it has a caller
        if places.finalizes and taken and not (self.silent or me.quiet):
            self.taken += 1
            places.locked(self.taken)
        return taken

    def release(self) -> None:
        """As `threading.Lock.release`."""
        me = self._releaser()
        if me is None:
            return
        if self.owner is None:
            raise RuntimeError("release unlocked lock")
        self._release(me)

    def locked(self) -> bool:
        """Whether somebody has it; looking is an event."""
        me = self._caller()
        if me is None:
            return self._really_locked()
        self._use()
        STAGE.execution.step(Kind.TRY, self.number, "locked", self._site())  # type: ignore[union-attr]  # it has a caller
        return self.owner is not None or self._really_locked()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def adopt(self, real: _thread.LockType | _thread.RLock) -> None:
        """Stands in for a lock that is there already and that others may go on using."""
        self._real = real
        self.silent = True

    def stay_taken(self, *, mine: bool) -> None:
        """In a forked child: by the thread that is there if it is `mine`, else by one that is not, and for ever."""
        self.owner = None
        if not mine or self._real is None:
            self._real = self._make_real() if mine else _raw_lock()
        self._take_real()

    def holder(self) -> int:
        return -1 if self.owner is None else self.owner.number

    def since(self) -> Site | None:
        return None if self.owner is None else self.owner.held.get(self)

    def _at_fork_reinit(self) -> None:
        self._execution = self._real = self.owner = None
        self.is_open = True

    def __repr__(self) -> str:
        state = "unlocked" if self.owner is None and not self._really_locked() else "locked"
        return f"<{state} _thread.lock object at {id(self):#x}>"

    def _caller(self) -> Controlled | None:
        execution = STAGE.execution
        if execution is None:
            return None
        me = execution.running
        return me if me.ident == _get_ident() else execution.here()

    def _use(self) -> None:
        """It belongs to this execution from the first use on: whatever was left of another one is forgotten."""
        execution = STAGE.execution
        if self._execution is execution or execution is None:
            return
        self._execution = execution
        self.owner = None
        self.taken = 0
        self.is_open = True
        self.wanting = []
        self.number = execution.places.new(self.label, self._made)

    def _acquire(self, me: Controlled, blocking: bool, timeout: float) -> bool:
        self._use()
        execution: Execution = STAGE.execution  # type: ignore[assignment]  # it has a caller
        site = self._site()
        if me.quiet and self.owner is None and self._take_really():
            self._take(me, site)
            return True
        if not blocking or timeout == 0:
            if not self.silent:
                execution.wait(me, execution.always, _new(Event, (me.number, Kind.TRY, self.number, "", site)))
            free = self.owner is None and self._take_really()
            execution.note(me, Kind.ACQUIRE if free else Kind.TRY, self.number, "try" if free else "", site)
            if free:
                self._take(me, site)
            return free
        if self.owner is not None or not self.silent:
            pending = _new(Event, (me.number, Kind.ACQUIRE, self.number, "", site))
            early = timeout > 0 and self.owner is not None and ends_early(execution, me, timeout, pending)
            if early:
                execution.note(me, Kind.SLEEP, -1, EARLY, site)
            if early or not execution.wait(me, self, pending, None if timeout < 0 else timeout):
                execution.note(me, Kind.TRY, self.number, "timeout", site)
                return False
        while not self._take_really():
            self._wait_for_strangers(execution, me)
        execution.note(me, Kind.ACQUIRE, self.number, "", site)
        self._take(me, site)
        return True

    def _take(self, me: Controlled, site: Site | None) -> None:
        self.owner = me
        me.held[self] = site
        self.is_open = False
        if self.wanting:
            STAGE.execution.close(self)  # type: ignore[union-attr]  # it has a caller

    def _releaser(self) -> Controlled | None:
        """Who releases it under control; None where it is done: at the end of an execution, or of a real lock."""
        execution = STAGE.execution
        if execution is not None and execution.aborting:
            self._let_be()
            return None
        me = self._caller()
        if me is None:
            self._really().release()
        return me

    def _release(self, me: Controlled) -> None:
        execution: Execution = STAGE.execution  # type: ignore[assignment]  # it has a caller
        owner = self.owner
        if owner is not None:
            owner.held.pop(self, None)
        if not me.quiet:
            execution.note(me, Kind.RELEASE, self.number, "", self._site())
        self.owner = None
        self.is_open = True
        if self.wanting:
            execution.open(self)

    def _let_be(self) -> None:
        """The execution is being unwound: nobody will want it any more."""
        if self.owner is not None:
            self.owner.held.pop(self, None)
            self.owner = None
            self.is_open = True

    def _site(self) -> Site | None:
        return STAGE.execution.sites.here(2)  # type: ignore[union-attr]  # it has a caller

    # Threads that are not under control

    def _really(self) -> _thread.LockType | _thread.RLock:
        if self._real is None:
            self._real = self._make_real()
        while STAGE.execution is not None and self._execution is STAGE.execution and self.owner is not None:
            _real_sleep(_NAP)
        return self._real

    def _make_real(self) -> _thread.LockType | _thread.RLock:
        return _raw_lock()

    def _take_real(self) -> None:
        if self._real is not None:
            self._real.acquire(False)

    def _really_locked(self) -> bool:
        real = self._real
        if real is None:
            return False
        if real.acquire(False):
            real.release()
            return False
        return True

    def _take_really(self) -> bool:
        """Whether no foreign thread has it. It is not kept: a thread that is cut off would never give it back."""
        return not self._really_locked()

    def _wait_for_strangers(self, execution: Execution, me: Controlled) -> None:
        """A thread that is not under control has it: ours waits in real time, and the others go on meanwhile."""
        execution.let_go(me, f"{me.name} waited for a lock that a thread outside our control held")
        try:
            while not execution.aborting and self._really_locked():
                _real_sleep(_NAP)
        finally:
            execution.come_back(me)


class StandInRLock(StandInLock):
    """A lock that its owner may take again; only the first time and the last are events."""

    __slots__ = ("_taken",)

    label = "RLock"

    def __init__(self) -> None:
        super().__init__()
        self._taken: list[Taken] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `threading.RLock.acquire`."""
        _check(blocking, timeout)
        return self._take_once_more(blocking, timeout, block=False)

    def release(self) -> None:
        """As `threading.RLock.release`."""
        self._give_back(block=False)

    def __enter__(self) -> bool:
        return self._take_once_more(blocking=True, timeout=-1, block=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._give_back(block=True)

    def since(self) -> Site | None:
        return self._taken[0].site if self._taken else None

    def _take_once_more(self, blocking: bool, timeout: float, *, block: bool) -> bool:
        me = self._caller()
        if me is None:
            return self._really().acquire(blocking, timeout)
        if self.owner is me and self._execution is STAGE.execution:
            self._taken.append(Taken(self._site(), block))
            return True
        if self._acquire(me, blocking, timeout):
            self._taken = [Taken(me.held.get(self), block)]
            return True
        return False

    def _give_back(self, *, block: bool) -> None:
        me = self._releaser()
        if me is None:
            return
        if self.owner is not me:
            raise RuntimeError("cannot release un-acquired lock")
        if len(self._taken) > 1:
            give_back(self._taken, self._site(), block=block)
        else:
            self._taken = []
            self._release(me)

    def _is_owned(self) -> bool:
        try:
            me = self._caller()
        except Abort:
            return True
        if me is None:
            return bool(self._really()._is_owned())  # type: ignore[union-attr]  # it is an RLock
        return self.owner is me

    def _recursion_count(self) -> int:
        return len(self._taken) if self._is_owned() else 0

    def _release_save(self) -> list[Taken]:
        taken, self._taken = self._taken, self._taken[:1]
        self.release()
        return taken

    def _acquire_restore(self, taken: list[Taken]) -> None:
        self.acquire()
        self._taken = taken

    def _make_real(self) -> _thread.RLock:
        return _raw_rlock()

    def _take_real(self) -> None:
        for _ in self._taken:
            super()._take_real()

    def __repr__(self) -> str:
        return super().__repr__().replace("_thread.lock", f"_thread.RLock count={len(self._taken)}")


for _stand_in, _real in ((StandInLock, type(_raw_lock())), (StandInRLock, _raw_rlock)):
    for _name in ("__module__", "__name__", "__qualname__"):  # by which programs tell a lock
        setattr(_stand_in, _name, getattr(_real, _name))


class StandInWaiter(StandInLock):
    """What `threading` allocates for itself, to wait on: the first time that it is taken is no choice."""

    __slots__ = ()

    label = "waiter"

    def __init__(self) -> None:
        super().__init__()
        self.silent = True

    def holder(self) -> int:
        return -1  # whoever waits took it themselves before

    def _take(self, me: Controlled, site: Site | None) -> None:
        super()._take(me, site)
        del me.held[self]
        self.silent = False


def _check(blocking: bool | int, timeout: float) -> None:
    if timeout != -1:
        if not blocking:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0:
            raise ValueError("timeout value must be a non-negative number")
        if timeout > _thread.TIMEOUT_MAX:
            raise OverflowError("timeout value is too large")
