"""Calls that may block outside our control: they are let go at once, and the other threads go on meanwhile.

What would not block is done at once, the baton in hand: a socket or pipe that has data gives the same execution again.
Within such a call the thread is nobody's: locks, clocks and sleeps are the real ones.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import subprocess
import sys
from asyncio import events
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial, wraps
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from plait._check.controlled import Call
from plait._check.remarks import blocked
from plait._check.stage import STAGE
from plait._check.system_calls import TELLS, is_ready, waits_of
from plait._check.timed import REAL_SELECTS, Timed, timed_wait
from plait._core.event import Kind

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution

Blocks = Callable[..., bool]

_ARRIVING = 0.05  # seconds of real time for a thread that has got something to come back
_ROOM = 4096  # bytes for which there is room where there is any
_real_select = select.select
_real_sleep = sleep
_real_waitid = getattr(os, "waitid", None)


def entry_points() -> Iterator[tuple[Any, str, Any]]:
    """Whose attribute, which, and what stands in for it."""
    for owner, names, blocks in _table():
        for name in names.split():
            real = getattr(owner, name, None)
            if real is not None:
                yield owner, name, outside(real, f"{getattr(owner, '__name__', owner)}.{name}", blocks)


def _table() -> Iterator[tuple[Any, str, Blocks]]:
    yield socket.socket, "accept recv recv_into recvfrom recvfrom_into recvmsg", _nothing_to_read
    yield socket.socket, "send sendto sendmsg", _no_room
    yield socket.socket, "sendall", _no_room_for_all
    yield socket.socket, "connect", _is_blocking
    yield select, "select", _selects
    for selector, real in REAL_SELECTS.items():
        yield selector, "select", partial(_nothing_selected, real)
    yield os, "read", _nothing_to_read
    yield os, "write", _no_room_for_all
    yield socket.socket, "close shutdown", never
    yield os, "close", never
    yield os, "waitpid", _waits
    yield os, "wait waitid", always
    yield subprocess.Popen, "wait communicate", always
    for name, methods in _WHEN_IMPORTED.items():
        module, _, kind = name.partition(":")
        owner = sys.modules.get(module)
        if owner is not None:
            yield (getattr(owner, kind) if kind else owner), methods, always


_WHEN_IMPORTED: Final = {
    "fcntl": "flock lockf",
    "ssl:SSLSocket": "read write do_handshake",
    "multiprocessing.connection": "wait",
    "multiprocessing.connection:Connection": "_recv _send",
    "multiprocessing.process:BaseProcess": "join",
}


def always(*_: Any, **__: Any) -> bool:
    """It blocks."""
    return True


def never(*_: Any, **__: Any) -> bool:
    """It does not block, and there is nothing that others could do to it; but its order among what they do matters."""
    return False


def outside(real: Callable[..., Any], what: str, blocks: Blocks = always) -> Callable[..., Any]:
    """As `real`, a function that people know as `what`, and that is let go where it `blocks`."""

    @wraps(real)
    def call(*args: Any, **options: Any) -> Any:
        execution = STAGE.execution
        me = None if execution is None or execution.aborting else execution.here()
        if execution is None or me is None:
            return real(*args, **options)
        site = execution.sites.here()
        execution.step(Kind.OUTSIDE, _place(execution, *args), what, site)
        where = f" at {site.file}:{site.line}" if site is not None else ""
        if not blocks(*args, **options):
            if blocks is not never:
                execution.tell_outside(what + where)
            try:
                return real(*args, **options)
            finally:
                _let_arrive(execution)
        me = execution.here()
        if me is None:
            return real(*args, **options)
        if events._get_running_loop() is not None and not what.endswith(".select"):
            blocked(execution, me, what, site)
        timed = timed_wait(real, *args, **options)
        until, polled = (None, None) if timed is None else (execution.now + timed.seconds, timed.files)
        step = len(execution.events) - 1
        me.outside, me.call = True, Call(_inode(*args), polled, until, tells=blocks not in _SILENT)
        execution.let_go(me, what + where)
        try:
            return real(*args, **options) if timed is None else _until(execution, me, timed)
        finally:
            execution.arrivals[step] = len(execution.events)
            me.outside = False
            execution.come_back(me)
            _let_arrive(execution)

    return call


def _let_arrive(execution: Execution) -> None:
    """Whoever this call has given something comes back before anybody goes on, and so with the same each time."""
    end = monotonic() + _ARRIVING
    for other in execution.threads if execution.away and TELLS else ():
        while other.away and other not in execution.returned and _goes_on(other):
            if execution.aborting or monotonic() > end:
                return
            _real_sleep(0)


def _goes_on(other: Controlled) -> bool:
    """Whether what a thread outside our control waits for is there; not where that cannot be told."""
    if not other.call.tells:
        return False
    waits = waits_of(other.native) if other.call.polled is None else other.call.polled()
    return not waits or is_ready(waits)


def _place(execution: Execution, thing: Any = None, *_: Any) -> int:
    """The number of the socket, or of what the descriptor stands for; -1 for anything else."""
    if isinstance(thing, socket.socket):
        return execution.places.number(thing)
    return execution.places.opened(thing) if type(thing) is int else -1


def _until(execution: Execution, me: Controlled, timed: Timed) -> Any:
    """What it gives when it is ready, or when its time is over: by the clock of the program, or by the real one."""
    end = monotonic() + timed.seconds
    while not timed.is_ready() and not execution.aborting:
        if monotonic() >= end or (me.call.until is not None and execution.now >= me.call.until):
            return timed.late()
    return timed.call()


def _inode(source: Any = None, *_: Any) -> int:
    """That of the socket that a call is about: the program may close it meanwhile."""
    with suppress(OSError):
        return os.fstat(source.fileno()).st_ino if isinstance(source, socket.socket) else 0
    return 0


def _is_blocking(sock: socket.socket, *_: Any, **__: Any) -> bool:
    return sock.gettimeout() != 0


def _nothing_to_read(source: Any, *_: Any, **__: Any) -> bool:
    return _would_block(source, reading=True)


def _no_room(target: Any, *_: Any, **__: Any) -> bool:
    return _would_block(target, reading=False)


def _would_block(thing: Any, *, reading: bool) -> bool:
    if isinstance(thing, socket.socket) and thing.gettimeout() == 0:
        return False
    try:
        able = _real_select([thing] if reading else [], [] if reading else [thing], [], 0)
    except (OSError, ValueError):
        return False  # it is closed: the call says so
    return not (able[0] or able[1])


def _no_room_for_all(target: Any, data: Any, *_: Any, **__: Any) -> bool:
    """Whether it may block; what is more than any buffer is taken to hold does."""
    return _would_block(target, reading=False) or (_size(data) > _ROOM and _is_waiting(target))


def _size(data: Any) -> int:
    with suppress(TypeError):
        return memoryview(data).nbytes
    return 0


def _is_waiting(target: Any) -> bool:
    """Whether it waits for room, as regular files and what is set not to block do not."""
    if isinstance(target, socket.socket):
        return target.gettimeout() != 0
    try:
        return os.get_blocking(target) and not stat.S_ISREG(os.fstat(target).st_mode)
    except (OSError, TypeError, AttributeError):
        return False  # the call says so


def _selects(_read: Any, _write: Any, _error: Any, timeout: float | None = None) -> bool:
    if timeout is not None and timeout <= 0:
        return False
    try:
        return not any(_real_select(_read, _write, _error, 0))
    except (OSError, ValueError, TypeError):
        return False  # the call says so


def _nothing_selected(real: Callable[..., Any], selector: Any, timeout: float | None = None) -> bool:
    return (timeout is None or timeout > 0) and not real(selector, 0)


def _waits(pid: int, options: int) -> bool:
    if options & getattr(os, "WNOHANG", 0):
        return False
    if _real_waitid is None or pid <= 0:
        return True
    try:
        return _real_waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except OSError:
        return False  # it is no child, or not any more: the call says so


_SILENT = (always, _is_blocking, _waits)  # of calls of these nobody says what they wait for
