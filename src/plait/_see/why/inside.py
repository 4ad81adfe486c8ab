"""Looks at this process from inside: all threads' frames, and the tasks of their event loops with their awaits."""

from __future__ import annotations

import os
import queue
import re
import signal
import sys
import threading
from _thread import get_ident
from collections import ChainMap
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from time import monotonic_ns, sleep
from types import FrameType, FunctionType
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

from plait._core.awaits import awaited_frames
from plait._core.processes import listed
from plait._see.whereabouts import PLAIT
from plait._see.why import source
from plait._see.why.dump import Dump, Frame, Thing, Thread, since_fork
from plait._see.why.green import green_threads
from plait._see.why.keys import is_own
from plait._see.why.needs import Told, first_only
from plait._see.why.other_end import ends_of_children, listens_at, other_end
from plait._see.why.proc import children, forked, in_turn, pythons, run_time, still, turns_of, waits_in, workers
from plait._see.why.trio import trio_tasks
from plait._see.why.values import Unknown, value_of, variables_of

if TYPE_CHECKING:
    import asyncio

_PLAIN = (str, int, float, bool, type(None))
_RLOCK = type(threading.RLock())
_OWNER = re.compile(r"owner=([1-9]\d*)")
_MOMENT = 0.05  # seconds for which it is watched who runs
_RUNS = 0.2  # the part of it from which on a thread does, though others may have the GIL in between
_TRIES, _SOON = 3, 0.002  # and seconds between two
_MAIN = threading.main_thread().ident  # as the system has it, whatever takes the place of `threading` later
_DEEPEST = 200  # frames of a stack that are looked at
_NOTHING = Thing("", 0)
_END_OF_LINE = 10**6  # a column that what is held by a line itself is before
_SHARED = (  # what threads wait for, whatever it is called where
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Semaphore,
    threading.Event,
    threading.Barrier,
    queue.Queue,
    queue.SimpleQueue,
)


def look_inside() -> Dump:
    """What this process does now, the calling thread left out. Takes no lock that another thread could hold."""
    pid = os.getpid()
    busy = _busy(pid)
    known = dict(threading._active)  # type: ignore[attr-defined]  # enumerate() takes a lock
    me = get_ident()
    system = listed(f"/proc/{pid}/task")
    threads = []
    tasks: list[Thread] = []
    turns: dict[int, int] = {}
    for ident, frame in sys._current_frames().items():
        if ident == me:
            continue
        thread = known.get(ident)
        name = thread.name if thread is not None else "MainThread" if ident == _MAIN else f"thread {ident}"
        frames = list(stack_of(frame))
        native = (thread.native_id if thread else 0) or 0
        if str(native) not in system and (ident == _MAIN or thread is threading.main_thread()):
            native = pid  # a fork still has the number it had in its parent
        turns[native] = turns_of(pid, native)
        where = _waits_in(pid, native, native in busy)
        end = other_end(pid, native, where)
        threads.append(
            Thread(
                name,
                ident,
                native,
                since_fork(tuple(map(_frame, frames))),
                native in busy or None,
                where=where,
                other_end=end,
            )
        )
        tasks += _tasks(frames)
        tasks += _tasks_of_trio(frames)
    if any(task.turn == "ready" for task in tasks):
        threads = [still(pid, thread, turns[thread.native]) for thread in threads]
    threads.sort(key=lambda thread: (thread.name != "MainThread", in_turn(thread.native, pid)))
    threads += _green()
    ends = ends_of_children(pid)
    found = Dump(pid, (*threads, *tasks), "", children(pid), forked(pid, ours=1), ends, workers(pid), _handled(), True)
    return found._replace(listens=listens_at(pid), pythons=pythons(child for child, _ in found.children))


def _waits_in(pid: int, native: int, busy: bool) -> str:
    """The function of the kernel that a thread is in; one that hardly runs, and does just now, soon is in one again."""
    for _ in range(1 if busy else _TRIES):
        if where := waits_in(pid, native):
            return where
        sleep(_SOON)
    return ""


def _tasks_of_trio(stack: list[FrameType]) -> Iterator[Thread]:
    """Those that run code of the program's own."""
    for one in trio_tasks(stack):
        frames = tuple(map(_frame, one.frames[:_DEEPEST]))
        if any(map(is_own, frames)):
            yield Thread(one.name, one.ident, 0, frames, task=True)


def _green() -> Iterator[Thread]:
    """Green threads that run code of the program's own, each called by the function that it runs."""
    for one in green_threads():
        frames = tuple(map(_frame, one.frames))
        own = [frame for frame in frames if is_own(frame)]
        if own:
            yield Thread(f"green {own[-1].name}", one.ident, 0, frames)


def _handled() -> tuple[str, ...]:
    """The signals for which the program has handlers: neither Python's own, nor ours, which are there for a while."""
    handlers = [(number, signal.getsignal(number)) for number in sorted(signal.valid_signals())]
    own = [
        number
        for number, handler in handlers
        if callable(handler) and handler is not signal.default_int_handler
        if type(handler) is not FunctionType or not handler.__code__.co_filename.startswith(PLAIT)
    ]
    return tuple(one.name for one in own if isinstance(one, signal.Signals))


def _busy(pid: int) -> set[int]:
    """The threads, as the system calls them, that run: those that have used the processor for a part of this moment.

    Meanwhile this one does not have the GIL. Where a thread stands does not tell: each one that runs stands still
    while it is looked at.
    """
    before = {int(native): run_time(pid, int(native)) for native in listed(f"/proc/{pid}/task")}
    began = monotonic_ns()
    sleep(_MOMENT)
    enough = _RUNS * (monotonic_ns() - began)
    return {native for native, since in before.items() if run_time(pid, native) - since > enough}


def stack_of(frame: FrameType | None) -> Iterator[FrameType]:
    """A frame and those that have called it, innermost first."""
    for _ in range(_DEEPEST):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def _frame(frame: FrameType) -> Frame:
    variables = {name: _thing(value) for name, value in list(frame.f_globals.items()) if _shared(value)}
    for name, value in list(frame.f_locals.items()):
        variables[name] = _thing(value)
        for part, inner in list(variables_of(value).items()):
            if _shared(inner):
                variables[f"{name}.{part}"] = _thing(inner)
    variables |= _expressions(frame, variables)
    if frame.f_code.co_name == "_worker" and (queued := variables.get("work_queue", _NOTHING)).text.isdigit():
        variables["work_queue"] = queued._replace(text=str(max(0, int(queued.text) - _sentinels(frame))))
    return Frame(frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_qualname, variables, _column(frame))


def _sentinels(frame: FrameType) -> int:
    """How much is in the queue of a pool of threads that is no call, but what tells its workers to end."""
    reference = frame.f_locals.get("executor_reference")
    executor = variables_of(reference() if type(reference) is ReferenceType else None)
    workers = executor.get("_threads")
    at_the_end = len(workers) if frame.f_globals.get("_shutdown") and type(workers) is set else 0  # one for each
    return at_the_end + (1 if executor.get("_shutdown", True) else 0)


def _column(frame: FrameType) -> int:
    """Where in its line a frame stands; -1 where the program was compiled without that."""
    line, _, column, _ = next(islice(frame.f_code.co_positions(), max(0, frame.f_lasti // 2), None), (None,) * 4)
    return column if column is not None and line == frame.f_lineno else -1


def _expressions(frame: FrameType, known: dict[str, Thing]) -> dict[str, Thing]:
    """What the line takes or awaits, and what is held around it, that is no variable: ``forks[i + 1]``."""
    file, line = frame.f_code.co_filename, frame.f_lineno or 0
    wanted = {call.receiver for call in source.calls(file, line)}
    wanted |= {one.expression for one in source.held(file, line, _END_OF_LINE)}
    wanted.add(source.awaited(file, line, _column(frame)).removesuffix(".acquire()"))
    names = ChainMap(frame.f_locals, frame.f_globals)
    found = {}
    for expression in wanted - known.keys() - {""}:
        with suppress(Unknown):
            value = value_of(expression, names)
            if type(value) not in _PLAIN:
                found[expression] = _thing(value)
    return found


def _thing(value: object) -> Thing:
    if type(value) is _RLOCK:
        found = _OWNER.search(repr(value))  # C code, which takes no lock
        return Thing("RLock", id(value), found[1] if found is not None else "")
    if type(value) is queue.SimpleQueue:  # what a pool has not begun
        return Thing("SimpleQueue", id(value), str(value.qsize()))
    return Thing(type(value).__name__, id(value), str(value)[:80] if type(value) in _PLAIN else "")


def _shared(value: object) -> bool:
    """Whether threads wait for it. Asks its type only: an object's own code could wait for a lock itself."""
    return issubclass(type(value), _SHARED)


def tasks_of(frames: list[FrameType]) -> list[asyncio.Task[Any]]:
    """The tasks of the loop that runs on this stack."""
    asyncio = sys.modules.get("asyncio")  # who has not imported it has no tasks
    loop = next((loop for frame in frames if (loop := _loop_of(frame)) is not None), None)
    if loop is None or asyncio is None or not issubclass(type(loop), asyncio.AbstractEventLoop):
        return []
    return [task for task in asyncio.all_tasks(loop) if not task.done()]


def _loop_of(frame: FrameType) -> Any:
    """The event loop that a frame runs; a loop in C, such as that of uvloop, has none of its own."""
    if frame.f_code.co_name == "run_forever":
        return frame.f_locals.get("self")
    if frame.f_code.co_qualname == "Runner.run":
        return variables_of(frame.f_locals.get("self")).get("_loop")
    return None


def _tasks(frames: list[FrameType]) -> list[Thread]:
    """The tasks of the loop that runs on this stack: first those that wait for no other task."""
    waiting = tasks_of(frames)
    current = sys.modules["asyncio"].current_task(waiting[0].get_loop()) if waiting else None
    told = Told(waiting, waiting[0].get_loop() if waiting else None)
    found = [_task(task, "current" if task is current else _turn(task), told) for task in waiting]
    return sorted(found, key=lambda task: (bool(task.awaits), task.name))


def _turn(task: asyncio.Task[Any]) -> str:
    """That a task waits for nothing but its turn: it has not begun, what it awaits is there, or it lets others go."""
    waits = getattr(task, "_fut_waiter", task)
    future = sys.modules["asyncio"].Future
    return "ready" if waits is None or (issubclass(type(waits), future) and future.done(waits)) else ""


def _task(task: asyncio.Task[Any], turn: str, told: Told) -> Thread:
    coroutine = task.get_coro()
    frames = [*awaited_frames(coroutine)]
    cancelled = bool(task.cancelling()) and not turn
    name = f"{task.get_name()} ({getattr(coroutine, '__qualname__', type(coroutine).__name__)})"
    return Thread(
        name,
        id(task),
        0,
        tuple(map(_frame, reversed(frames))),
        task=True,
        turn=turn,
        cancelled=cancelled,
        awaits=told.awaited(task, frames),
        first=first_only(frames),
    )
