"""Which statements of a notebook have started the threads that are running in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from types import FunctionType, MethodType
from typing import Any

from plait._check.programs.needed import Step


def starters(steps: Sequence[Step], scope: dict[str, Any]) -> list[int]:
    """The numbers of the steps that have made or started, at their top level, a thread that runs code of this scope."""
    runs = {name for thread in threading.enumerate() for name in _run_by(thread, scope)}
    found = []
    for number, step in enumerate(steps):
        made = any(_is_running(scope.get(name)) for name in step.binds)
        if made or (step.starts and not runs.isdisjoint(step.uses)):
            found.append(number)
    return found


def _run_by(thread: threading.Thread, scope: dict[str, Any]) -> Iterator[str]:
    """The names of what a thread runs: a function, or the class of a method."""
    target = getattr(thread, "_target", None)
    if isinstance(target, MethodType):
        yield type(target.__self__).__name__
    elif isinstance(target, FunctionType) and target.__globals__ is scope:
        yield target.__qualname__.partition(".")[0]
    elif scope.get(type(thread).__name__) is type(thread):
        yield type(thread).__name__


def _is_running(value: object) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    values = value if isinstance(value, (list, tuple, set)) else (value,)
    return any(isinstance(one, threading.Thread) and one.is_alive() for one in values)
