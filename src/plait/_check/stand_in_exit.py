"""The end of the process under control: what stands in for `os._exit`, which ends its own execution only."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from plait._check.controlled import Abort
from plait._check.record import Failure
from plait._check.stage import STAGE

_exit = os._exit


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
