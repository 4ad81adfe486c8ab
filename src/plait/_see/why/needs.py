"""Which tasks each task of an event loop of this process awaits, as the callbacks tell that asyncio gives to those.

`asyncio.gather`, `asyncio.wait`, `shield` and groups of tasks do not await tasks: they await a future of their own,
and have each task tell when it ends. So it is looked at whom a task would tell. No code of the program is run.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import BuiltinMethodType, FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from plait._see.why.values import variables_of

if TYPE_CHECKING:
    import asyncio

_TELL = (  # the callbacks that end a wait for tasks, and nothing else does
    "gather.<locals>._done_callback",
    "_wait.<locals>._on_completion",
    "shield.<locals>._inner_done_callback",
    "as_completed.<locals>._on_completion",
    "_AsCompletedIterator._handle_completion",
    "_release_waiter",
    "TaskGroup._on_task_done",
    "TaskGroup._spawn.<locals>.task_done",  # anyio's
)
_METHODS = MethodType, BuiltinMethodType
_WAITS = "tasks.py", "_wait"
_AS_COMPLETED = "tasks.py", "_wait_for_one"


class Told:
    """Whom the tasks of a loop tell when they end; and which of them a timer of the loop will cancel."""

    def __init__(self, tasks: Iterable[asyncio.Task[Any]], loop: object) -> None:
        timers = list(variables_of(loop).get("_scheduled", ()))  # type: ignore[call-overload]  # a list of asyncio's
        calls = [timer._callback for timer in timers if not timer._cancelled]
        self._ends_at_a_time = {
            id(call.__self__) for call in calls if type(call) in _METHODS and call.__name__ == "cancel"
        }
        self._by: dict[int, list[int]] = {}
        for task in tasks:
            for thing in {id(thing) for thing in _told(task)}:
                self._by.setdefault(thing, []).append(id(task))

    def awaited(self, task: asyncio.Task[Any], frames: Sequence[FrameType]) -> tuple[int, ...]:
        """The addresses of the tasks that a task awaits, whose frames these are, the innermost last."""
        waits = getattr(task, "_fut_waiter", None)
        if id(task) in self._ends_at_a_time:
            return ()
        if is_task(waits):
            return (id(waits),)
        inner = [frame.f_locals["self"] for frame in frames[-2:] if "self" in frame.f_locals]
        found = [task for thing in (waits, *inner) for task in self._by.get(id(thing), ())]
        return () if first_only(frames) and _has_others(frames) else tuple(dict.fromkeys(found))


def is_task(thing: object) -> bool:
    """Also of a class of the program's own, as factories of tasks make them; its type is asked, which runs no code."""
    return issubclass(type(thing), sys.modules["asyncio"].Task)


def first_only(frames: Sequence[FrameType]) -> bool:
    """Whether who is there goes on with the first task that ends."""
    waits = [frame for frame in frames if _is_of(frame, *_WAITS)]
    return any(_is_of(frame, *_AS_COMPLETED) for frame in frames) or any(
        frame.f_locals.get("return_when") == sys.modules["asyncio"].FIRST_COMPLETED for frame in waits
    )


def _has_others(frames: Sequence[FrameType]) -> bool:
    """Whether it may go on with something else than a task, or that is not known."""
    names: list[Mapping[str, object]] = [frame.f_locals for frame in frames]
    rows = [each[name] for each in names for name in ("fs", "todo") if name in each]
    rows += [variables_of(each.get("self")).get("_todo") for each in names]
    return any(not is_task(one) for row in rows if type(row) is set for one in list(row))


def _is_of(frame: FrameType, file: str, name: str) -> bool:
    return frame.f_code.co_name == name and frame.f_code.co_filename.endswith(file)


def _told(future: object) -> Iterator[object]:
    """What a future gets to when it ends, and what those futures do which end by it."""
    for callback, *_ in list(getattr(future, "_callbacks", None) or ()):
        for thing in _reached(callback):
            yield thing
            if issubclass(type(thing), sys.modules["asyncio"].Future) and thing is not future and not is_task(thing):
                yield from _told(thing)


def _reached(callback: object) -> list[object]:
    if type(callback) is functools.partial:
        return [*callback.args] if getattr(callback.func, "__qualname__", "") in _TELL else []
    if type(callback) is MethodType:
        return [callback.__self__] if callback.__func__.__qualname__ in _TELL else []
    if type(callback) is FunctionType and callback.__qualname__ in _TELL:
        return [cell.cell_contents for cell in callback.__closure__ or () if _is_full(cell)]
    return []


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # nothing was put into it yet
        return False
