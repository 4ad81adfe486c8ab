"""Imports while a trace is recorded: what they took, package by package, and who waited for another thread's import.

The import system is Python code of which no trace says anything else: its frames belong to nobody, and so does the
lock that each module has while it is imported.
"""

from __future__ import annotations

import _thread
import importlib._bootstrap
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from types import FrameType
from typing import Any, NamedTuple

from plait._core.trace import State
from plait._see.recorder.unfinished import Unfinished, here
from plait._see.recorder.waits import Noted
from plait._see.replaced import Replaced
from plait._see.sampler.samples import now
from plait._see.whereabouts import line_of

_BOOTSTRAP: Any = importlib._bootstrap
_FILE = "<frozen importlib._bootstrap>"  # frames of this file are no part of tracebacks, nor of who is warned
_SHOWN = 1_000_000  # nanoseconds of an import that is kept: briefer ones are added up only
_KEPT = 100_000


class Import(NamedTuple):
    """A module that a line of the program had imported, with all that it imports itself; in microseconds."""

    tid: int
    began: int
    ended: int
    name: str
    where: str


class ImportRecorder:
    """Listens to the import system between `install` and `remove`; `natives` has the system's numbers of threads."""

    def __init__(self, noted: deque[Noted], unfinished: Unfinished, natives: Mapping[int, int]) -> None:
        self.imports: deque[Import] = deque(maxlen=_KEPT)
        self._packages: Counter[str] = Counter()  # nanoseconds
        self._stacks: dict[int, list[_Loading]] = {}
        self._noted = noted
        self._unfinished = unfinished
        self._natives = natives
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin."""
        self._replaced.put(_BOOTSTRAP, "_find_and_load", self._loading(_BOOTSTRAP._find_and_load))
        lock = _BOOTSTRAP._ModuleLock
        self._replaced.put(lock, "acquire", self._waiting(lock.acquire))

    def remove(self) -> None:
        """End."""
        self._replaced.put_back()

    @property
    def packages(self) -> dict[str, float]:
        """Seconds that the modules of each package took, without those of others that they import, the dearest first.

        The waits for other threads are not in it.
        """
        return {name: took / 1e9 for name, took in self._packages.most_common()}

    def _loading(self, original: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
        begins, ends = self._begins, self._ends

        def _call_with_frames_removed(name: str, import_: Any) -> Any:  # so are the frames of it
            loading = begins(name)
            try:
                return original(name, import_)
            finally:
                ends(loading)

        _call_with_frames_removed.__code__ = _call_with_frames_removed.__code__.replace(co_filename=_FILE)
        return _call_with_frames_removed

    def _begins(self, name: str) -> _Loading:
        loading = _Loading(name, perf_counter_ns())
        self._stacks.setdefault(_thread.get_ident(), []).append(loading)
        return loading

    def _ends(self, loading: _Loading) -> None:
        ended, stack = perf_counter_ns(), self._stacks[_thread.get_ident()]
        stack.pop()
        took = ended - loading.began
        self._packages[loading.name.partition(".")[0]] += max(0, took - loading.others)
        if stack:
            stack[-1].others += took
        elif took >= _SHOWN:
            where = line_of(sys._getframe(2))
            self.imports.append(
                Import(_thread.get_native_id(), loading.began // 1000, ended // 1000, loading.name, where)
            )

    def _waiting(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        noted, stacks, natives = self._noted, self._stacks, self._natives

        def told(lock: Any, began: int, owner: int, held_at: str, frame: FrameType, tid: int) -> Noted:
            name, holder = f"import of {lock.name}", natives.get(owner, 0)
            return Noted(tid, began, now(), State.LOCK, name, line_of(frame), holder, held_at, True, id(lock))

        def acquire(lock: Any) -> Any:
            owner = lock.owner
            if owner is None or owner == _thread.get_ident():
                return original(lock)
            held_at = line_of(sys._current_frames().get(owner))
            began = now()
            try:
                return original(lock)
            finally:
                noted.append(told(lock, began, owner, held_at, *here()))
                for loading in stacks.get(_thread.get_ident(), [])[-1:]:
                    loading.others += 1000 * (now() - began)

        return self._unfinished.knows(acquire, "lock", "began", "owner", "held_at")


class _Loading:
    """A module that is being imported; `others` is what others took meanwhile, in nanoseconds."""

    __slots__ = ("began", "name", "others")

    def __init__(self, name: str, began: int) -> None:
        self.name = name
        self.began = began
        self.others = 0
