"""Steps: what the tasks of event loops do, whichever library has them, and the line of a step that blocks its loop.

Steps that last longer than `BLOCKING` are looked at by a thread that is there while a loop runs, and counts the lines.
The one seen most often tells, not the last: a thread that computes lets others look most easily where it calls the
system at the end.
"""

from __future__ import annotations

import _thread
import sys
from collections import Counter, deque
from types import CodeType, FrameType
from typing import Any, NamedTuple

from plait._core.trace import State
from plait._see.holders import entered_as
from plait._see.sampler.samples import now
from plait._see.unseen_thread import UnseenThread
from plait._see.whereabouts import line_of, place, whence

BLOCKING = 20_000  # microseconds of a step
A_STEP = "a step"  # of a loop whose tasks are not seen
BESIDE = "asyncio.to_thread"
_KEPT = 1_000_000


class Step(NamedTuple):
    """One step of a task.

    `ready` is since when it could have begun; `after` is what the task awaits from then on, ABSENT when it has ended;
    `awaits` says that in words, `where` the line that awaits, `holder` the task that has the lock it awaits, or 0, and
    `lock` tells that from others of the same name; `permits` is how many a semaphore has, 0 where nobody knows.
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
    permits: int = 0


class Blocked(NamedTuple):
    """A step that blocked its event loop: who ran it, in which thread, and the line seen most often, or "".

    `beside` is the function that runs what blocks beside this loop.
    """

    tid: int
    began: int
    ended: int
    name: str
    where: str
    beside: str = BESIDE


class Loop(NamedTuple):
    """An event loop that a thread ran from then to then; `where` is the line of the program that ran it.

    `beside` is the function that runs what blocks beside it.
    """

    tid: int
    began: int
    ended: int
    where: str
    beside: str = BESIDE


class Steps:
    """Those of all tasks, and where they are while they run.

    `library` has the folders of the event loops: a line there is not one that blocks. `watch` is the thread that looks.
    """

    def __init__(self) -> None:
        self.steps: deque[Step] = deque(maxlen=_KEPT)
        self.names: dict[int, str] = {}
        self.blocked: deque[Blocked] = deque(maxlen=10_000)
        self.sources: dict[str, tuple[str, int]] = {}  # the file and the number of lines that await
        self.library: tuple[str, ...] = ()
        self._numbers: dict[int, tuple[object, int]] = {}
        self._running: dict[int, tuple[int, CodeType]] = {}  # thread: began, and what is below the step in its stack
        self._seen: dict[int, tuple[int, Counter[str]]] = {}  # thread: began, how often each line
        self.loops: deque[Loop] = deque(maxlen=10_000)  # those that have ended
        self._loops: dict[int, Loop] = {}  # by thread: those that run
        self._in_c: dict[int, tuple[Any, CodeType]] = {}  # threads that run one in C: that, and what waits in it
        self.watch = UnseenThread(self._look, BLOCKING / 2e6)

    def close(self) -> None:
        """Look no more, and keep no task alive; loops that run on count as far as they were seen."""
        self.watch.stop()
        self.loops += [loop._replace(ended=now()) for loop in list(self._loops.values())]
        self._numbers.clear()

    def watches(self, loop: Any, idle: CodeType) -> None:
        """This thread runs a loop in C, whose steps nobody notes: above `idle` only a step has frames."""
        self._enters(now(), BESIDE)
        self._in_c[_thread.get_ident()] = loop, idle

    def begins(self, began: int, below: CodeType, beside: str = BESIDE) -> None:
        """This thread begins a step."""
        thread = _thread.get_ident()
        if thread not in self._loops:
            self._enters(began, beside)
        self._running[thread] = began, below

    def ends(self, began: int, name: str, beside: str = BESIDE) -> int:
        """This thread has come to the end of the step; when that was."""
        thread = _thread.get_ident()
        self._running.pop(thread, None)
        ended = now()
        if ended - began >= BLOCKING:
            where = self._seen_in(thread, began)
            self.blocked.append(Blocked(_thread.get_native_id(), began, ended, name, where, beside))
        return ended

    def leaves_loop(self) -> None:
        """This thread does not run its event loop any more."""
        loop = self._loops.pop(_thread.get_ident(), None)
        if loop is not None:
            self.loops.append(loop._replace(ended=now()))
        self._in_c.pop(_thread.get_ident(), None)
        self._running.pop(_thread.get_ident(), None)
        if not self._loops:
            self.watch.stop()

    def _enters(self, began: int, beside: str) -> None:
        self._loops[_thread.get_ident()] = Loop(_thread.get_native_id(), began, 0, line_of(sys._getframe()), beside)
        self.watch.start()

    def number(self, task: object, name: str) -> int:
        """A task's number; its name is kept."""
        known = self._numbers.get(id(task))
        if known is None or known[0] is not task:
            known = self._numbers[id(task)] = task, len(self.names) + 1
            self.names[known[1]] = name
        return known[1]

    def forget(self, task: object) -> None:
        """A task that has ended."""
        self._numbers.pop(id(task), None)

    def _seen_in(self, thread: int, began: int) -> str:
        """The line at which the step of a thread that began then was seen most often."""
        step, lines = self._seen.get(thread, (0, Counter[str]()))
        return max(lines, key=lines.__getitem__) if step == began and lines else ""

    def _ask(self) -> None:
        """Have each loop in C that is seen in a step say when it is through with that: by its next one."""
        for thread, (loop, idle) in list(self._in_c.items()):
            frame = sys._current_frames().get(thread)
            if thread in self._running or frame is None or frame.f_code is idle:
                continue
            began = now()
            self._running[thread] = began, idle
            try:
                loop.call_soon_threadsafe(self.ends, began, A_STEP)
            except RuntimeError:  # it has been closed meanwhile
                self._running.pop(thread, None)

    def _look(self) -> None:
        self._ask()
        late = now() - BLOCKING // 2
        for thread, (began, below) in list(self._running.items()):
            if began < late:
                frame = sys._current_frames().get(thread)
                line = whence(frame, below) or place(self._in_step(frame, below))
                seen = self._seen.get(thread)
                if seen is None or seen[0] != began:
                    seen = self._seen[thread] = began, Counter()
                if line:
                    seen[1][line] += 1

    def _in_step(self, frame: FrameType | None, below: CodeType) -> FrameType | None:
        """The innermost frame of a step that is not the event loop's own; none where a callback is C."""
        while frame is not None and frame.f_code is not below:
            if not frame.f_code.co_filename.startswith(self.library):
                return frame
            frame = frame.f_back
        return None


def thing_of(state: State, inner: FrameType | None) -> Any:
    """The lock or the like that a task in this state waits for, by the innermost coroutine, which is a method of it."""
    return inner.f_locals.get("self") if state in _THINGS and inner is not None else None


def called(thing: object, frame: FrameType | None) -> str:
    """What the coroutine that awaits a lock or the like calls it: ``self.lock (asyncio.Lock)``."""
    kind = f"{type(thing).__module__.partition('.')[0]}.{type(thing).__name__}"
    if frame is None:
        return f"{_ARTICLES[kind[0] in 'aeiou']} {kind}"
    variables = frame.f_locals
    owner = variables.get("self")
    for prefix, names in (("", variables), ("self.", getattr(owner, "__dict__", {})), ("", frame.f_globals)):
        for name, value in list(names.items()):
            if value is thing:
                return f"{prefix}{name} ({kind})"
    name = entered_as(frame, thing)
    return f"{name} ({kind})" if name else f"{_ARTICLES[kind[0] in 'aeiou']} {kind}"


_THINGS = (State.LOCK, State.SEMAPHORE, State.CONDITION, State.EVENT, State.BARRIER)
_ARTICLES = ("a", "an")
