"""Signals that have come: their handlers run in the main thread, before the next thing it does or while it waits.

As in CPython: a wait goes on when a handler has returned (PEP 475) and is over when one raises. A signal that comes
again before its handler was called counts once, and the lowest number is first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution


def arrive(execution: Execution, number: int, handle: Callable[[], object]) -> None:
    """A signal has come: at once for the main thread itself, which is woken if it waits."""
    execution.signals[number] = handle
    for waiting in execution.threads:
        if in_main(execution, waiting) and waiting.gate is not None and not (waiting.done or waiting.away):
            execution.make_ready(waiting)


def in_main(execution: Execution, me: Controlled) -> bool:
    """Whether it is the main thread, or a task of an event loop there."""
    return me.ident == execution.threads[0].ident


def deliver(execution: Execution, me: Controlled) -> bool:
    """Calls what there is to call, if this is the main thread; whether there was something."""
    if not execution.signals or not in_main(execution, me) or me.quiet:
        return False
    while execution.signals:
        execution.signals.pop(min(execution.signals))()
    return True
