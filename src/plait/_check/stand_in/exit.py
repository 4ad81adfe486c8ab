"""The end of the process under control: `os._exit` ends its own execution only; what `atexit` knows runs with it.

`unittest.main` ends with an exit status that says nothing: the exception of the first test that failed is kept.
"""

from __future__ import annotations

import atexit
import os
import sys
import unittest
import weakref
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NoReturn

from plait._check.controlled import Abort
from plait._check.diagnosis import uncaught
from plait._check.record import Failure
from plait._check.stage import STAGE

if TYPE_CHECKING:
    from plait._check.execution import Execution

_exit = os._exit
_real_register = atexit.register
_real_unregister = atexit.unregister
_run_finalizers = weakref.finalize._exitfunc  # type: ignore[attr-defined]  # each execution runs its own ones


def exit_at_once(status: int) -> NoReturn:
    """The execution is over, with this exit status; a child process of the program really ends."""
    execution = STAGE.execution
    me = execution.here() if execution is not None and STAGE.pid == os.getpid() else None
    if execution is None or me is None:
        _exit(status)
    if status:
        stack = execution.sites.stack(sys._getframe(1))
        error = SystemExit(status)
        execution.fail(Failure("exception", f"exit status {status} in {me.name}", me.number, error, stack, ()))
    else:
        execution.stop()
    raise Abort


def register(function: Callable[..., Any], /, *args: Any, **options: Any) -> Callable[..., Any]:
    """As `atexit.register`: it is called at the end of the execution."""
    execution = STAGE.execution
    me = execution.here() if execution is not None and STAGE.pid == os.getpid() else None
    imports = me is not None and me.quiet and function != _run_finalizers
    if execution is None or me is None or imports:  # what a library registers when it is imported is for the process
        return _real_register(function, *args, **options)
    execution.at_exit.append(partial(function, *args, **options))
    return function


def unregister(function: Callable[..., Any], /) -> None:
    """As `atexit.unregister`."""
    execution = STAGE.execution
    if execution is not None:
        execution.at_exit[:] = [one for one in execution.at_exit if one.func != function]
    _real_unregister(function)


def keeps_failure(real: Callable[..., Any]) -> Callable[..., Any]:
    """What stands in for the methods of a `unittest.TestResult` that are told of a test that failed."""

    @wraps(real)
    def told(self: unittest.TestResult, test: unittest.TestCase, err: Any) -> Any:
        execution = STAGE.execution
        me = execution.here() if execution is not None and not execution.aborting else None
        if execution is not None and me is not None and execution.broken is None:
            execution.broken = uncaught(execution, me, err[1])
        return real(self, test, err)

    return told


def exited(execution: Execution, code: object) -> Failure:
    """The failure of a program that has ended itself with this code."""
    summary = f"exit status {code}" if isinstance(code, int) else f"exit: {code}"
    return execution.broken or Failure("exception", summary, 0, SystemExit(code), (), ())


def run_exits(execution: Execution) -> None:
    """What the interpreter does last: the latest first, and what fails is said and changes nothing."""
    while execution.at_exit:
        try:
            execution.at_exit.pop()()
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)
