"""Forks of the program: a child is not under control, and who warns of other threads counts those of the program only.

A child has one thread, which goes on as it would without us: nobody is there who could give it the baton. The locks
that others had at that moment are never released there, and those that the thread itself had are its own.

From Python 3.12 on a fork in a process with several threads is warned of, and where warnings are errors the fork of
Python 3.15 raises in the parent and leaves the child behind. The threads of the search are not to blame for that.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from plait._check.stage import STAGE
from plait._check.stand_in.exit import run_exits
from plait._check.stand_in.locks import StandInLock
from plait._check.stand_in.threads import alone_after_fork
from plait._core.event import FORK, Kind

if TYPE_CHECKING:
    from plait._check.execution import Execution

_exit = os._exit
_WARNING = r"This process \(pid=\d+\) is multi-threaded"


def forking(fork: Callable[..., Any]) -> Callable[..., Any]:
    """As `fork`, which is a step; what is called before and after it by itself is no choice."""

    @wraps(fork)
    def start(*args: Any, **options: Any) -> Any:
        execution = STAGE.execution
        me = None if execution is None else execution.here()
        if execution is None or me is None:
            return fork(*args, **options)
        execution.step(Kind.OUTSIDE, -1, FORK, execution.sites.here())
        me.quiet += 1
        try:
            if not _has_one_thread(execution):
                return fork(*args, **options)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", _WARNING, DeprecationWarning)
                return fork(*args, **options)
        finally:
            me.quiet -= 1

    return start


def _has_one_thread(execution: Execution) -> bool:
    return not execution.strangers and sum(one.launched and not one.done for one in execution.threads) == 1


def _leave_control() -> None:
    """In a child, before anything of the program goes on."""
    execution, STAGE.execution = STAGE.execution, None
    if execution is None:
        return
    me = execution.by_ident.get(threading.get_ident())
    for thread in execution.threads:
        for lock in list(thread.held):
            if isinstance(lock, StandInLock) and lock.owner is thread:
                lock.stay_taken(mine=thread is me)
        thread.done = thread is not me
    alone_after_fork(execution)


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_leave_control)


@contextmanager
def child_ends_here(execution: Execution) -> Iterator[None]:
    """A child that comes to the end of the program ends there, as the interpreter does."""
    parent = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() == parent:
            raise
        _end(execution, error)
    if os.getpid() != parent:
        _end(execution, None)


def _end(execution: Execution, error: BaseException | None) -> None:
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        status = 1
        sys.excepthook(type(error), error, error.__traceback__)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    run_exits(execution)
    _exit(status & 0xFF)
