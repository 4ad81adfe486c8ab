"""What `multiprocessing` does at the end of a program, for each execution: its finalizers, and the processes left.

It keeps both for the whole process. Those of one execution end with it, or else they would go off in a later one, and
whoever performs the program would wait at its own end for a process that never ends.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from multiprocessing import process
from typing import Any

from plait._check.controlled import Abort
from plait._check.stage import STAGE

_END = 5.0  # seconds for a process to be gone that was killed
_ALL = -1_000_000  # priorities; without one, those that have none would be forgotten
_OF_THREADS = frozenset({"_terminate_pool", "_finalize_join", "_finalize_close", "_finalize_manager"})
_OF_ALL = frozenset({"_remove_temp_dir"})  # where the fork server listens, which goes on through all executions
_Key = tuple[int | None, int]


class Children:
    """Takes down what there is when it is made: that is somebody else's."""

    def __init__(self) -> None:
        self._finalizers = frozenset(_registry())
        self._processes = frozenset(_processes())

    def end(self) -> None:
        """As the interpreter does at its end: finalizers, an end to daemons, a wait for the others, late finalizers."""
        util = sys.modules.get("multiprocessing.util")
        if util is None or not (_registry().keys() - self._finalizers or _processes() - self._processes):
            return
        with self._set_aside():
            util._run_finalizers(0)
            left = sorted(_processes() - self._processes, key=_number)
            for child in left:
                if child.daemon:
                    child.terminate()
            for child in left:
                child.join()
            util._run_finalizers(_ALL)

    def forget(self) -> None:
        """What an execution that was cut short has left: processes are killed, its threads are waited for by nobody."""
        left = sorted((child for child in _processes() - self._processes if child.pid is not None), key=_number)
        for child in left:  # all of them, before the first wait: one that lives keeps the others' ends of pipes open
            child.kill()
        for child in left:
            child.join(_END)
            if child.exitcode is not None:
                child.close()
            _processes().discard(child)
        registry = _registry()
        for key in registry.keys() - self._finalizers:
            if _name(registry[key]) in _OF_THREADS:
                _let_go(registry.pop(key))

    @contextmanager
    def _set_aside(self) -> Iterator[None]:
        """While it lasts there are the finalizers of this execution only."""
        registry = _registry()
        kept = [key for key in registry if key in self._finalizers or _name(registry[key]) in _OF_ALL]
        others = {key: registry.pop(key) for key in kept}
        try:
            yield
        finally:
            registry.update(others)


def _let_go(finalizer: Any) -> None:
    """The threads of a pool that wait outside our control for news of its workers see that the pool is over."""
    if finalizer._callback.__name__ == "_terminate_pool":
        _, _, results, _, news, handler, *_ = finalizer._args
        if (pipe := getattr(results, "_writer", None)) is not None:
            pipe.send(None)  # without its lock: a worker that was killed may have that
        handler._state = sys.modules["multiprocessing.pool"].TERMINATE
        news.put(None)


def starting(real: Callable[..., None]) -> Callable[..., None]:
    """What stands in for `Process.start`: no thread that has outlived its execution starts any."""

    @wraps(real)
    def start(self: process.BaseProcess) -> None:
        execution = STAGE.execution
        stray = STAGE.strays.get(get_ident())
        if stray is not None and not stray.done:
            raise Abort
        if execution is not None and execution.aborting:
            execution.here()
        real(self)

    return start


def _registry() -> dict[_Key, Any]:
    util = sys.modules.get("multiprocessing.util")
    found: dict[_Key, Any] | None = getattr(util, "_finalizer_registry", None)
    return {} if found is None else found


def _name(finalizer: Any) -> str:
    found: str = getattr(finalizer._callback, "__name__", "")
    return found


def _processes() -> set[Any]:
    found: set[Any] = process._children  # type: ignore[attr-defined]  # what active_children() lists
    return found


def _number(child: Any) -> tuple[int, ...]:
    return tuple(child._identity)
