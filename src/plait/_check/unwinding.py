"""The end of an execution: every thread of control is unwound, one after another, in bounded time."""

from __future__ import annotations

import _thread
import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from plait._check.closed_world import wake
from plait._check.controlled import Abort, Controlled
from plait._check.stage import STAGE
from plait._check.stand_in.tk import INTERPRETERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait._check.execution import Execution

_raw_lock = _thread.allocate_lock
_start = _thread.start_new_thread
_STUBBORN = 1000  # times that a thread may swallow its `Abort` before it is put to rest for ever
_PATIENCE = 1.0  # seconds of real time that a thread may take to unwind
_BRIEF = 0.2  # seconds for a coroutine to end by itself
_SHORT = 0.05  # seconds for one that is in a call outside our control


def refuse(me: Controlled) -> None:
    """Tells a thread that the execution is over.

    Raises:
        Abort: always, unless the thread keeps swallowing it; then it is put to rest here and never returns.
    """
    me.aborts += 1
    if me.aborts > _STUBBORN:
        rest = _raw_lock()
        rest.acquire()
        rest.acquire()
    raise Abort


def unwind(execution: Execution) -> list[str]:
    """Lets all threads of control go, each to its end before the next; says which would not."""
    left = []
    INTERPRETERS.end_loops(execution)
    woken = [me for me in execution.threads if me.call.files]
    wake(woken)
    for me in execution.threads:
        if not me.launched or not me.gone.locked():
            continue
        if me.baton.locked():
            me.baton.release()  # at worst it is not waiting for it: then it finds it the next time
        deadline = monotonic() + (_SHORT if me.away and me not in woken else _PATIENCE)
        while not me.gone.acquire(True, 0.01) and monotonic() < deadline and me.aborts <= _STUBBORN:
            if me.baton.locked():
                me.baton.release()
        if not me.done:
            left.append(_whereabouts(execution, me))
            STAGE.strays[me.ident] = me
    return left


def close_tasks(execution: Execution) -> None:
    """The coroutines of tasks that the end of the execution has cut off end here, and say nothing afterwards."""
    for control in execution.threads:
        task = control.task
        if task is None:
            continue
        if task.done():
            if not task.cancelled() and isinstance(task.exception(), Abort):
                task._log_traceback = False  # it is ours
            continue
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # nothing of the program's is lost
        coroutine = task.get_coro()
        if coroutine is not None and hasattr(coroutine, "close"):
            _end_coroutine(execution, control, coroutine.close)


def _end_coroutine(execution: Execution, me: Controlled, close: Callable[[], None]) -> None:
    """Closes the coroutine of a task that the end of the execution has cut off.

    It may be one that swallows everything and goes on for ever, `GeneratorExit` too. So it is closed in a thread of its
    own, which is told like the others that all is over when it takes long, and put to rest in the end: it is `left`.
    """
    me.gone = _raw_lock()
    me.gone.acquire()
    _start(_close, (me, close))
    if me.gone.acquire(True, _BRIEF):
        return
    execution.by_ident[me.ident] = me
    deadline = monotonic() + _PATIENCE
    while not me.gone.acquire(True, 0.01):
        if monotonic() >= deadline or me.aborts > _STUBBORN:
            execution.left.append(_whereabouts(execution, me))
            return


def _close(me: Controlled, close: Callable[[], None]) -> None:
    me.ident = _thread.get_ident()
    with suppress(BaseException):
        close()
    me.gone.release()


def _whereabouts(execution: Execution, me: Controlled) -> str:
    stack = execution.sites.stack(sys._current_frames().get(me.ident))
    mine = [frame for frame in stack if frame.mine] or list(stack)
    where = f" at {mine[-1].file}:{mine[-1].line}" if mine else ""
    return f"{me.name}{where}"
