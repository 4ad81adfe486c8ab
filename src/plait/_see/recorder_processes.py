"""ProcessRecorder: what goes to other processes through multiprocessing, and which processes the program starts where.

`concurrent.futures.ProcessPoolExecutor` and `multiprocessing.Pool` send what they send through it.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from plait._core.once_imported import forget, once_imported
from plait._see.recorder_unfinished import here
from plait._see.replaced import Replaced
from plait._see.whereabouts import line_of

_KEPT = 100_000
_WHOSE = "plait.trace of processes"
_PICKLERS = ("multiprocessing.connection", "multiprocessing.queues")


class Pieces(NamedTuple):
    """How many objects were pickled here and read here, their bytes, and the processor time of it."""

    sent: int = 0
    sent_bytes: int = 0
    sent_seconds: float = 0.0
    read: int = 0
    read_bytes: int = 0
    read_seconds: float = 0.0


class ProcessRecorder:
    """Counts between `install` and `remove`."""

    def __init__(self) -> None:
        self.started: deque[str] = deque(maxlen=_KEPT)  # the line of each
        self._sums: dict[str, list[float]] = {"dumps": [0, 0, 0.0], "loads": [0, 0, 0.0]}
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin; modules that nobody has imported yet are seen to when they are."""
        for name in _PICKLERS:
            once_imported(name, functools.partial(self._see_to, name), _WHOSE)
        once_imported("multiprocessing.process", self._see_to_starts, _WHOSE)

    def remove(self) -> None:
        """End."""
        forget(_WHOSE)
        self._replaced.put_back()

    def pieces(self) -> Pieces:
        """What has been counted."""
        sent, read = self._sums["dumps"], self._sums["loads"]
        return Pieces(int(sent[0]), int(sent[1]), sent[2], int(read[0]), int(read[1]), read[2])

    def _see_to(self, name: str) -> None:
        module: Any = sys.modules[name]
        original = module._ForkingPickler
        dumps = self._counted(original.dumps, self._sums["dumps"], len)
        loads = self._counted(original.loads, self._sums["loads"], None)
        self._replaced.put(module, "_ForkingPickler", _like(original, dumps, loads))

    def _see_to_starts(self) -> None:
        process: Any = sys.modules["multiprocessing.process"].BaseProcess
        original, started = process.start, self.started

        @functools.wraps(original)
        def start(self: Any) -> None:
            started.append(line_of(here()[0].f_back))
            original(self)

        self._replaced.put(process, "start", start)

    @staticmethod
    def _counted(call: Callable[..., Any], sums: list[float], size: Callable[[Any], int] | None) -> Callable[..., Any]:
        def counted(data: Any, *args: Any) -> Any:
            began = time.thread_time()
            found = call(data, *args)
            sums[0] += 1
            sums[1] += len(data) if size is None else size(found)
            sums[2] += time.thread_time() - began
            return found

        return counted


def _like(original: Any, dumps: Callable[..., Any], loads: Callable[..., Any]) -> Any:
    """The pickler with these two in the place of its own."""
    return type("ForkingPickler", (original,), {"dumps": staticmethod(dumps), "loads": staticmethod(loads)})
