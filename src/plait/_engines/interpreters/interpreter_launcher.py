"""Starts workers in subinterpreters, and sees to it that none of them holds up the end of the process."""

from __future__ import annotations

import atexit
import time
import weakref

from plait._engines.hosting import Segment
from plait._engines.inherited import hold
from plait._engines.interpreters.interpreter_thread import InterpreterThread
from plait._engines.interpreters.unlinking import unlink
from plait._engines.returns import FELL_OVER
from plait._engines.socket_launcher import Memory, SocketLauncher
from plait._engines.socket_pair import Socket
from plait._engines.zygote import NOT_STARTED

_PATIENCE = 10.0  # milliseconds between two looks at an interpreter that was told to end
_PARKING = 0.3  # seconds that interpreters which were left behind have at the end of the process to come to a halt
_TICK = 0.002
_LOOKS = 100  # and so many looks, each of which takes longer than a tick where others have the cores


class InterpreterLauncher(SocketLauncher):
    """The `hosting.Launcher` of subinterpreters."""

    kind = "interpreter"

    def __init__(self, memory: Memory, environment: dict[str, str]) -> None:
        super().__init__(memory)
        self._environment = environment
        self._children: weakref.WeakValueDictionary[int, InterpreterThread] = weakref.WeakValueDictionary()
        self._departing = False
        self.refusal = ""
        atexit.register(self._depart)
        hold(self)

    def start(self, token: int, ends: list[Socket], segments: list[Segment | None]) -> InterpreterThread:
        child = InterpreterThread(token, ends, segments, self._environment)
        self._children[token] = child
        child.start()
        return child

    @property
    def patience(self) -> float | None:
        return _PATIENCE if not self._departing and any(child.halting for child in self._living()) else None

    def has_ended(self, token: int) -> bool:
        child = self._children.get(token)
        return not self._departing and (child is None or child.ended)

    def status_of(self, token: int, wait: float) -> int | None:
        child = self._children.get(token)
        if child is None:
            return None
        child.wait_for(wait)
        self.refusal = child.refusal
        return NOT_STARTED if child.refusal else FELL_OVER if child.failed else None

    def close(self) -> None:
        """Start no more; those that were left behind are looked after until the process ends."""
        self.dead = True
        if not self._living():
            atexit.unregister(self._depart)

    def forget(self) -> None:
        """Nothing: a forked process has no interpreters."""

    @property
    def forbids_fork(self) -> str:
        """Why this process should not be forked now, or an empty string."""
        return (
            'subinterpreters are open (engine="interpreter"): CPython ends a forked child with a segmentation fault; '
            "close the pool or the map first, or start processes without fork, as spawn and forkserver do"
            if self._living()
            else ""
        )

    def _living(self) -> list[InterpreterThread]:
        return [child for child in list(self._children.values()) if child.alive]

    def _depart(self) -> None:
        """The process ends: CPython waits for the GIL of each interpreter that is left, which may never be free."""
        self._departing = self.dead = True
        children = self._living()
        for child in children:
            child.keep_quiet()
            child.kill()
        for child in children:
            child.wait()
        stuck = self._living()
        deadline, looks = time.perf_counter() + _PARKING, 0
        while sum(child.park() for child in stuck) < len(stuck) and (time.perf_counter() < deadline or looks < _LOOKS):
            time.sleep(_TICK)
            looks += 1
        for child in stuck:
            if child.identity >= 0:
                unlink(child.identity)
