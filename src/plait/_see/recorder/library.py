"""Waits in the standard library that look like others: for a child process, for what other processes do, for events.

The system shows a wait for a child as reading a pipe, one for an item of another process too, and an event loop that
has nothing to do as waiting for a socket, or for a lock in C. Here they are noted as what they are. Modules that nobody
has imported yet are seen to when they are.
"""

from __future__ import annotations

import _thread
import functools
import sys
import time
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from plait._core.once_imported import forget, once_imported
from plait._core.trace import State
from plait._see.recorder.unfinished import Unfinished, here
from plait._see.recorder.waits import SHORTEST, Noted
from plait._see.replaced import Replaced
from plait._see.sampler.samples import now
from plait._see.whereabouts import lacks_work, line_of

_WAITS = (  # module, class, method, what a call of it waits for
    ("subprocess", "Popen", "wait", State.CHILD),
    ("subprocess", "Popen", "communicate", State.CHILD),
    ("multiprocessing.process", "BaseProcess", "join", State.CHILD),
    ("multiprocessing.queues", "Queue", "get", State.QUEUE),
    ("multiprocessing.queues", "Queue", "put", State.QUEUE),
    ("multiprocessing.queues", "SimpleQueue", "get", State.QUEUE),
    ("multiprocessing.queues", "JoinableQueue", "join", State.QUEUE),
    ("multiprocessing.pool", "ApplyResult", "wait", State.FUTURE),
    ("multiprocessing.pool", "ApplyResult", "get", State.FUTURE),
    ("multiprocessing.pool", "IMapIterator", "next", State.FUTURE),
    ("multiprocessing.synchronize", "Event", "wait", State.EVENT),
    ("multiprocessing.synchronize", "Barrier", "wait", State.BARRIER),
    ("selectors", "_PollLikeSelector", "select", State.IDLE),
    ("selectors", "SelectSelector", "select", State.IDLE),
)
_WINDOWS = (("Misc", "mainloop"), ("", "mainloop"))  # of tkinter: the method, and the function
_ALIKE = {"__next__": "next"}  # the same function under another name
_NO_LOOPS = ("subprocess.py", "connection.py", "socket.py")  # where a selector waits for certain files and nothing else
_FOR_WORK = (State.QUEUE, State.SLEEP)  # what a thread that a library has for itself does until it is given some
_SEVERAL = 2  # descriptors: who waits for one, waits for that
_WHOSE = "plait.trace"


class Windows(NamedTuple):
    """A thread was in the loop of its windows from then until then; there it waits in C for something to happen."""

    tid: int
    began: int
    ended: int = sys.maxsize


class LibraryRecorder:
    """Notes these waits between `install` and `remove`, with those of a `Recorder`."""

    def __init__(self, noted: deque[Noted], unfinished: Unfinished) -> None:
        self.windows: list[Windows] = []
        self._noted = noted
        self._unfinished = unfinished
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        for name in dict.fromkeys(each[0] for each in _WAITS):
            once_imported(name, functools.partial(self._see_to, name), _WHOSE)
        once_imported("select", self._see_to_select, _WHOSE)
        once_imported("tkinter", self._see_to_windows, _WHOSE)
        self._replaced.put(time, "sleep", self._waiting(time.sleep, State.SLEEP, "time.sleep"))

    def remove(self) -> None:
        """End."""
        forget(_WHOSE)
        self._replaced.put_back()

    def _see_to(self, module: str) -> None:
        for name, kind, method, state in _WAITS:
            owner = getattr(sys.modules[module], kind, None) if name == module else None
            if owner is None:
                continue
            original = getattr(owner, method)
            waiting = self._waiting(original, state, f"{kind}.{method}" if state is State.QUEUE else kind)
            for one in (method, *(alias for alias, same in _ALIKE.items() if same == method)):
                if owner.__dict__.get(one) is original:
                    self._replaced.put(owner, one, waiting)

    def _see_to_select(self) -> None:
        module: Any = sys.modules["select"]
        original = module.select

        noted = self._noted

        def told(lists: tuple[Any, ...], began: int, frame: FrameType, tid: int) -> Noted | None:
            many = sum(len(one) for one in lists[:3] if hasattr(one, "__len__"))
            return Noted(tid, began, now(), State.IDLE, "events", line_of(frame)) if many >= _SEVERAL else None

        @functools.wraps(original)
        def select(*lists: Any) -> Any:
            began = now()
            try:
                return original(*lists)
            finally:
                if now() - began >= SHORTEST and (found := told(lists, began, *here())):
                    noted.append(found)

        self._replaced.put(module, "select", self._unfinished.knows(select, "lists", "began"))

    def _see_to_windows(self) -> None:
        module: Any = sys.modules["tkinter"]
        for kind, name in _WINDOWS:
            owner = getattr(module, kind) if kind else module
            self._replaced.put(owner, name, self._within(getattr(owner, name)))

    def _within(self, original: Callable[..., Any]) -> Callable[..., Any]:
        windows = self.windows

        @functools.wraps(original)
        def mainloop(*args: Any, **kwargs: Any) -> Any:
            at = len(windows)
            windows.append(Windows(_thread.get_native_id(), now()))
            try:
                return original(*args, **kwargs)
            finally:
                windows[at] = windows[at]._replace(ended=now())

        return mainloop

    def _waiting(self, original: Callable[..., Any], state: State, name: str) -> Callable[..., Any]:
        noted = self._noted

        def told(began: int, frame: FrameType, tid: int) -> Noted | None:
            known, called = state, name
            if state in _FOR_WORK and lacks_work(frame):
                known, called = State.IDLE, "work"
            elif state is State.IDLE:
                caller, called = frame.f_back, "events"
                if caller is not None and caller.f_code.co_filename.endswith(_NO_LOOPS):
                    return None
            return Noted(tid, began, now(), known, called, line_of(frame))

        @functools.wraps(original)
        def wait(*args: Any, **kwargs: Any) -> Any:
            began = now()
            try:
                return original(*args, **kwargs)
            finally:
                if now() - began >= SHORTEST and (found := told(began, *here())):
                    noted.append(found)

        return self._unfinished.knows(wait, "began")
