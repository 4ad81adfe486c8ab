"""What is replaced while a search goes on, and where: one sweep over all modules, undone at the end.

Modules of the standard library keep what they imported (``from time import monotonic as time``), so replacing
`time.monotonic` alone does not reach them. The sweep replaces every global variable of every imported module that is
one of the originals, and locks that were made before: they are adopted.
"""

from __future__ import annotations

import _thread
import asyncio
import atexit
import concurrent.futures._base as futures
import concurrent.futures.thread as pool_module
import copyreg
import datetime
import functools
import gc
import importlib
import logging
import os
import queue
import sys
import threading
import time
import unittest
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.process import BaseProcess
from types import ModuleType, TracebackType
from typing import Any

from plait._check import clock
from plait._check.children import starting
from plait._check.controlled import Controlled
from plait._check.fresh import quiet_import_module
from plait._check.outside import entry_points
from plait._check.remarks import cutting_off, unawaited
from plait._check.stage import STAGE
from plait._check.stand_in import loop as stand_in_loop
from plait._check.stand_in import threads as stand_in_threads
from plait._check.stand_in.advise import advising
from plait._check.stand_in.cached import computed_once
from plait._check.stand_in.counter import iadd, subtract, update
from plait._check.stand_in.datetime import StandInDatetime, calendar, pickled
from plait._check.stand_in.exit import exit_at_once, keeps_failure, register, unregister
from plait._check.stand_in.fork import forking
from plait._check.stand_in.futures import as_completed
from plait._check.stand_in.gc import collect
from plait._check.stand_in.holders import of_holders
from plait._check.stand_in.locks import StandInLock, StandInRLock, StandInWaiter
from plait._check.stand_in.queue import StandInSimpleQueue
from plait._check.stand_in.signals import Signals
from plait._check.stand_in.sqlite import connecting, databases
from plait._check.unasked import of_futures, of_results
from plait._core import attentive, bell, checked
from plait._core.forks import forks
from plait._core.lazy_imports import LAZY, settle_modules

_LOCK = type(_thread.allocate_lock())
_RLOCK = type(_thread.RLock())
_LOCKS = {_LOCK, _RLOCK}
_LOOKED_FOR = {*_LOCKS, LAZY}
_DATETIME = datetime.datetime
_OURS = ("plait._check", "plait._schedulers", "_pytest", "pluggy")  # these go on living in real time
_LOOPS = sys.modules[asyncio.SelectorEventLoop.__module__]
_POLICY = getattr(_LOOPS, "_DefaultEventLoopPolicy", None) or asyncio.DefaultEventLoopPolicy  # before Python 3.14
_AT_ONCE = 4  # items of a map that run at the same time
_UNAWAITED = "_warn_unawaited_coroutine"  # what the interpreter calls when a coroutine is thrown away
_INHERITED = object()  # in the place of what a class has from another one
_WAITS = "_allocate_lock"  # what `threading` allocates for itself, to wait on


class Patches:
    """Puts the stand-ins in place on entry and what was there before back on exit.

    `more` are pairs of an original and what makes a stand-in for it, beside or around those always replaced.
    """

    def __init__(self, more: Iterable[tuple[Any, Callable[[Any], Any]]] = ()) -> None:
        self._more = more
        self._undo: list[tuple[Any, str, Any]] = []
        self._table: dict[int, Any] = {}
        self._ids: set[int] = set()  # of the originals, once more: a set is asked faster
        self._back: dict[int, Any] = {}
        self._before: set[str] = set()
        self._give_back: Callable[[], None] = lambda: None
        self._fast: Callable[..., Any] | None = None
        self._results = False  # whether those of multiprocessing's pools are looked after
        self._lazy: list[tuple[ModuleType, str]] = []  # what will be imported when it is used, meanwhile or later

    def __enter__(self) -> Patches:
        self._give_back = _take_pools()
        settle_modules(_OURS)  # before there are stand-ins that it could import in the place of what it needs
        stand_in_loop.prepare()
        self._before = set(sys.modules)
        self._fill_table()
        self._ids.update(self._table)
        for name, module in list(sys.modules.items()):
            if not name.startswith(_OURS) and isinstance(module, ModuleType):
                self._sweep(module)
        self._set(attentive, "BREATH", None)
        self._set(checked, "WORKERS", _AT_ONCE)
        self._set(bell, "allocate", StandInWaiter)
        self._set(threading, _WAITS, StandInWaiter)
        self._set(threading, "excepthook", threading.__excepthook__)  # what a test runner has put there is not for us
        for owner, name, stand_in in (*entry_points(), *of_futures(), *of_holders()):
            self._set(owner, name, stand_in)
        self._set(warnings, _UNAWAITED, unawaited(getattr(warnings, _UNAWAITED)))
        self._set(_POLICY, "_loop_factory", stand_in_loop.StandInLoop)
        for owner in (threading.Thread, futures.Future):
            self._set(owner, "__hash__", stand_in_threads.number_of)
        self._set(futures._AcquireFutures, "__init__", _acquire_by_number)
        for name, stand_in in (("update", update), ("subtract", subtract), ("__iadd__", iadd)):
            self._set(Counter, name, stand_in)
        for name in ("start", "join", "is_alive"):
            self._set(threading.Thread, name, getattr(stand_in_threads, name))
        self._set(functools.cached_property, "__get__", computed_once(functools.cached_property.__get__))
        end = cutting_off(asyncio.runners._cancel_all_tasks)  # type: ignore[attr-defined]  # what asyncio.run ends by
        self._set(asyncio.runners, "_cancel_all_tasks", end)
        self._set(BaseProcess, "start", starting(BaseProcess.start))
        for name in ("addFailure", "addError"):
            self._set(unittest.TestResult, name, keeps_failure(getattr(unittest.TestResult, name)))
        self._watch_results()
        STAGE.imported = self._watch_results
        self._pickling = copyreg.dispatch_table.get(_DATETIME)
        copyreg.pickle(_DATETIME, pickled)
        for handler in logging._handlers.values():  # type: ignore[attr-defined]  # all that there are
            if isinstance(getattr(handler, "lock", None), _RLOCK):
                self._set(handler, "lock", _adopted(handler.lock))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        STAGE.imported = _nothing
        copyreg.dispatch_table.pop(_DATETIME, None)
        if self._pickling is not None:  # the program's own
            copyreg.pickle(_DATETIME, self._pickling)
        for owner, name, value in reversed(self._undo):
            if value is _INHERITED:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
        self._give_back()
        new = [module for name, module in list(sys.modules.items()) if name not in self._before]
        imported = [(module, name) for module in new for name in getattr(module, "__dict__", {})]
        for module, name in (*imported, *self._lazy):
            found = id(module.__dict__.get(name))
            if found in self._back:
                setattr(module, name, self._back[found])

    def _fill_table(self) -> None:
        for original, stand_in in _stand_ins():
            self._replace(original, stand_in)
        for original, around in self._more:
            self._replace(original, around(self._table.get(id(original), original)))

    def _replace(self, original: Any, stand_in: Any) -> None:
        self._table[id(original)] = stand_in
        self._back[id(stand_in)] = original

    def late(self) -> None:
        """Replaces what there is only since the program has imported it."""
        for module in databases() if not self._fast else ():
            self._fast = self._fast or connecting(module.connect)
            self._back[id(self._fast)] = module.connect
            self._set(module, "connect", self._fast)

    def _watch_results(self) -> None:
        """Those of multiprocessing's pools, as soon as the program has imported these."""
        if not self._results and hasattr(sys.modules.get("multiprocessing.pool"), "ThreadPool"):  # its last class
            self._results = True
            for owner, name, stand_in in of_results():
                self._set(owner, name, stand_in)

    def _sweep(self, module: ModuleType) -> None:
        table, values = self._table, list(module.__dict__.values())
        if self._ids.isdisjoint(map(id, values)) and _LOOKED_FOR.isdisjoint(map(type, values)):
            return
        for name, value in list(module.__dict__.items()):
            if id(value) in table:
                self._set(module, name, table[id(value)])
            elif type(value) is LAZY:
                self._lazy.append((module, name))
            elif type(value) in _LOCKS:
                self._set(module, name, _adopted(value))

    def _set(self, owner: Any, name: str, value: Any) -> None:
        inherited = isinstance(owner, type) and name not in vars(owner)
        self._undo.append((owner, name, _INHERITED if inherited else getattr(owner, name)))
        setattr(owner, name, value)


def _nothing() -> None:
    """What is to be done when something has been imported: nothing."""


def _adopted(lock: Any) -> StandInLock:
    """A stand-in for a lock that was made before the search; what holds it now goes on holding it."""
    stand_in = StandInRLock() if type(lock) is _RLOCK else StandInLock()
    stand_in.adopt(lock)
    return stand_in


def _stand_ins() -> Iterator[tuple[Any, Any]]:
    """Each original with what stands in for it."""
    yield _thread.allocate_lock, StandInLock
    yield _LOCK, StandInLock
    yield threading.Lock, StandInLock  # the last one is what modules get that are first imported meanwhile
    yield _thread.RLock, StandInRLock
    yield threading._PyRLock, StandInRLock  # type: ignore[attr-defined]  # the pure Python one
    yield threading.RLock, StandInRLock
    yield _thread.start_new_thread, stand_in_threads.start_new_thread
    yield threading.enumerate, stand_in_threads.enumerate_threads
    yield threading.active_count, stand_in_threads.active_count
    yield queue.SimpleQueue, StandInSimpleQueue
    yield time.sleep, clock.sleep
    yield os._exit, exit_at_once
    yield atexit.register, register
    yield atexit.unregister, unregister
    yield gc.collect, collect
    for fork in {fork for _, _, fork in forks()}:
        yield fork, forking(fork)
    yield from Signals().stand_ins()
    yield from advising()
    yield asyncio.new_event_loop, stand_in_loop.new_event_loop
    yield asyncio.as_completed, as_completed
    yield asyncio.SelectorEventLoop, stand_in_loop.StandInLoop
    yield importlib.import_module, quiet_import_module
    yield _DATETIME, StandInDatetime
    for name, stand_in in {**clock.clocks(float(int(time.time()))), **calendar()}.items():
        yield getattr(time, name), stand_in


def _acquire_by_number(self: Any, waited_for: Iterable[Any]) -> None:
    """Those who wait for futures take their locks in some order: not in that of their addresses."""
    self.futures = sorted(waited_for, key=hash)


def end_of_pools(me: Controlled) -> None:
    """What executors do at the end of the interpreter, in virtual time; the main thread does it."""
    if pool_module._threads_queues:
        pool_module._python_exit()
    gate = _gate()
    if gate is None:
        return
    idle = not gate.busy  # then the program does the same as if nobody had imported pools of ours
    me.quiet += idle
    try:
        gate.finish()
    finally:
        me.quiet -= idle


def _gate() -> Any:
    """What plait's own pools have ended by, if there may be any: a neighbour, looked for among what is imported."""
    return getattr(sys.modules.get("plait._run.pool_exit"), "exit_gate", None)


def reset_pools() -> None:
    """Executors may be made again after `end_of_pools`."""
    pool_module._shutdown = False
    pool_module._threads_queues.clear()  # type: ignore[attr-defined]  # it is a WeakKeyDictionary
    if (gate := _gate()) is not None:
        gate.exchange()
    processes: Any = sys.modules.get("concurrent.futures.process")
    if processes is not None:
        processes._threads_wakeups.clear()


def _take_pools() -> Callable[[], None]:
    """Takes the threads of the process's own executors away; what it returns gives them back.

    The end of an execution would end them, and the end of the interpreter would not.
    """
    processes: Any = sys.modules.get("concurrent.futures.process")
    known: list[Any] = [pool_module._threads_queues, *([processes._threads_wakeups] if processes is not None else [])]
    before = [dict(threads) for threads in known]
    for threads in known:
        threads.clear()
    gate = _gate()
    ours = gate.exchange() if gate is not None else set()

    def give_back() -> None:
        if (gate := _gate()) is not None:
            gate.exchange(ours)
        for threads, known_before in zip(known, before, strict=True):
            threads.update(known_before)

    return give_back
