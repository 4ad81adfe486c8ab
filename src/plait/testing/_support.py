"""What the parts of the contract share: an engine per test, a folder, and a check that nothing is left behind."""

from __future__ import annotations

import ctypes  # noqa: F401  its library keeps a descriptor open from the first import on, which may be ours
import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from plait._engines.facts import descendants
from plait._engines.interface import Engine
from plait.testing._awaiting import NAP, Awaiting, awaited

E = TypeVar("E", bound=BaseException)
R = TypeVar("R")

_GONE_WITHIN = 5.0  # seconds that ended threads and processes may take to disappear


class ContractBase:
    """Derive `EngineContract` and say how to make the engine and what it can do.

    Attributes:
        shares_memory: whether its functions see the objects of this process.
        shares_process: whether its functions run in this process; None: if they share memory.
        awaits: whether it runs coroutine functions; the suite then gives it coroutine versions of its own.
        owns_workers: whether it starts its workers and ends them, so that as many as asked for share the work, and what
            goes wrong at their end is told here.
        stops_items: whether what a worker has been given can be stopped, or taken back. If not, no test asks it to;
            the engine says what it has left behind.
        keeps_workers: whether workers outlive a map, with what they have set up; None: if they do not share memory.
        workers: how many items it can run at the same time, when asked for as many: 3, or 1.
    """

    shares_memory = True
    shares_process: bool | None = None
    awaits = False
    owns_workers = True
    stops_items = True
    keeps_workers: bool | None = None
    workers = 3

    def make_engine(self) -> Engine:
        """A new engine; the suite closes it."""
        raise NotImplementedError(f"{type(self).__name__}.make_engine: return the engine to be tested")

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine for one test, closed at its end, after which nothing of it may be left."""
        before = _held()
        engine = self.make_engine()
        try:
            yield Awaiting(engine) if self.awaits else engine
        finally:
            engine.close()
        del engine
        gc.collect()
        end = time.monotonic() + _GONE_WITHIN
        while (left := _held() - before) and time.monotonic() < end:
            time.sleep(NAP)  # nobody tells when the system has removed a thread or a process
            gc.collect()  # what a thread that has just ended held
        assert not left, f"left behind: {', '.join(sorted(left))}"

    def of(self, fn: Callable[..., R]) -> Callable[..., R]:
        """The function as the engine's pool runs it."""
        return awaited(fn) if self.awaits else fn

    @contextmanager
    def folder(self) -> Iterator[str]:
        """A temporary folder through which items of any engine can talk."""
        with tempfile.TemporaryDirectory(prefix="plait-contract-") as folder:
            yield folder


@contextmanager
def raises(kind: type[E]) -> Iterator[list[E]]:
    """The block raises an error of that kind, which is appended to the list."""
    caught: list[E] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    if not caught:
        raise AssertionError(f"expected {kind.__name__} to be raised, and nothing was")


def _held() -> set[str]:
    held = {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}
    held |= {f"process {pid}" for pid in descendants()}
    folder = "/proc/self/fd"
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            try:
                held.add(f"descriptor {name} ({os.readlink(os.path.join(folder, name))})")
            except OSError:
                continue  # the descriptor of this very listing
    return held
