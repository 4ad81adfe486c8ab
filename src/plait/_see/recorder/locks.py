"""Locks that know their last owner, and tell a recorder when somebody has to wait for them.

To enter a lock that nobody has is left to C, so that nothing is noted; who has to wait for it the first time looks for
the thread that is within a `with` of it. From then on, and from the first `acquire`, its functions note the owner: each
lock has its own, whose variables are what they need. To release is the C lock's own method: the owner is not forgotten,
since who has to wait finds the lock taken, and the last owner is the one that has it. An RLock knows its owner in C.
"""

from __future__ import annotations

import _thread
import re
import sys
import types
import weakref
from _thread import get_ident
from collections.abc import Callable
from itertools import repeat
from types import CodeType, FrameType
from typing import Any

from plait._see.holders import holder_of
from plait._see.recorder.unfinished import here
from plait._see.sampler.samples import now
from plait._see.whereabouts import PLAIT, line_of, made_at, user_frame

Told = Callable[[str, Any, list[Any], int, bool, FrameType, int], Any]
ABOUT_IT = ("name", "raw", "holder", "began", "got")  # variables of the function that waits, for `told`
_OWNER = re.compile(r"owner=(\d+)")


def lock_types(told: Told, keep: Callable[[Any], None]) -> tuple[type, type]:
    """A Lock and an RLock that have each wait kept as it is told.

    ``told(name, lock, holder, began, got, frame, thread)``: as holder, who has it and at which line; the thread as the
    system has it.
    """

    class Lock(_Lock):
        __slots__ = ()
        make = staticmethod(_thread.allocate_lock)
        equip = staticmethod(_equip_lock)
        tell, keep_it = staticmethod(told), staticmethod(keep)

    class RLock(_Lock):
        __slots__ = ()
        make = staticmethod(_thread.RLock)
        equip = staticmethod(_equip_rlock)
        tell, keep_it = staticmethod(told), staticmethod(keep)

    return Lock, RLock


class _WithMethods(type):
    """Whoever asks the class of a lock for its methods, as ExitStack does, gets functions, which slots are not.

    Whoever derives a class from it, as loky does from ``type(threading.RLock())``, derives it from what it stands for,
    where that may be: then it behaves as where nobody traces, and its locks are not seen.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        """A class of ours; or that of somebody else."""
        if namespace.get("__module__") == __name__:
            return super().__new__(cls, name, bases, namespace, **options)
        plain = tuple(type(one.make()) if isinstance(one, _WithMethods) else one for one in bases)
        kind, _, _ = types.prepare_class(name, plain)
        return kind(name, plain, namespace, **options)

    make: Callable[[], Any]

    def __instancecheck__(cls, one: object) -> bool:
        """Whether it is one of ours, or of a class that somebody derives: a lock that was there before is none."""
        return super().__instancecheck__(one) or cls.__subclasscheck__(type(one))

    def __subclasscheck__(cls, kind: type) -> bool:
        plain = type(cls.make())
        return super().__subclasscheck__(kind) or (kind is not plain and issubclass(kind, plain))

    @property
    def __enter__(cls) -> Callable[[Any], bool]:
        return _enter_it

    @property
    def __exit__(cls) -> Callable[..., None]:  # noqa: PLE0302, PYI036  it gives a function, and is none
        return _leave_it


def _enter_it(lock: Any) -> bool:
    return bool(lock.__enter__())


def _leave_it(lock: Any, *failure: object) -> None:
    lock.__exit__(*failure)


class _Lock(metaclass=_WithMethods):
    """A lock of `_thread` with a name; its methods are in its slots."""

    __slots__ = ("__enter__", "__exit__", "__weakref__", "acquire", "name", "raw", "release")

    make: Callable[[], Any]
    equip: Callable[[Any, Callable[[], Any], Callable[[Callable[[], int], float], bool]], None]
    tell: Told
    keep_it: Callable[[Any], None]

    def __new__(cls) -> Any:
        """A lock with a name for the program; plait's own parts get what they would have got without a trace."""
        ours = sys._getframe(1).f_code.co_filename.startswith(PLAIT)
        return cls.make() if ours else super().__new__(cls)

    def __init__(self) -> None:
        self.raw = raw = self.make()
        self.release = raw.release
        self.__exit__ = raw.__exit__
        self.name = name = made_at(user_frame(sys._getframe(1)))
        told, keep = self.tell, self.keep_it

        strangers: dict[int, list[Any]] = {}  # threads that wait, and do not know for whom: who gets it tells them

        def wait(whose: Callable[[], int], timeout: float) -> bool:
            owner = whose()
            holder = [owner, line_of(sys._current_frames().get(owner)) if owner else ""]
            me = get_ident()
            if owner == me:  # it has just let it go, and who has got it has not said so yet; or it waits for itself
                strangers[me] = holder
            began = now()
            got: bool = False
            try:
                got = bool(raw.acquire(True, timeout))
            finally:
                if strangers.pop(me, None) and got and holder[0] == me:
                    last = whose()
                    holder[0] = last if last != me else 0
                if got and strangers:
                    told_them = [me, line_of(sys._getframe())]
                    for stranger in tuple(strangers.values()):
                        stranger[:] = told_them
                    strangers.clear()
                keep(told(name, raw, holder, began, got, *here()))
            return got

        self.equip(self, raw.acquire, wait)

    @property  # type: ignore[misc]  # one may
    def __class__(self) -> Any:
        """As what it stands for: libraries make sure that a lock is one in C, as trio does."""
        return type(self.raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.raw.__reduce_ex__(protocol)  # says that a lock cannot be pickled

    def __repr__(self) -> str:
        return f"<{self.name} {self.raw!r}>"


WAIT = next(one for one in _Lock.__init__.__code__.co_consts if isinstance(one, CodeType) and one.co_name == "wait")


class _Answers(dict[bool, bool]):
    """What to do with the answer of a lock that was asked without waiting: nothing when it was free, or else wait."""

    __slots__ = ("wait",)

    wait: Callable[[], bool]

    def __missing__(self, _: bool) -> bool:
        return self.wait()


def _enter(try_now: Callable[..., bool], wait: Callable[[], bool]) -> Callable[[], bool]:
    """Take a lock, and `wait` where it is not free. Until then no Python code runs: it is C that calls C."""
    answers = _Answers({True: True})
    answers.wait = wait
    return map(answers.__getitem__, map(try_now, repeat(False))).__next__


def _equip_lock(lock: Any, try_now: Callable[..., bool], wait: Callable[[Callable[[], int], float], bool]) -> None:
    """Methods that note the owner, from the first time on that somebody has to wait, or calls `acquire`."""
    owner = 0
    me = get_ident
    itself = weakref.ref(lock)

    def whose() -> int:
        return owner or holder_of(itself())

    def note() -> None:
        known = itself()
        if known is not None:
            known.__enter__, known.acquire = enter, acquire

    def enter() -> bool:
        nonlocal owner
        if try_now(False):
            owner = me()
            return True
        wait(whose, -1)
        owner = me()
        return True

    def acquire(blocking: bool = True, timeout: float = -1) -> bool:
        nonlocal owner
        if timeout != -1:
            _object_to(blocking, timeout)
        if try_now(False):
            owner = me()
            return True
        got = wait(whose, timeout) if blocking else False
        if got:
            owner = me()
        return got

    def first_enter() -> bool:
        note()
        return enter()

    def first_acquire(blocking: bool = True, timeout: float = -1) -> bool:
        note()
        return acquire(blocking, timeout)

    lock.__enter__, lock.acquire = _enter(try_now, first_enter), first_acquire


def _equip_rlock(lock: Any, try_now: Callable[..., bool], wait: Callable[[Callable[[], int], float], bool]) -> None:
    """Methods that ask for the owner where somebody has to wait."""
    raw = lock.raw

    def acquire(blocking: bool = True, timeout: float = -1) -> bool:
        if timeout != -1:
            _object_to(blocking, timeout)
        if try_now(False):
            return True
        return wait(whose, timeout) if blocking else False

    def whose() -> int:
        return _owner(raw)

    lock.__enter__, lock.acquire = _enter(try_now, lambda: wait(whose, -1)), acquire


def _object_to(blocking: bool, timeout: float) -> None:
    """Say what is wrong with arguments, if something is: a lock that is free is not asked with them."""
    _thread.allocate_lock().acquire(blocking, timeout)


def _owner(raw: Any) -> int:
    """The thread that has an RLock, which only its text tells."""
    found = _OWNER.search(repr(raw))
    return int(found[1]) if found else 0
