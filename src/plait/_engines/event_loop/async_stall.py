"""Finds the function that keeps an event loop in another thread from going on, and interrupts it if it is Python code.

A coroutine can only be cancelled where it awaits something. One that computes, or waits without ``await``, stops the
whole loop; from outside an exception can be raised at its next bytecode, as in a function on a thread.
"""

from __future__ import annotations

import sys
import threading
import time

from plait._core.errors import StopTask
from plait._engines.event_loop.async_worker import AsyncWorker
from plait._engines.halting import interruptible
from plait._engines.injection import inject, prepare_injection

_LOOPS = (AsyncWorker._plain.__code__, AsyncWorker._measured.__code__)


def blocking_worker(thread: threading.Thread) -> AsyncWorker | None:
    """The worker whose function that thread is executing at this moment."""
    frame = inner = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code in _LOOPS:
            found = frame.f_locals.get("self") if frame is not inner else None
            return found if isinstance(found, AsyncWorker) else None
        frame = frame.f_back
    return None


def interrupt(thread: threading.Thread, worker: AsyncWorker) -> bool:
    """Raise ``StopTask`` in the worker's function; False when that thread is not in it, or must not be interrupted.

    The GIL is given up first, so that the look and the raising are within one turn of it and nothing comes in between.
    """
    prepare_injection()
    time.sleep(0)
    return blocking_worker(thread) is worker and interruptible(thread) and inject(thread.ident or 0, StopTask)
