"""What one task of an event loop waits for, told from its awaits and the source. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile

from plait._see.why import source
from plait._see.why.dump import Frame, Thread
from plait._see.why.keys import Key, is_own, key_of
from plait._see.why.wait import Wait

_FOR_TASKS = (
    ("taskgroups.py", "__aexit__"),
    ("tasks.py", "wait"),
    ("tasks.py", "_wait"),
    ("trio/_core/_run.py", "_nested_child_finished"),
    ("anyio/_backends/_asyncio.py", "__aexit__"),
)
_SLEEPS = ("asyncio.sleep(", "trio.sleep(", "anyio.sleep(", "sleep(")
_PRIMITIVES = {
    "Lock.acquire": "lock",
    "Semaphore.acquire": "semaphore",
    "Event.wait": "event",
    "Condition.wait": "condition",
    "Barrier.wait": "barrier",
    "Queue.get": "queue get",
    "Queue.put": "queue put",
    "Queue.join": "queue join",
}
_METHODS = {"join": "queue join", "get": "queue get", "put": "queue put", "acquire": "lock"}
_TO_THREADS = (("asgiref/sync.py", "__call__"), ("asyncio/threads.py", "to_thread"), ("anyio/to_thread.py", "run_sync"))
_LIMITER = "acquire_on_behalf_of"  # of how many threads run at a time, as anyio and trio have it
_FILES = ("asyncio/locks.py", "asyncio/queues.py")


def task_wait(thread: Thread) -> Wait:
    """What a task waits for: `await` and what, `tasks`, `sleep`; `serves`; `current` for the one that its loop runs."""
    frame = next((frame for frame in thread.frames if is_own(frame)), None)
    if thread.turn:
        return Wait(thread.turn, "", frame)
    if any(one.is_of("base_events.py", "serve_forever") for one in thread.frames):
        return Wait("serves", "", frame)
    if any(frame.is_of("tasks.py", "sleep") for frame in thread.frames):
        return Wait("sleep", "", frame)
    if any(one.is_of("asyncio/subprocess.py", "wait") for one in thread.frames):
        return Wait("child", "", frame)
    if frame is None:  # a coroutine of a library's own, as after create_task(event.wait())
        return Wait("await", f"{thread.frames[-1].function}()" if thread.frames else "", None)
    what = source.awaited(frame.file, frame.line, frame.column)
    if what.startswith(_SLEEPS):
        return Wait("sleep", "", frame)
    what = what.removesuffix(".acquire()")
    asks = what.endswith(")") and library(thread) is not None  # a pool that lends has several, which is no lock
    keys = () if asks else tuple(_keys(thread.frames[thread.frames.index(frame) :]))
    others = any(one.is_of(*function) for one in thread.frames for function in _FOR_TASKS)
    kind = "tasks" if others or what.startswith("asyncio.gather(") else "await"
    return Wait(kind, what, frame, keys, limited=_limited(thread), deep=library(thread))


def awaits_thread(thread: Thread) -> bool:
    """Whether a task awaits what it has a thread of a pool do."""
    return any(frame.is_of(*each) for frame in thread.frames for each in _TO_THREADS)


def _limited(thread: Thread) -> bool:
    """Whether a task goes on after a while: within `asyncio.timeout`, or as what it has called was given one."""
    called = [frame.variables for frame in thread.frames if frame.is_in("tasks.py", _WITH_TIMEOUT)]
    if any(each["timeout"].type != "NoneType" for each in called if "timeout" in each):
        return not any(frame.is_of("tasks.py", "_cancel_and_wait") for frame in thread.frames)  # it is over
    entered = [one.expression for frame in thread.frames if is_own(frame)
               for one in source.held(frame.file, frame.line, frame.column)]  # fmt: skip
    return any(_TIMEOUT.match(expression) for expression in entered)


def for_ever(thread: Thread, wait: Wait) -> bool:
    """Whether a task awaits, in its own function, what nobody else knows: ``await asyncio.Event().wait()``.

    The main task of a server does, until it is cancelled.
    """
    own = wait.kind == "await" and wait.frame is not None and wait.frame is thread.frames[-1]
    return own and not thread.cancelled and _FOR_EVER.fullmatch(wait.what) is not None


def _keys(frames: tuple[Frame, ...]) -> Iterator[Key]:
    """As what it is known that a task waits for: where it awaits, and to whoever has entered that for the purpose."""
    for frame in frames:
        if frame.file.endswith("contextlib.py"):
            continue
        # Whoever cannot read the variables does not know the column either; without them, equal names of two functions
        # would mean the same.
        if not frame.variables and frame.column < 0:
            return
        key = key_of(frame, source.awaits_to_take(frame.file, frame.line, frame.column))
        if key is not None:
            yield key
        if not source.takes_for_its_caller(frame.file, frame.line):
            return


def primitive(thread: Thread) -> str:
    """The kind of wait that a task's `await` is: `lock`, `queue get`; "" for one of another kind.

    The methods of asyncio's own that it is in tell, or else the name of the method that its line awaits. What a library
    has called those for is its own affair.
    """
    if library(thread) is not None:
        return ""
    if any(frame.name.startswith(_LIMITER) for frame in thread.frames):
        return "limiter"
    for frame in reversed(thread.frames):  # the outermost: Queue.join() waits for an Event
        if frame.file.endswith(_FILES) and frame.function in _PRIMITIVES:
            return _PRIMITIVES[frame.function]
    own = next((frame for frame in thread.frames if is_own(frame)), None)
    what = source.awaited(own.file, own.line, own.column) if own is not None else ""
    method = what.removesuffix("()").rpartition(".")[2].partition("(")[0]
    return _METHODS.get(method, "") if what.endswith(")") else ""


def library(thread: Thread) -> Frame | None:
    """The innermost frame of an installed library that a line of the user's own has called; None for none.

    Those whose locks, events and channels programs await as they do asyncio's are none.
    """
    inner = takewhile(lambda frame: not is_own(frame), thread.frames)
    return next((frame for frame in inner if _INSTALLED.search(frame.file)), None)


_WITH_TIMEOUT = ("wait", "_wait", "wait_for")
_TIMEOUT = re.compile(r"([\w.]+\.)?(timeout|timeout_at|fail_after|fail_at|move_on_after|move_on_at)\((?!None\))")
_FOR_EVER = re.compile(r"([\w.]+\.)?((Event|Future)\(\)(\.wait\(\))?|([\w.()]+\.)?create_future\(\)|sleep_forever\(\))")
_INSTALLED = re.compile(r"[/\\](site|dist)-packages[/\\](?!(anyio|trio)[/\\])")
