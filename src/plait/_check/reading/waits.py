"""What a thread that is stuck waits for, told from the frames of the standard library, and plait, on its stack."""

from __future__ import annotations

import re
from typing import NamedTuple

from plait._check.reading.source import Sources
from plait._check.record import Blocked, Frame
from plait._core.event import Kind, Site


class Waiting(NamedTuple):
    """What a stuck thread waits for: `kind`, one of those in the table below, and the user's frame that waits."""

    kind: str
    frame: Frame | None


# Read from the top: the first whose frames are all on the stack, in this order, innermost last.
_SHAPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("channel get", ("channel.py:get", "channel.py:_stand")),
    ("channel put", ("channel.py:put", "channel.py:_stand")),
    ("scope", ("scope.py:__exit__",)),
    ("map", ("stream.py:__next__",)),
    ("idle", ("crew.py:next_batch",)),
    ("idle", ("crew.py:listen",)),
    ("executor", ("thread.py:shutdown",)),
    ("future", ("_base.py:result",)),
    ("future", ("_base.py:exception",)),
    ("futures", ("_base.py:as_completed",)),
    ("futures", ("_base.py:result_iterator",)),
    ("futures", ("_base.py:wait",)),
    ("barrier", ("threading.py:_wait",)),
    ("barrier", ("threading.py:_enter",)),
    ("queue join", ("queue.py:join",)),
    ("queue put", ("queue.py:put", "threading.py:wait")),
    ("queue get", ("queue.py:get", "threading.py:wait")),
    ("queue get", ("queue.py:get", "threading.py:acquire")),
    ("idle", ("thread.py:_worker",)),
    ("semaphore", ("threading.py:acquire", "threading.py:wait")),
    ("semaphore", ("threading.py:__enter__", "threading.py:wait")),
    ("condition", ("threading.py:wait_for", "threading.py:wait")),
    ("event", ("threading.py:wait", "threading.py:wait")),
    ("condition", ("threading.py:wait",)),
)

_AWAITED = {  # by the method of asyncio, innermost last
    "Channel.aget": "await channel get",
    "Channel.aput": "await channel put",
    "Scope.__aexit__": "await tasks",
    "Event.wait": "await event",
    "Lock.acquire": "await lock",
    "Semaphore.acquire": "await semaphore",
    "Condition.wait": "await condition",
    "Barrier._block": "await barrier",
    "Barrier._wait": "await barrier",
    "Queue.get": "await queue get",
    "Queue.put": "await queue put",
    "Queue.join": "await queue join",
    "StreamReader._wait_for_data": "await data",
    "FlowControlMixin._drain_helper": "await room",
    "TaskGroup.__aexit__": "await tasks",
    "TaskGroup._aexit": "await tasks",
    "wait": "await tasks",
    "_wait": "await tasks",
    "BaseEventLoop.run_forever": "loop",
}


def waiting(blocked: Blocked) -> Waiting:
    """What the thread waits for.

    >>> from plait._core.event import Event
    >>> stack = (Frame("app.py", 7, "consume", True), Frame("/lib/queue.py", 171, "Queue.get", False),
    ...          Frame("/lib/threading.py", 355, "Condition.wait", False))
    >>> waiting(Blocked(1, Event(1, Kind.ACQUIRE, 4, "", None), stack, -1, ())).kind
    'queue get'
    """
    mine = max((at for at, frame in enumerate(blocked.stack) if frame.mine), default=-1)
    frame = blocked.stack[mine] if mine >= 0 else None
    if blocked.pending.kind == Kind.JOIN:
        return Waiting("join", frame)
    if blocked.pending.kind == Kind.OUTSIDE:
        return Waiting("outside", frame)
    inner = blocked.stack[mine + 1 :]
    if blocked.pending.kind == Kind.WAIT:
        return Waiting(next((_AWAITED[one.function] for one in inner if one.function in _AWAITED), "await"), frame)
    names = [f"{_base(frame.file)}:{frame.function.rpartition('.')[2]}" for frame in inner]
    for kind, shape in _SHAPES:
        if _contains(names, shape):
            return Waiting(kind, frame)
    return Waiting("sleep" if blocked.pending.kind == Kind.SLEEP else "lock", frame)


def receiver(line: str, method: str) -> str:
    """What a method is called on, in a line of source: ``self.ready`` in ``self.ready.wait()``; "" if not there."""
    found = re.search(rf"([A-Za-z_][\w.]*(?:\[[^\]]*\])?)\.{method}\b", line)
    return found.group(1) if found else ""


def entered(text: str) -> str:
    """What a line takes: `b` in ``async with b:``, in ``async with a, b:`` and in ``await b.acquire()``."""
    found = re.match(r"(?:async\s+)?with\s+(?:.*,\s*)?([\w.\[\]]+)(?:\s+as\s+\w+)?\s*:", text)
    return found[1] if found else receiver(text, "acquire")


def condition_of(what: Waiting, sources: Sources) -> str:
    """The last name of the condition that is waited on; several may have one lock."""
    if what.kind != "condition" or what.frame is None:
        return ""
    line = sources.line(what.frame.file, what.frame.line)
    return (receiver(line, "wait_for") or receiver(line, "wait")).rpartition(".")[2]


def _contains(names: list[str], shape: tuple[str, ...]) -> bool:
    rest = iter(names)
    return all(any(name == wanted for name in rest) for wanted in shape)


def _base(file: str) -> str:
    return re.split(r"[/\\]", file)[-1]


def in_pool(blocked: Blocked) -> bool:
    """Whether it runs the user's code as a worker of a pool."""
    frames = blocked.stack
    working = any(frame.file.endswith("thread.py") and frame.function.endswith("_worker") for frame in frames)
    return working and any(frame.mine for frame in frames)


def waits_inside(blocked: Blocked, since: Site | None) -> bool:
    """Whether what the user's line calls has taken a lock, at `since`, to wait there until somebody gives it back."""
    frames = blocked.stack
    return since == blocked.pending.site and bool(frames) and not frames[-1].mine
