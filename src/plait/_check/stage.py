"""The one controlled execution in progress in this process: what hooks and stand-ins act upon.

A process has one set of builtins, one `threading` module, one clock. So the execution that hooks and stand-ins belong
to is the process's too, and this is the only place where it is kept.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from plait._check.calls import Calls

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution
    from plait._check.pulse import Pulse


class Stage:
    """Where an execution is performed.

    Attributes:
        execution: the one in progress; None between two of them, when hooks and stand-ins only pass on.
        pid: the process that performs it; a fork of it is not under control.
        pulse: what is told when an execution begins, if another process looks after this one.
        before: the threads that the process had when the search began, as the system numbers them.
        beside: the process that searches beside this one, which is its scout; 0 for none.
        calls: those of `check` that a script makes while it is run anew.
        imported: called when something has been imported in an execution.
        strays: the threads that have outlived their execution, in a call outside our control, by identity.
        taken: locked while somebody searches: two searches at a time would be in each other's way.
    """

    __slots__ = ("before", "beside", "calls", "execution", "imported", "pid", "pulse", "strays", "taken")

    def __init__(self) -> None:
        self.execution: Execution | None = None
        self.pid = -1
        self.pulse: Pulse | None = None
        self.before: set[int] = set()
        self.beside = 0
        self.calls = Calls()
        self.imported: Callable[[], None] = lambda: None
        self.strays: dict[int, Controlled] = {}
        self.taken = _thread.allocate_lock()


STAGE: Final = Stage()
