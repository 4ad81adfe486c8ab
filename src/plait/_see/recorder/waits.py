"""Recorder: while it is installed, `threading`, `queue` and futures note their waits, and threads their names.

Only what has to wait is noted; who gets a lock at once pays one more Python call. Nothing is changed when it is off.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import functools
import linecache
import queue
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from plait._core.bell import Bell
from plait._core.trace import State
from plait._engines.core_wait import counted
from plait._see.recorder.locks import ABOUT_IT, WAIT, lock_types
from plait._see.recorder.semaphores import Takers
from plait._see.recorder.unfinished import Unfinished, here
from plait._see.replaced import Replaced
from plait._see.sampler.samples import now
from plait._see.services import is_service
from plait._see.whereabouts import lacks_work, line_of, user_frame

_KEPT = 1_000_000
_FOR_WORK = (State.QUEUE, State.CONDITION, State.EVENT)
_START = threading.Thread.start.__code__
_FOR_FUTURES = (concurrent.futures.wait.__code__, concurrent.futures.as_completed.__code__)  # by an Event of their own
RETURNED = " of what it puts back"  # who takes from a queue puts into it, too, or somebody else who takes does
TAKEN_BY = ", taken from by "  # the one thread that takes from a queue, where others wait for room in it
GIVEN_BY = ", put into by "  # the one thread that puts into a queue, where others wait for an item
LAST = ", last to come "  # who has let the others go on at a barrier
_WAYS = {"get": 0, "put": 1}  # of how often a thread has begun to take from a queue, and to put into it
_NAMES = {State.IDLE: "work", State.GIL: "the beginning of a thread"}
SHORTEST = 20  # microseconds of a call that counts as having waited


class Noted(NamedTuple):
    """A wait as its thread noted it; threads by the numbers the system gives them, 0 for nobody.

    `one` tells what has the same name apart: no two that exist at the same time have the same. `permits` says how many
    had it when the wait began, of whom the holder is one.
    """

    tid: int
    began: int
    ended: int
    state: State
    name: str
    where: str
    holder: int = 0
    held_at: str = ""
    got: bool = True
    one: int = 0
    permits: int = 1


class Life(NamedTuple):
    """A thread that began while the recorder was installed, by its own count; moments in microseconds.

    `cpu` and `queued` are the seconds that it had a core, and was ready and had none; -1 where the system does not say.
    """

    began: int
    ended: int
    cpu: float
    queued: float


class Recorder:
    """Notes waits between `install` and `remove`; only one can be installed."""

    def __init__(self) -> None:
        self.noted: deque[Noted] = deque(maxlen=_KEPT)
        self.names: dict[int, str] = {}
        self.lives: dict[int, Life] = {}
        self.services: set[int] = set()
        self._replaced = Replaced()
        self.natives: dict[int, int] = {}
        self._takers = Takers()
        self.unfinished = Unfinished()
        self._last: weakref.WeakKeyDictionary[threading.Barrier, int] = weakref.WeakKeyDictionary()
        self._traffic: weakref.WeakKeyDictionary[object, dict[int, list[int]]] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Begin."""
        for thread in threading.enumerate():
            self._met(thread)
        lock, rlock = lock_types(self._contended, self.noted.append)
        self.unfinished.know(WAIT, *ABOUT_IT)
        self._replaced.put(threading, "Lock", lock)
        self._replaced.put(threading, "RLock", rlock)
        self._replaced.put(threading.Thread, "_bootstrap_inner", self._naming(threading.Thread._bootstrap_inner))  # type: ignore[attr-defined]  # where a thread learns its numbers
        for owner, method, state in (
            (threading.Condition, "wait", State.CONDITION),
            (threading.Barrier, "wait", State.BARRIER),
            (threading.Event, "wait", State.EVENT),
            (threading.Thread, "join", State.JOIN),
            (concurrent.futures.Future, "result", State.FUTURE),
            (concurrent.futures.Future, "exception", State.FUTURE),
            (queue.Queue, "get", State.QUEUE),
            (queue.Queue, "put", State.QUEUE),
            (queue.Queue, "join", State.QUEUE),
        ):
            self._replaced.put(owner, method, self._waiting(getattr(owner, method), state, method))
        takes = self._taking(threading.Semaphore.acquire)
        self._replaced.put(threading.Semaphore, "acquire", takes)
        self._replaced.put(threading.Semaphore, "__enter__", takes)
        for kind in (threading.Semaphore, threading.BoundedSemaphore):
            self._replaced.put(kind, "release", self._giving(kind.release))
        self._replaced.put(threading, "_shutdown", self._ending(threading._shutdown))  # type: ignore[attr-defined]  # the last wait
        self._replaced.put(Bell, "wait", self._bell(Bell.wait))
        self._replaced.put(queue, "SimpleQueue", self._simple_queue(queue.SimpleQueue))

    def remove(self) -> None:
        """End; locks and queues made meanwhile work on. Of waits that go on it is noted what they are for."""
        self.noted += self.unfinished.noted(self.natives)
        self._replaced.put_back()

    def _met(self, thread: threading.Thread) -> None:
        if thread.native_id is not None and thread.ident is not None:
            self.names[thread.native_id] = thread.name
            self.natives[thread.ident] = thread.native_id

    def _contended(
        self, name: str, lock: Any, holder: list[Any], began: int, got: bool, frame: FrameType, tid: int
    ) -> Noted:
        where, (owner, held_at) = line_of(frame), holder
        if _is_signal(user_frame(frame)):
            return Noted(tid, began, now(), State.IDLE, "work", where)
        return Noted(tid, began, now(), State.LOCK, name, where, self.natives.get(owner, 0), held_at, got, id(lock))

    def _naming(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        @functools.wraps(original)
        def bootstrap(thread: threading.Thread) -> None:
            began, tid = now(), _thread.get_native_id()
            self.names[tid] = thread.name
            self.natives[_thread.get_ident()] = tid
            if is_service(thread):
                self.services.add(tid)
            try:
                original(thread)
            finally:
                use = counted()
                times = (-1.0, -1.0) if use is None else (time.thread_time(), use[1])
                self.lives[tid] = Life(began, now(), *times)

        return bootstrap

    def _waiting(self, original: Callable[..., Any], state: State, method: str) -> Callable[..., Any]:
        noted, traffic, last = self.noted, self._traffic, self._last
        way = _WAYS.get(method) if state is State.QUEUE else None

        def told(waited_for: Any, began: int, frame: FrameType, tid: int) -> Noted:
            known = _state_of(frame, state, method)
            of_futures = known is State.FUTURE is not state
            name = _NAMES.get(known) or ("Future" if of_futures else _name_of(waited_for, state, method))
            if known is State.QUEUE and way is not None:
                name += self._of_queue(traffic.get(waited_for.mutex, {}), way)
            if known is State.BARRIER:
                name += self._called(LAST, [self._last[waited_for]] if waited_for in self._last else [])
            return Noted(tid, began, now(), known, name, line_of(frame))

        @functools.wraps(original)
        def wait(self: Any, *args: Any, **kwargs: Any) -> Any:
            began = now()
            if way is not None:
                threads = traffic.setdefault(self.mutex, {})  # a queue may have no hash
                threads.setdefault(_thread.get_ident(), [0, 0])[way] += 1
            elif state is State.BARRIER and self.n_waiting + 1 == self.parties:
                last[self] = _thread.get_ident()
            try:
                return original(self, *args, **kwargs)
            finally:
                if now() - began >= SHORTEST:
                    noted.append(told(self, began, *here()))

        return self.unfinished.knows(wait, "self", "began")

    def _of_queue(self, threads: dict[int, list[int]], way: int) -> str:
        """What there is to say of those at the other end of a queue, by how often each has taken and put."""
        if way == _WAYS["get"] and any(map(_puts_back, threads.values())):
            return RETURNED
        others = [one for one, counts in list(threads.items()) if counts[1 - way]]
        return self._called(TAKEN_BY if way == _WAYS["put"] else GIVEN_BY, others)

    def _called(self, word: str, threads: list[int]) -> str:
        """The word and the name of the one thread; "" where there are several."""
        name = self.names.get(self.natives.get(threads[0], 0)) if len(threads) == 1 else ""
        return f"{word}{name}" if name else ""

    def _taking(self, original: Callable[..., bool]) -> Callable[..., bool]:
        noted, takers = self.noted, self._takers

        def told(
            waited_for: Any, began: int, owner: int, held_at: str, permits: int, got: bool,
            frame: FrameType, tid: int,
        ) -> Noted:  # fmt: skip
            name, where = _name_of(waited_for, State.SEMAPHORE, "acquire"), line_of(frame)
            last = self.natives.get(owner, 0), held_at, got, id(waited_for), permits
            return Noted(tid, began, now(), State.SEMAPHORE, name, where, *last)

        @functools.wraps(original)
        def acquire(semaphore: threading.Semaphore, blocking: bool = True, timeout: float | None = None) -> bool:
            if blocking and original(semaphore, False):  # what takes long now is no wait for the semaphore
                takers.took(semaphore)
                return True
            owner, permits = takers.first(semaphore) if blocking else (0, 1)
            held_at = line_of(sys._current_frames().get(owner)) if owner else ""
            began = now()
            got: bool = False
            try:
                got = original(semaphore, blocking, timeout)
                return got
            finally:
                if got:
                    takers.took(semaphore)
                if blocking:
                    noted.append(told(semaphore, began, owner, held_at, permits, got, *here()))

        return self.unfinished.knows(acquire, "semaphore", "began", "owner", "held_at", "permits", "got")

    def _giving(self, original: Callable[..., None]) -> Callable[..., None]:
        takers = self._takers

        @functools.wraps(original)
        def release(semaphore: threading.Semaphore, *args: Any, **kwargs: Any) -> None:
            takers.gives(semaphore)
            original(semaphore, *args, **kwargs)

        return release

    def _ending(self, original: Callable[[], None]) -> Callable[[], None]:
        """The main thread's wait for all others, after the program's last line."""
        noted = self.noted

        @functools.wraps(original)
        def shutdown() -> None:
            began = now()
            try:
                original()
            finally:
                noted.append(Noted(_thread.get_native_id(), began, now(), State.JOIN, "the threads that go on", ""))

        return shutdown

    def _bell(self, original: Callable[[Bell, float | None], bool]) -> Callable[..., bool]:
        noted = self.noted

        def told(began: int, frame: FrameType, tid: int) -> Noted:
            where = line_of(frame)
            state, name = (State.FUTURE, "a result of plait's") if where else (State.IDLE, "work")
            return Noted(tid, began, now(), state, name, where)

        def wait(bell: Bell, seconds: float | None = None) -> bool:
            """Whoever waits for scopes, maps and channels waits for a bell; a thread of plait's own, for work."""
            began = now()
            try:
                return original(bell, seconds)
            finally:
                if now() - began >= SHORTEST:
                    noted.append(told(began, *here()))

        return self.unfinished.knows(wait, "began")

    def _simple_queue(self, original: Any) -> type:
        noted = self.noted

        def told(began: int, frame: FrameType, tid: int) -> Noted:
            known = _state_of(frame, State.QUEUE, "get")
            return Noted(tid, began, now(), known, _NAMES.get(known, "SimpleQueue.get"), line_of(frame))

        class SimpleQueue(original):  # type: ignore[misc]  # the C class of this Python
            """The standard library's, noting who waits for an item."""

            def __reduce_ex__(self, protocol: Any) -> Any:
                return original().__reduce_ex__(protocol)  # says that it cannot be pickled

            def get(self, block: bool = True, timeout: float | None = None) -> Any:
                try:
                    return super().get(False)
                except queue.Empty:
                    if not block:
                        raise
                began = now()
                try:
                    return super().get(True, timeout)
                finally:
                    noted.append(told(began, *here()))

        self.unfinished.knows(SimpleQueue.get, "began")
        return SimpleQueue


def _puts_back(counts: list[int]) -> bool:
    """Whether a thread puts about as often as it takes: who passes on that all is over puts once."""
    taken, put = counts
    return taken > 0 and 2 * put >= taken


def _is_signal(frame: FrameType | None) -> bool:
    """Whether a library's own thread takes a lock in order to sleep until somebody lets it go: it waits for work."""
    if frame is None or not lacks_work(frame):
        return False
    return ".acquire(" in linecache.getline(frame.f_code.co_filename, frame.f_lineno or 0)


def _state_of(frame: FrameType, state: State, method: str) -> State:
    """What a wait is beside what it is for: that of a library's own thread for work, or of who starts a thread."""
    if state in _FOR_WORK and method != "put" and lacks_work(frame):
        return State.IDLE
    caller = frame.f_back.f_code if state is State.EVENT and frame.f_back is not None else None
    if caller is _START:
        return State.GIL  # which the new thread needs before it can say that it runs
    return State.FUTURE if caller in _FOR_FUTURES else state


def _name_of(waited_for: Any, state: State, method: str) -> str:
    if state is State.JOIN:
        return f"thread {waited_for.name}"
    if state is State.QUEUE:
        return f"{type(waited_for).__name__}.{method}"
    kind = type(waited_for).__name__
    lock = getattr(getattr(waited_for, "_cond", waited_for), "_lock", None)  # what it is made of knows its name
    name, _, where = getattr(lock, "name", "").partition(" (")
    if not where:
        return kind
    return f"{kind.lower() if name == 'lock' else name} ({where}"
