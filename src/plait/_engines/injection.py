"""Raises an exception in another thread of this interpreter at its next bytecode, through CPython's C interface."""

from __future__ import annotations

import sys
from _thread import get_ident


def prepare_injection() -> bool:
    """Load what `inject` needs: slow while busy threads hold the GIL, so it is done while they are given time."""
    try:
        import ctypes  # noqa: F401  # heavy, and needed only when a function does not stop by itself
    except ImportError:  # a Python without it, or one that is shutting down
        return False
    return True


def inject(thread: int, kind: type[BaseException]) -> bool:
    """Have the thread of that identity raise the exception."""
    return prepare_injection() and _set_pending(thread, kind)


def take_back() -> None:
    """What was injected into the calling thread, and has not arrived yet, never will."""
    if not prepare_injection():
        return
    me = get_ident()
    _set_pending(me, None)
    if sys.version_info < (3, 13):  # it also leaves the flag up that has threads look for an exception: every
        try:  # loop of the process would be slower for good, and tracing a call never end in CPython 3.11
            while True:
                _set_pending(me, _Nothing)
        except _Nothing:
            return


def _set_pending(thread: int, kind: type[BaseException] | None) -> bool:
    ctypes = sys.modules["ctypes"]
    exception = None if kind is None else ctypes.py_object(kind)
    threads: int = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
    return threads == 1


class _Nothing(BaseException):
    """Arrives where it was injected, which takes the flag down."""
