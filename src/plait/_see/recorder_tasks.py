"""What asyncio tasks do: each step of an event loop, what the task awaits after it, and the line of a step that blocks.

A step is `asyncio.events.Handle._run`; its callback belongs to the task. After the step the task is ready, has ended,
or awaits something, which the innermost coroutine says. Since when it could have gone on the handle of its next step
says, which is made when that is known; after a timer, the moment at which the timer was due. Steps that last longer
than `BLOCKING` are looked at by a thread that is there while a loop runs, and counts the lines. The one seen most often
tells, not the last: a thread that computes lets others look most easily where it calls the system at the end.
"""

from __future__ import annotations

import _thread
import asyncio
import asyncio.events
import functools
import os
import sys
import time
import weakref
from collections import Counter, deque
from types import CodeType, FrameType
from typing import Any, Literal, NamedTuple

from plait._core.awaits import awaited_frames
from plait._core.trace import State
from plait._see.holders import entered_as
from plait._see.sampler import now
from plait._see.unseen_thread import UnseenThread
from plait._see.whereabouts import PLAIT, both, is_installed, place, whence

BLOCKING = 20_000  # microseconds of a step
_EVENTS: Any = asyncio.events
_LOCK: Any = asyncio.Lock
_HANDLE: Any = asyncio.events.Handle  # every step of every loop goes through its `_run`
_LOOP: Any = asyncio.BaseEventLoop
_RUNNER: Any = asyncio.Runner
_LIBRARY = (os.path.dirname(asyncio.__file__) + os.sep, PLAIT)
_KEPT = 1_000_000
_AWAITED = {
    "Lock.acquire": State.LOCK,
    "Semaphore.acquire": State.SEMAPHORE,
    "Condition.wait": State.CONDITION,
    "Event.wait": State.EVENT,
    "Queue.get": State.QUEUE,
    "Queue.put": State.QUEUE,
    "sleep": State.SLEEP,
    "StreamReader._wait_for_data": State.SOCKET,
}
_NAMED = (State.LOCK, State.SEMAPHORE, State.CONDITION, State.EVENT)


class Step(NamedTuple):
    """One step of a task.

    `ready` is since when it could have begun; `after` is what the task awaits from then on, ABSENT when it has ended;
    `awaits` says that in words, `where` the line that awaits, `holder` the task that has the lock it awaits, or 0, and
    `lock` tells that from others of the same name.
    """

    task: int
    tid: int
    ready: int
    began: int
    ended: int
    after: State
    awaits: str
    where: str
    holder: int = 0
    lock: int = 0


class Blocked(NamedTuple):
    """A step that blocked its event loop: who ran it, in which thread, and the line seen most often, or ""."""

    tid: int
    began: int
    ended: int
    name: str
    where: str


class TaskRecorder:
    """Notes steps between `install` and `remove`."""

    def __init__(self) -> None:
        self.steps: deque[Step] = deque(maxlen=_KEPT)
        self.names: dict[int, str] = {}
        self.blocked: deque[Blocked] = deque(maxlen=10_000)
        self._owners: weakref.WeakKeyDictionary[asyncio.Lock, int] = weakref.WeakKeyDictionary()
        self._numbers: dict[int, tuple[asyncio.Task[Any], int]] = {}
        self._running: dict[int, tuple[int, int, str]] = {}  # thread: native number, began, task
        self._seen: dict[int, tuple[int, Counter[str]]] = {}  # thread: began, how often each line
        self.strange: set[str] = set()  # loops whose steps are not seen, by their class
        self._due: dict[int, int] = {}  # thread: when the timer was due that it runs
        self._ahead = now() - time.monotonic_ns() // 1000  # of our clock, before that of loops
        self._loops: set[int] = set()  # threads that run one
        self._watch = UnseenThread(self._look, BLOCKING / 2e6)

    def install(self) -> None:
        """Begin."""
        self._original = original = _HANDLE._run

        @functools.wraps(original)
        def run(handle: Any) -> None:
            task = getattr(handle._callback, "__self__", None)
            task = task if isinstance(task, asyncio.Task) else None
            began = now()
            thread = _thread.get_ident()
            if thread not in self._loops:
                self._loops.add(thread)
                self._watch.start()
            if isinstance(handle, asyncio.TimerHandle):
                self._due[thread] = min(began, int(handle.when() * 1e6) + self._ahead)
            name = _name_of(task) if task is not None else getattr(handle._callback, "__qualname__", "a callback")
            self._running[thread] = _thread.get_native_id(), began, name
            try:
                original(handle)
            finally:
                del self._running[thread]
                self._due.pop(thread, None)
                self._note(task, thread, min(began, getattr(handle, "since", began)), began, name)

        self._acquire = acquire = _LOCK.acquire

        @functools.wraps(acquire)
        async def owned(lock: asyncio.Lock) -> Literal[True]:
            await acquire(lock)
            self._owners[lock] = self._number(asyncio.current_task())
            return True

        self._run_forever = run_forever = _LOOP.run_forever

        @functools.wraps(run_forever)
        def watched(loop: asyncio.BaseEventLoop) -> None:
            try:
                run_forever(loop)
            finally:
                self._loops.discard(_thread.get_ident())
                if not self._loops:
                    self._watch.stop()

        self._run_loop = run_loop = _RUNNER.run

        @functools.wraps(run_loop)
        def told(runner: asyncio.Runner, *args: Any, **options: Any) -> Any:
            kind = type(runner.get_loop())
            if not issubclass(kind, asyncio.BaseEventLoop):
                self.strange.add(f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}")
            return run_loop(runner, *args, **options)

        _RUNNER.run = told
        _LOOP.run_forever = watched
        _LOCK.acquire = owned
        step: Any = run
        _HANDLE._run, self._step = step, step.__code__  # below it in a stack is who runs the loop
        _EVENTS.Handle = _dated(self._due)

    def remove(self) -> None:
        """End."""
        _LOCK.acquire = self._acquire
        _HANDLE._run = self._original
        _EVENTS.Handle = _HANDLE
        _LOOP.run_forever = self._run_forever
        _RUNNER.run = self._run_loop
        self._watch.stop()
        self._numbers.clear()

    def _note(self, task: asyncio.Task[Any] | None, thread: int, ready: int, began: int, name: str) -> None:
        ended = now()
        tid = _thread.get_native_id()
        if ended - began >= BLOCKING:
            self.blocked.append(Blocked(tid, began, ended, name, self._seen_in(thread, began)))
        if task is None:
            return
        number, lock = self._number(task), None
        if task.done():
            self._numbers.pop(id(task), None)
            after, awaits, where = State.ABSENT, "", ""
        else:
            after, awaits, where, lock = _awaited(task)
        held = (0, 0) if lock is None else (self._owners.get(lock, 0), id(lock))
        self.steps.append(Step(number, tid, ready, began, ended, after, awaits, where, *held))

    def _seen_in(self, thread: int, began: int) -> str:
        """The line at which the step of a thread that began then was seen most often."""
        step, lines = self._seen.get(thread, (0, Counter[str]()))
        return max(lines, key=lines.__getitem__) if step == began and lines else ""

    def _number(self, task: asyncio.Task[Any] | None) -> int:
        """A task's number; its name is kept."""
        if task is None:
            return 0
        known = self._numbers.get(id(task))
        if known is None or known[0] is not task:
            known = self._numbers[id(task)] = task, len(self.names) + 1
            self.names[known[1]] = _name_of(task)
        return known[1]

    def _look(self) -> None:
        late = now() - BLOCKING // 2
        for thread, (_, began, _) in list(self._running.items()):
            if began < late:
                frame = sys._current_frames().get(thread)
                line = whence(frame, self._step) or place(_in_step(frame, self._step))
                seen = self._seen.get(thread)
                if seen is None or seen[0] != began:
                    seen = self._seen[thread] = began, Counter()
                if line:
                    seen[1][line] += 1


def _dated(due: dict[int, int]) -> type:
    """A Handle that knows since when its callback could have run."""

    class Handle(_HANDLE):  # type: ignore[misc]  # the class of this Python
        __slots__ = ("since",)

        def __init__(self, *args: Any, **options: Any) -> None:  # by name from Python 3.15 on
            super().__init__(*args, **options)
            self.since = due.get(_thread.get_ident()) or now() if due else now()

    return Handle


def _name_of(task: asyncio.Task[Any]) -> str:
    """Its own, and of one that was given none, the function that it runs."""
    name = task.get_name()
    function = getattr(task.get_coro(), "__qualname__", "").rpartition("<locals>.")[2]
    return f"{function} ({name})" if function and name.startswith(("Task-", "plait-async-")) else name


def _awaited(task: asyncio.Task[Any]) -> tuple[State, str, str, asyncio.Lock | None]:
    """What a task waits for: its state, in words, the line of the program that awaits it, and a lock that it is."""
    own, frame, inner = None, None, None
    for inner in awaited_frames(task.get_coro()):
        if not inner.f_code.co_filename.startswith(_LIBRARY):
            frame = inner
            own = own if is_installed(inner) else inner
    where = both(own, frame)
    name = inner.f_code.co_qualname if inner is not None else ""
    if getattr(task, "_fut_waiter", None) is None:
        return State.READY, "its turn", where, None
    state = _AWAITED.get(name, State.FUTURE)
    thing = inner.f_locals.get("self") if state in _NAMED and inner is not None else None
    if thing is not None:
        return state, _called(thing, frame), where, thing if isinstance(thing, asyncio.Lock) else None
    return state, name if name in _AWAITED else "a future", where, None


def _called(thing: object, frame: Any) -> str:
    """What the coroutine that awaits a lock or the like calls it."""
    kind = f"asyncio.{type(thing).__name__}"
    if frame is None:
        return f"an {kind}"
    variables = frame.f_locals
    owner = variables.get("self")
    for prefix, names in (("", variables), ("self.", getattr(owner, "__dict__", {})), ("", frame.f_globals)):
        for name, value in list(names.items()):
            if value is thing:
                return f"{prefix}{name} ({kind})"
    name = entered_as(frame, thing)
    return f"{name} ({kind})" if name else f"an {kind}"


def _in_step(frame: FrameType | None, step: CodeType) -> FrameType | None:
    """The innermost frame of a step that is not asyncio's own; none where a callback is C."""
    while frame is not None and frame.f_code is not step:
        if not frame.f_code.co_filename.startswith(_LIBRARY):
            return frame
        frame = frame.f_back
    return None
