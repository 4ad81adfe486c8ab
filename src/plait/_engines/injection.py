"""Raises an exception in another thread of this interpreter at its next bytecode, through CPython's C interface."""

from __future__ import annotations

import sys


def prepare_injection() -> bool:
    """Load what `inject` needs: slow while busy threads hold the GIL, so it is done while they are given time."""
    try:
        import ctypes  # noqa: F401  # heavy, and needed only when a function does not stop by itself
    except ImportError:  # a Python without it, or one that is shutting down
        return False
    return True


def inject(thread: int, kind: type[BaseException] | None) -> bool:
    """Have the thread of that identity raise the exception; None takes back what has not arrived yet."""
    if not prepare_injection():
        return False
    ctypes = sys.modules["ctypes"]
    exception = None if kind is None else ctypes.py_object(kind)
    threads: int = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
    return threads == 1
