"""SharedRecorder: waits of this process for the locks and semaphores of `multiprocessing`, which processes share.

Who has a lock writes that into memory that this process and its forks have in common; of processes that were not forked
from it nobody knows. What a queue, an event or a condition of `multiprocessing` has for itself is a part of that.
"""

from __future__ import annotations

import mmap
import sys
from _thread import get_native_id
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any

from plait._core.once_imported import forget, once_imported
from plait._core.trace import State
from plait._see.recorder.unfinished import Unfinished, here
from plait._see.recorder.waits import Noted
from plait._see.replaced import Replaced
from plait._see.sampler.samples import now
from plait._see.whereabouts import line_of, made_at

_MODULE = "multiprocessing.synchronize"
_WHOSE = "plait.trace of what processes share"
_STATES = {"Lock": State.LOCK, "RLock": State.LOCK, "Semaphore": State.SEMAPHORE, "BoundedSemaphore": State.SEMAPHORE}
_MAKES = ("multiprocessing/synchronize.py", "multiprocessing/context.py")
_MOST = 4096  # locks of which it is known who has them


class SharedRecorder:
    """Notes these waits between `install` and `remove`, with those of a `Recorder`."""

    def __init__(self, noted: deque[Noted], unfinished: Unfinished) -> None:
        self._noted = noted
        self._unfinished = unfinished
        self._replaced = Replaced()
        self._owners: memoryview[int] = memoryview(b"")
        self._locks = 0

    def install(self) -> None:
        """Begin; the module is seen to when somebody imports it."""
        once_imported(_MODULE, self._see_to, _WHOSE)

    def remove(self) -> None:
        """End; those made meanwhile work on."""
        forget(_WHOSE)
        self._replaced.put_back()

    def _see_to(self) -> None:
        kind: Any = sys.modules[_MODULE].SemLock
        original, equip = kind._make_methods, self._equip
        self._owners = memoryview(mmap.mmap(-1, 8 * _MOST)).cast("q")

        def make_methods(shared: Any) -> None:
            original(shared)
            frame = _made_by(sys._getframe(1))
            if frame is not None and type(shared).__name__ in _STATES:
                equip(shared, made_at(frame), _STATES[type(shared).__name__])

        self._replaced.put(kind, "_make_methods", make_methods)
        self._replaced.put(kind, "__enter__", lambda shared: shared.acquire())
        self._replaced.put(kind, "__exit__", lambda shared, *_: shared.release())

    def _equip(self, shared: Any, name: str, state: State) -> None:
        at, owners = self._locks, self._owners
        if state is State.LOCK and at < _MOST:
            self._locks += 1
        else:  # a semaphore lets in several
            at, owners = 0, memoryview(bytearray(8)).cast("q")
        shared.acquire = self._acquiring(shared.acquire, name, state, owners, at)
        shared.release = _releasing(shared._semlock, owners, at)

    def _acquiring(
        self, original: Callable[..., bool], name: str, state: State, owners: memoryview[int], at: int
    ) -> Callable[..., bool]:
        noted = self._noted

        def told(began: int, owner: int, got: bool, frame: FrameType, tid: int) -> Noted:
            owner = owner if state is State.LOCK else 0
            return Noted(tid, began, now(), state, name, line_of(frame), owner, "", got, id(original))

        def acquire(block: bool = True, timeout: float | None = None) -> bool:
            if original(False):  # what takes long now is no wait for it
                owners[at] = get_native_id()
                return True
            if not block:
                return False
            began, owner, got = now(), owners[at], False
            try:
                got = original(True, timeout)
                if got:
                    owners[at] = get_native_id()
                return got
            finally:
                noted.append(told(began, owner, got, *here()))

        return self._unfinished.knows(acquire, "began", "owner", "got")


def _releasing(semlock: Any, owners: memoryview[int], at: int) -> Callable[[], None]:
    def release() -> None:
        if semlock._count() <= 1:  # an RLock may have been taken several times
            owners[at] = 0
        semlock.release()

    return release


def _made_by(frame: FrameType | None) -> FrameType | None:
    """The program's own frame that has made a lock; None for one that is a part of something else."""
    while frame is not None and frame.f_code.co_filename.replace("\\", "/").endswith(_MAKES):
        owner = frame.f_code.co_qualname.partition(".")[0]
        if frame.f_code.co_name == "__init__" and owner not in (*_STATES, "SemLock"):
            return None
        frame = frame.f_back
    inside = frame is None or "/multiprocessing/" in frame.f_code.co_filename.replace("\\", "/")
    return None if inside else frame
