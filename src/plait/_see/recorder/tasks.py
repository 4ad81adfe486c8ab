"""What asyncio tasks do: each step of an event loop, what the task awaits after it, and the line of a step that blocks.

A step is `asyncio.events.Handle._run`; its callback belongs to the task. After the step the task is ready, has ended,
or awaits something, which the innermost coroutine says. Since when it could have gone on the handle of its next step
says, which is made when that is known; after a timer, the moment at which the timer was due.
"""

from __future__ import annotations

import _thread
import asyncio
import asyncio.events
import functools
import os
import time
import weakref
from collections.abc import Callable
from typing import Any, Literal

from plait._core.awaits import awaited_frames
from plait._core.trace import State
from plait._see.recorder.steps import Step, Steps, called, thing_of
from plait._see.replaced import Replaced
from plait._see.sampler.samples import now
from plait._see.whereabouts import PLAIT, both, is_installed

_HANDLE: Any = asyncio.events.Handle  # every step of every loop goes through its `_run`
_LIBRARY = (os.path.dirname(asyncio.__file__) + os.sep, PLAIT)
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
_WHOLE = {  # made of others of these
    "Barrier.wait": State.BARRIER,
    "Queue.join": State.QUEUE,
    "Process.wait": State.CHILD,
    "Process.communicate": State.CHILD,
}
_KNOWN = _AWAITED | _WHOLE


class TaskRecorder:
    """Notes the steps of asyncio's tasks between `install` and `remove`."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._owners: weakref.WeakKeyDictionary[asyncio.Lock, int] = weakref.WeakKeyDictionary()
        self._permits: weakref.WeakKeyDictionary[asyncio.Semaphore, int] = weakref.WeakKeyDictionary()
        self.strange: set[str] = set()  # loops whose steps are not seen, by their class
        self._due: dict[int, int] = {}  # thread: when the timer was due that it runs
        self._ahead = now() - time.monotonic_ns() // 1000  # of our clock, before that of loops
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        original = _HANDLE._run
        steps = self._steps
        steps.library += _LIBRARY

        @functools.wraps(original)
        def run(handle: Any) -> None:
            task = getattr(handle._callback, "__self__", None)
            task = task if isinstance(task, asyncio.Task) else None
            began = now()
            thread = _thread.get_ident()
            if isinstance(handle, asyncio.TimerHandle):
                self._due[thread] = min(began, int(handle.when() * 1e6) + self._ahead)
            name = _name_of(task) if task is not None else getattr(handle._callback, "__qualname__", "a callback")
            steps.begins(began, below)
            try:
                original(handle)
            finally:
                self._due.pop(thread, None)
                ended = steps.ends(began, name)
                if task is not None:
                    self._note(task, name, min(began, getattr(handle, "since", began)), began, ended)

        self._replaced.put(asyncio.Semaphore, "__init__", self._counting(asyncio.Semaphore.__init__))
        acquire = asyncio.Lock.acquire

        @functools.wraps(acquire)
        async def owned(lock: asyncio.Lock) -> Literal[True]:
            await acquire(lock)
            task = asyncio.current_task()
            self._owners[lock] = 0 if task is None else self._steps.number(task, _name_of(task))
            return True

        run_forever = asyncio.BaseEventLoop.run_forever

        @functools.wraps(run_forever)
        def watched(loop: asyncio.BaseEventLoop) -> None:
            try:
                run_forever(loop)
            finally:
                self._steps.leaves_loop()

        step: Any = run
        below = step.__code__
        self._replaced.put(asyncio.Runner, "run", self._telling(asyncio.Runner.run))
        self._replaced.put(asyncio.BaseEventLoop, "run_forever", watched)
        self._replaced.put(asyncio.Lock, "acquire", owned)
        self._replaced.put(_HANDLE, "_run", step)
        self._replaced.put(asyncio.events, "Handle", _dated(self._due))

    def _counting(self, original: Callable[..., None]) -> Callable[..., None]:
        """`Semaphore.__init__` that keeps how many permits there are: a semaphore only knows how many are left."""
        permits = self._permits

        @functools.wraps(original)
        def init(semaphore: asyncio.Semaphore, value: int = 1) -> None:
            original(semaphore, value)
            permits[semaphore] = value

        return init

    def _telling(self, original: Any) -> Any:
        """`Runner.run` that says of a loop in C which one it is, and has it asked when it blocks."""

        @functools.wraps(original)
        def run(runner: asyncio.Runner, *args: Any, **options: Any) -> Any:
            loop = runner.get_loop()
            kind = type(loop)
            if issubclass(kind, asyncio.BaseEventLoop):
                return original(runner, *args, **options)
            self.strange.add(f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}")
            self._steps.watches(loop, original.__code__)
            try:
                return original(runner, *args, **options)
            finally:
                self._steps.leaves_loop()

        return run

    def remove(self) -> None:
        """End."""
        self._replaced.put_back()

    def _note(self, task: asyncio.Task[Any], name: str, ready: int, began: int, ended: int) -> None:
        number, thing = self._steps.number(task, name), None
        if task.done():
            self._steps.forget(task)
            after, awaits, where = State.ABSENT, "", ""
        else:
            after, awaits, where, thing = _awaited(task, self._steps.sources)
        held = (0, 0, 0) if thing is None else self._held(thing)
        step = Step(number, _thread.get_native_id(), ready, began, ended, after, awaits, where, *held)
        self._steps.steps.append(step)

    def _held(self, thing: object) -> tuple[int, int, int]:
        """Who has what is awaited, what tells it from others, and how many permits it has; 0 where there is none."""
        if isinstance(thing, asyncio.Lock):
            return self._owners.get(thing, 0), id(thing), 0
        if isinstance(thing, asyncio.Semaphore):
            return 0, id(thing), self._permits.get(thing, 0)
        return 0, 0, 0


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


def _awaited(task: asyncio.Task[Any], sources: dict[str, tuple[str, int]]) -> tuple[State, str, str, object]:
    """What a task waits for: its state, in words, the line of the program that awaits it, and a lock or the like.

    Where that line is goes into `sources`.
    """
    own, first, frame, inner, whole = None, None, None, None, None
    for inner in awaited_frames(task.get_coro()):
        if inner.f_code.co_filename.startswith(_LIBRARY):
            whole = whole or (inner if inner.f_code.co_qualname in _WHOLE else None)
        else:
            whole = None
            first, frame = first or inner, inner
            own = own if is_installed(inner) else inner
    where = both(own or first, frame)  # of a package's own task, what it has begun with
    inner = whole or inner
    name = inner.f_code.co_qualname if inner is not None else ""
    if getattr(task, "_fut_waiter", None) is None:
        return State.READY, "its turn", where, None
    if where not in sources and frame is not None:
        sources[where] = frame.f_code.co_filename, frame.f_lineno or 0
    state = _KNOWN.get(name, State.FUTURE)
    thing = thing_of(state, inner)
    if thing is not None:
        return state, called(thing, frame), where, thing
    return state, name if name in _KNOWN else "a future", where, None
