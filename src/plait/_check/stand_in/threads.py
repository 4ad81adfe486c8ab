"""Threads under control: what stands in for the methods of `threading.Thread` and `_thread.start_new_thread`."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from plait._check.clock import EARLY, ends_early
from plait._check.controlled import Abort, Controlled
from plait._check.diagnosis import uncaught
from plait._check.stage import STAGE
from plait._core.event import Event, Kind

if TYPE_CHECKING:
    from plait._check.execution import Execution

_real_start = threading.Thread.start
_real_join = threading.Thread.join
_real_is_alive = threading.Thread.is_alive
_real_stop = getattr(threading.Thread, "_stop", None)
_real_new = _thread.start_new_thread
_real_enumerate = threading.enumerate
_real_hook = threading.__excepthook__
_MAKE_HANDLE: Any = getattr(_thread, "_make_thread_handle", None)  # from Python 3.13 on
_HANDLE = "_os_thread_handle" if sys.version_info >= (3, 14) else "_handle"
_NUMBER = "_plait_number"
_CONTROL = "_plait_control"  # the attribute of a Thread that has its thread of control


def start(self: threading.Thread) -> None:
    """As `threading.Thread.start`: one event, and the new thread can go on."""
    execution = STAGE.execution
    me = None if execution is None else execution.here()
    if execution is None or me is None:
        _real_start(self)
        return
    if not self._initialized:  # type: ignore[attr-defined]  # as threading does
        raise RuntimeError("thread.__init__() not called")
    if _control(self) is not None or self.ident is not None:
        raise RuntimeError("threads can only be started once")
    child = _begin(execution, me, self.name, daemon=self.daemon)
    child.kind = "timer" if isinstance(self, threading.Timer) else child.kind
    self.__dict__[_CONTROL] = child
    self._started._flag = True  # type: ignore[attr-defined]  # nobody waits for it yet
    _limbo()[self] = self  # it is one of `threading.enumerate()` from now on, though it has not done anything yet
    run = _in_context(self)
    execution.launch(child, lambda: _bootstrap(execution, child, self, run))
    self._ident = child.ident  # type: ignore[attr-defined]  # whoever has started it may ask for it at once


def join(self: threading.Thread, timeout: float | None = None) -> None:
    """As `threading.Thread.join`: an event that needs its end."""
    control = _control(self)
    execution = STAGE.execution
    me = None if execution is None else execution.here()
    if control is not None and control.done and (execution is None or me is None):
        return  # in a forked child, which has no thread of control but its own
    if execution is None or me is None or control is None:
        if self.ident is None and execution is not None and me is not None:
            raise RuntimeError("cannot join thread before it is started")
        _real_join(self, timeout)
        return
    if control is me:
        raise RuntimeError("cannot join current thread")
    if wait_for(execution, me, control, timeout):
        _mark_stopped(self)


def _mark_stopped(thread: threading.Thread) -> None:
    """What CPython up to 3.12 does by its own method `_stop`, a name that programs use for something of theirs."""
    if _real_stop is None:
        return
    if "_stop" in thread.__dict__ or getattr(type(thread), "_stop", None) is not _real_stop:
        if not callable(thread._stop):  # type: ignore[attr-defined]  # whatever it is there
            kind = type(thread._stop).__name__  # type: ignore[attr-defined]  # the same
            raise TypeError(f"'{kind}' object is not callable; it stands where Thread has a method _stop")
        thread._stop()  # type: ignore[attr-defined]  # the same


def wait_for(execution: Execution, me: Controlled, other: Controlled, timeout: float | None) -> bool:
    """`me` waits until `other` has ended; False if the time is up before."""
    if timeout is not None and timeout <= 0:
        execution.step(Kind.TRY, -1, "alive", execution.sites.here(2))
        timeout = None if other.done else timeout
    pending = Event(me.number, Kind.JOIN, other.number, "", execution.sites.here(2))
    short = timeout is not None and not other.done and (timeout <= 0 or ends_early(execution, me, timeout, pending))
    ended = other.done if short else execution.wait(me, other.ended, pending, timeout)
    if ended:
        execution.note(me, Kind.JOIN, other.number, "", pending.site)
    else:
        execution.note(me, Kind.SLEEP, -1, EARLY if short and timeout else "", pending.site)
        me.overdue.append(other)
    return ended


def is_alive(self: threading.Thread) -> bool:
    """As `threading.Thread.is_alive`."""
    control = _control(self)
    if control is None:
        return _real_is_alive(self)
    execution = STAGE.execution
    if execution is not None and not execution.aborting:
        execution.step(Kind.TRY, -1, "alive", execution.sites.here())
    if control.done:
        _mark_stopped(self)
    return not control.done


def start_new_thread(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, /
) -> int:
    """As `_thread.start_new_thread`, for those who call it themselves."""
    execution = STAGE.execution
    me = None if execution is None else execution.here()
    if execution is None or me is None:
        return _real_new(function, args, kwargs or {})
    child = _begin(execution, me, getattr(function, "__qualname__", "thread"), daemon=True)
    execution.launch(child, lambda: function(*args, **(kwargs or {})))
    return child.number + 1


def enumerate_threads() -> list[threading.Thread]:
    """As `threading.enumerate`: those of the program, not those of the process that checks it."""
    execution = STAGE.execution
    if execution is None or execution.here() is None:
        return _real_enumerate()
    if not execution.aborting:
        execution.step(Kind.TRY, -1, "alive", execution.sites.here())
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # nobody else runs now
    return [thread for thread in (*active.values(), *_limbo()) if _control(thread) is not None]


def active_count() -> int:
    """As `threading.active_count`."""
    return len(enumerate_threads())


def join_all(execution: Execution) -> None:
    """What the interpreter does at its end: the main thread waits for those that are no daemons."""
    me = execution.threads[0]
    while True:
        left = [
            other
            for other in execution.threads
            if not (other.done or other.daemon or other is me or other.kind == "task")
        ]
        if not left:
            return
        wait_for(execution, me, left[0], None)


@contextmanager
def main_thread(execution: Execution) -> Iterator[None]:
    """While it lasts the calling thread is what `threading.main_thread` says."""
    me = execution.threads[0]
    main = threading.Thread(name="MainThread", daemon=False)
    main.__dict__[_CONTROL] = me
    main._started._flag = True  # type: ignore[attr-defined]  # it runs
    main._ident = me.ident  # type: ignore[attr-defined]  # as Thread._bootstrap_inner does
    main._native_id = me.native  # type: ignore[attr-defined]  # as it does
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # as it does
    before = threading._main_thread  # type: ignore[attr-defined]  # what main_thread() says
    active[me.ident] = main
    threading._main_thread = main  # type: ignore[attr-defined]  # what main_thread() says
    try:
        yield
    finally:
        threading._main_thread = before  # type: ignore[attr-defined]  # what main_thread() says
        active.pop(me.ident, None)


@contextmanager
def main_thread_kept() -> Iterator[None]:
    """Afterwards `threading.main_thread` says what it said before, though a program never left its `main_thread`."""
    before = threading._main_thread  # type: ignore[attr-defined]  # what main_thread() says
    try:
        yield
    finally:
        if threading._main_thread is not before:  # type: ignore[attr-defined]  # what main_thread() says
            threading._active.pop(threading._main_thread.ident, None)  # type: ignore[attr-defined]  # as above
            threading._main_thread = before  # type: ignore[attr-defined]  # what main_thread() says


def alone_after_fork(execution: Execution) -> None:
    """What `threading` does in a forked child, once more: with threads under control it cannot at first."""
    ident = _thread.get_ident()
    current = threading._active.get(ident)  # type: ignore[attr-defined]  # who calls
    dangling = threading._dangling  # type: ignore[attr-defined]  # all that there are
    for thread in [one for one in dangling if _control(one) is not None]:
        if _control(thread) not in execution.threads:
            dangling.discard(thread)  # garbage of an earlier execution
        elif _MAKE_HANDLE is not None:
            handle = _MAKE_HANDLE(thread.ident or 0)
            if thread is not current:
                handle._set_done()
            setattr(thread, _HANDLE, handle)
        elif thread is current:
            thread._set_tstate_lock()
    threading._after_fork()  # type: ignore[attr-defined]  # as above


def number_of(self: object) -> int:
    """The hash of a thread or a future, in place of its address: sets of them have the same order in each execution."""
    try:
        known: int = object.__getattribute__(self, _NUMBER)  # tasks have attributes, and no `__dict__`
    except AttributeError:
        known = next(_Numbers.next)
        object.__setattr__(self, _NUMBER, known)
    return known


def forget_unborn() -> None:
    """Threads that were started in an execution that ended before they began are not there any more."""
    for thread in [one for one in _limbo() if _control(one) is not None]:
        del _limbo()[thread]


class _Numbers:
    """What the next one gets."""

    next = count()


def number_from_one() -> None:
    """Threads, futures and pools get the same names and numbers in each execution."""
    _Numbers.next = count()
    threading._counter = count(1).__next__  # type: ignore[attr-defined]  # of the names of threads
    ThreadPoolExecutor._counter = count().__next__  # type: ignore[attr-defined]  # of the names of pools


def _begin(execution: Execution, me: Controlled, name: str, *, daemon: bool) -> Controlled:
    site = execution.sites.here(2)
    child = execution.add(name, me, site, daemon=daemon)
    execution.step(Kind.START, child.number, "", site)
    return child


def _in_context(thread: threading.Thread) -> Callable[[], object]:
    """What it runs; from Python 3.14 on in a context that is given, copied or empty."""
    if sys.version_info < (3, 14):
        return thread.run
    if thread._context is None:
        thread._context = copy_context() if sys.flags.thread_inherit_context else Context()
    return partial(thread._context.run, thread.run)


def _bootstrap(execution: Execution, me: Controlled, thread: threading.Thread, run: Callable[[], object]) -> None:
    thread._ident = me.ident  # type: ignore[attr-defined]  # as Thread._bootstrap_inner does
    thread._native_id = me.native  # type: ignore[attr-defined]  # as Thread._bootstrap_inner does
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # as it does
    active[me.ident] = thread
    _limbo().pop(thread, None)
    try:
        run()
    except (Abort, SystemExit):
        pass
    except BaseException as error:
        if execution.aborting:
            return
        if threading.excepthook is not _real_hook:
            threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))
        else:
            execution.fail(uncaught(execution, me, error))
    finally:
        if active.get(me.ident) is thread:
            del active[me.ident]


def _limbo() -> dict[threading.Thread, threading.Thread]:
    found: dict[threading.Thread, threading.Thread] = threading._limbo  # type: ignore[attr-defined]  # as start() does
    return found


def _control(thread: threading.Thread) -> Controlled | None:
    found: Controlled | None = thread.__dict__.get(_CONTROL)
    return found
