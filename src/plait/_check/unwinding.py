"""The end of an execution: every thread of control is unwound, one after another, in bounded time."""

from __future__ import annotations

import _thread
import sys
from time import monotonic
from typing import TYPE_CHECKING

from plait._check.controlled import Abort, Controlled

if TYPE_CHECKING:
    from plait._check.execution import Execution

_raw_lock = _thread.allocate_lock
_STUBBORN = 1000  # times that a thread may swallow its `Abort` before it is put to rest for ever
_PATIENCE = 1.0  # seconds of real time that a thread may take to unwind
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
    for me in execution.threads:
        if not me.launched or not me.gone.locked():
            continue
        if me.baton.locked():
            me.baton.release()  # at worst it is not waiting for it: then it finds it the next time
        deadline = monotonic() + (_SHORT if me.away else _PATIENCE)
        while not me.gone.acquire(True, 0.01) and monotonic() < deadline and me.aborts <= _STUBBORN:
            if me.baton.locked():
                me.baton.release()
        if not me.done:
            left.append(_whereabouts(execution, me))
    return left


def _whereabouts(execution: Execution, me: Controlled) -> str:
    stack = execution.sites.stack(sys._current_frames().get(me.ident))
    mine = [frame for frame in stack if frame.mine] or list(stack)
    where = f" at {mine[-1].file}:{mine[-1].line}" if mine else ""
    return f"{me.name}{where}"
