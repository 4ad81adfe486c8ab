"""Green threads: what gevent and eventlet put in the place of threads where a program lets them patch Python.

All of a program's green threads run in one thread, so none of them may wait by means that they have not replaced.
"""

from __future__ import annotations

import threading
import time
from _queue import SimpleQueue  # without what the module `queue` imports around it

from plait._core.importable import imported


def are_green() -> bool:
    """Whether a thread that is started now is a green one."""
    gevent = imported("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("threading"):
        return True
    eventlet = imported("eventlet.patcher")
    return eventlet is not None and bool(eventlet.is_monkey_patched("thread"))


def waiting_line() -> SimpleQueue[None]:
    """Where threads wait, of whichever kind they are, until somebody puts something in."""
    if not are_green():
        return SimpleQueue()
    import queue

    line: SimpleQueue[None] = queue._PySimpleQueue()  # type: ignore[attr-defined]  # of the primitives of `threading`
    return line


def own_clock() -> int | None:
    """The clock of this thread's CPU time, for `time.clock_gettime`; None where there is none, or none of its own."""
    if are_green():
        return None  # what `get_ident` says of one is no thread, and the C library would look into it as if it were
    try:
        return time.pthread_getcpuclockid(threading.get_ident())
    except (AttributeError, OSError):  # not on this platform
        return None
