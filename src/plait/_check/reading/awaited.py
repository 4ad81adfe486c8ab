"""Which tasks of asyncio a task waits for, also through `gather` and task groups, and what it keeps meanwhile."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from plait._check.reading.source import Sources
from plait._check.reading.waits import waiting
from plait._check.record import Blocked, Failure
from plait._core.event import Kind, Site


def awaited(task: asyncio.Task[Any], others: Mapping[int, asyncio.Task[Any]]) -> tuple[int, ...]:
    """The numbers of those whose end lets the task go on, if only together; none if it waits for something else."""
    future = getattr(task, "_fut_waiter", None)
    if future is None:
        return ()
    return tuple(number for number, other in others.items() if other is future or _tells(other, future))


def ring(failure: Failure, start: int) -> tuple[int, ...]:
    """Tasks that are stuck and await one another in a ring, beginning with this one; none if it is in no ring."""
    awaits = {one.thread: one.awaited for one in failure.blocked}
    paths: list[tuple[int, ...]] = [(start,)]
    seen = {start}
    for path in paths:
        for other in awaits.get(path[-1], ()):
            if other == start:
                return path
            if other not in seen:
                seen.add(other)
                paths.append((*path, other))
    return ()


def kept_around(blocked: Blocked, sources: Sources) -> str:
    """What a task keeps while it waits, by an `async with` around that; "" if nothing."""
    frame = waiting(blocked).frame
    return sources.entered_around(frame.file, frame.line) if frame is not None else ""


def keeper(blocked: Blocked, failure: Failure) -> Blocked | None:
    """The task that has the lock of asyncio that one waits for, if it waits itself."""
    mine = blocked.holder if blocked.pending.kind == Kind.WAIT else -1
    return next((one for one in failure.blocked if one.thread == mine >= 0), None)


def waits_for_work(blocked: Blocked, sources: Sources) -> bool:
    """Whether a task is a worker: it takes from a queue of asyncio in a loop without an end."""
    what = waiting(blocked)
    if what.kind != "await queue get" or what.frame is None:
        return False
    frame = what.frame
    loop = sources.enclosing(Site(frame.file, frame.line, 0, frame.line, 0, frame.function, ""), ast.While)
    return isinstance(loop, ast.While) and isinstance(loop.test, ast.Constant)


def _tells(task: asyncio.Task[Any], future: object) -> bool:
    """Whether one of the functions that are called when the task ends knows the future: it settles it."""
    callbacks = getattr(task, "_callbacks", None) or ()
    return any(one is future for callback, _ in callbacks for one in _known(callback))


def _known(callback: Any) -> Iterator[object]:
    """What a function can reach without a name that others have: its outer variables, arguments, and own object."""
    for cell in getattr(callback, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # the variable has no value
            continue
    yield from getattr(callback, "args", ())
    yield from getattr(getattr(callback, "__self__", None), "__dict__", {}).values()
