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
from plait._core.onlooker import ONLOOKER
from plait._see.recorder.unfinished import here
from plait._see.replaced import Replaced
from plait._see.sampler.samples import now
from plait._see.whereabouts import line_of, whence

_KEPT = 100_000
_WHOSE = "plait.trace of processes"
_PICKLERS = ("multiprocessing.connection", "multiprocessing.queues")
_POOLS = (("multiprocessing.pool", "Pool"), ("concurrent.futures.process", "ProcessPoolExecutor"))
_LIBRARIES = frozenset(name for name, _ in _POOLS) | {"joblib.externals.loky.process_executor"}
_OF_THREADS = "ThreadPool"  # which is a Pool
_NEW = ("SpawnProcess", "ForkServerProcess")
_SERVES = "_run_server"  # what the process of a manager runs


class Pieces(NamedTuple):
    """How many objects were pickled here and read here, their bytes, and the processor time of it, pipes included."""

    sent: int = 0
    sent_bytes: int = 0
    sent_seconds: float = 0.0
    read: int = 0
    read_bytes: int = 0
    read_seconds: float = 0.0


class Start(NamedTuple):
    """A process that was started: at which line, by whom ("" for the program itself), and what else is known of it.

    `idle` has no target, `new` is a new interpreter, which imports the program again, `renews` takes the place of
    another one of a pool.
    """

    where: str
    by: str = ""
    idle: bool = False
    new: bool = False
    renews: bool = False


class ProcessRecorder:
    """Counts between `install` and `remove`."""

    def __init__(self) -> None:
        self.started: deque[Start] = deque(maxlen=_KEPT)
        self.sends: deque[int] = deque(maxlen=_KEPT)  # when something was pickled for another process
        self.managers: dict[int, str] = {}  # the processes of multiprocessing.Manager, and the lines that started them
        self.names: dict[int, str] = {}  # of processes that the program has started by multiprocessing
        self.births: deque[int] = deque(maxlen=_KEPT)  # when a child process was begun
        self.pools = 0
        self._sums: dict[str, list[float]] = {"dumps": [0, 0, 0.0], "loads": [0, 0, 0.0]}
        self._replaced = Replaced()

    def install(self) -> None:
        """Begin; modules that nobody has imported yet are seen to when they are."""
        for name in _PICKLERS:
            once_imported(name, functools.partial(self._see_to, name), _WHOSE)
        for name, kind in _POOLS:
            once_imported(name, functools.partial(self._see_to_pools, name, kind), _WHOSE)
        once_imported("multiprocessing.process", self._see_to_starts, _WHOSE)
        once_imported("subprocess", self._see_to_commands, _WHOSE)

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
        dumps = self._counted(original.dumps, self._sums["dumps"], len, self.sends)
        loads = self._counted(original.loads, self._sums["loads"], None)
        self._replaced.put(module, "_ForkingPickler", _like(original, dumps, loads))
        for method, sums in (("_send_bytes", self._sums["dumps"]), ("_recv_bytes", self._sums["loads"])):
            pipe = getattr(module, "Connection", None) if name.endswith(".connection") else None
            if pipe is not None and method in pipe.__dict__:
                self._replaced.put(pipe, method, self._carried(pipe.__dict__[method], sums))

    def _see_to_pools(self, name: str, kind: str) -> None:
        owner: Any = getattr(sys.modules[name], kind)
        original = owner.__init__

        @functools.wraps(original)
        def begin(pool: Any, *args: Any, **kwargs: Any) -> None:
            self.pools += type(pool).__name__ != _OF_THREADS
            original(pool, *args, **kwargs)

        self._replaced.put(owner, "__init__", begin)

    def _see_to_starts(self) -> None:
        kind: Any = sys.modules["multiprocessing.process"].BaseProcess
        original, started, births, managers = kind.start, self.started, self.births, self.managers
        names = self.names

        @functools.wraps(original)
        def start(process: Any) -> None:
            frame = here()[0].f_back
            where, target = line_of(frame), getattr(process, "_target", None)
            by = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
            idle = target is None and type(process).run is kind.run
            new, renews = type(process).__name__ in _NEW, by in _LIBRARIES and not whence(frame)
            started.append(Start(where, by if by in _LIBRARIES else "", idle, new, renews))
            births.append(now())
            original(process)
            _tell_of_child()
            if process.pid is not None:
                names[process.pid] = process.name
            if getattr(target, "__name__", "") == _SERVES and process.pid is not None:
                managers[process.pid] = where

        self._replaced.put(kind, "start", start)

    def _see_to_commands(self) -> None:
        kind: Any = sys.modules["subprocess"].Popen
        original, births = kind.__init__, self.births

        @functools.wraps(original)
        def begin(command: Any, *args: Any, **kwargs: Any) -> None:
            births.append(now())
            original(command, *args, **kwargs)
            _tell_of_child()

        self._replaced.put(kind, "__init__", begin)

    @staticmethod
    def _carried(call: Callable[..., Any], sums: list[float]) -> Callable[..., Any]:
        """Reading or writing a pipe that counts the processor time of it, most of which is the system's."""

        @functools.wraps(call)
        def carried(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                sums[2] += time.thread_time() - began

        return carried

    @staticmethod
    def _counted(
        call: Callable[..., Any],
        sums: list[float],
        size: Callable[[Any], int] | None,
        moments: deque[int] | None = None,
    ) -> Callable[..., Any]:
        def counted(data: Any, *args: Any) -> Any:
            if data is None:  # a sign, such as that a pool has nothing to do, or ends
                return call(data, *args)
            began = time.thread_time()
            found = call(data, *args)
            sums[0] += 1
            sums[1] += len(data) if size is None else size(found)
            sums[2] += time.thread_time() - began
            if moments is not None:
                moments.append(now())
            return found

        return counted


def _tell_of_child() -> None:
    """So that it is looked at from its beginning on."""
    if ONLOOKER.born is not None:
        ONLOOKER.born()


def _like(original: Any, dumps: Callable[..., Any], loads: Callable[..., Any]) -> Any:
    """The pickler with these two in the place of its own."""
    return type("ForkingPickler", (original,), {"dumps": staticmethod(dumps), "loads": staticmethod(loads)})
