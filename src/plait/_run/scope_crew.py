"""ScopeCrew: who runs what a scope starts: its engine, the drivers of its tasks, and its maps."""

from __future__ import annotations

import contextvars
import threading
import weakref
from _collections_abc import Callable, Iterable
from typing import Any

from plait._core.job import Running
from plait._core.outcome import brief
from plait._engines.interface import Engine, Lender
from plait._run.map import MapOptions, engine_of
from plait._run.map import map as map_items
from plait._run.pool import LentEngine
from plait._run.pool_call import call
from plait._run.run import Run
from plait._run.scope_call import ScopeCall
from plait._run.scope_driver import Driver, InlineDriver, ScopeDriver
from plait._run.scope_lent import LentDriver
from plait._run.stream import Stream

UNINTERRUPTIBLE = True  # see `cancelling`

_ANY_NUMBER = 1 << 20  # of threads, which each task of a scope gets


class ScopeCrew:
    """One engine and what runs on it; drivers are made when they are first needed.

    Attributes:
        elsewhere: lists what runs that this does not know of, in an event loop.
    """

    def __init__(self, engine: str | Engine | Lender, workers: int | None) -> None:
        self._engine, self._owned = engine_of("thread" if engine == "auto" else engine)
        self._lent = not isinstance(engine, (str, Engine))
        self._workers = workers
        self._lock = threading.RLock()
        self._context = contextvars.Context()
        self._driver: Driver | None = None
        self._runs: weakref.WeakSet[Run] = weakref.WeakSet()
        self._stopped = False
        self.elsewhere: Callable[[], list[Running]] = list

    @property
    def is_unused(self) -> bool:
        """Whether `end` has nothing to wait for."""
        return self._driver is None and not self._runs

    @property
    def name(self) -> str:
        """Of the engine."""
        return self._engine.name

    def open(self) -> None:
        """The block begins: what is started sees the context variables as they are now, unless it brings its own."""
        self._context = contextvars.copy_context()

    def start(self, item: ScopeCall) -> None:
        """Have the call run."""
        item.variables = getattr(self._engine, "context", ())
        driver = self._driver
        if driver is None:
            with self._lock:
                driver = self._driver = self._driver or self._make_driver()
        driver.put(item)

    def map(self, fn: Callable[..., Any], iterables: tuple[Iterable[Any], ...], options: MapOptions) -> Stream[Any]:
        """A map on this engine, which `stop` and `end` stop, too."""
        options.setdefault("workers", self._workers)
        stream: Stream[Any] = map_items(fn, *iterables, engine=self._engine, **options)
        self._runs.add(stream._run)
        if self._stopped:
            stream.cancel()
        return stream

    def stop(self) -> None:
        """Stop everything, now."""
        with self._lock:
            self._stopped = True
            driver = self._driver
        if driver is not None:
            driver.stop()
        for run in list(self._runs):
            run.cancel()

    def end(self) -> None:
        """Return when nothing of it is left but what could not be stopped."""
        for run in list(self._runs):
            run.halt()
        if self._driver is not None:
            self._driver.end()
        if self._owned:
            self._engine.close()

    @property
    def running(self) -> list[str]:
        """What is being run now, in words, the longest first."""
        tasks = self.elsewhere() + ([] if self._driver is None else self._driver.running())
        return running_in_words(tasks) + [words for run in list(self._runs) if run.started for words in run.running]

    @property
    def abandoned(self) -> list[str]:
        """What could not be stopped, in words."""
        return [] if self._driver is None else running_in_words(self._driver.abandoned())

    def _make_driver(self) -> Driver:
        if isinstance(self._engine, LentEngine):
            return LentDriver(self._engine.driver, self._workers)
        if self._engine.name == "inline":
            return InlineDriver(self._engine, self._context)
        unlimited = self._engine.name == "thread" and self._workers is None and not self._lent
        workers = _ANY_NUMBER if unlimited else self._engine.plan(self._workers, None).workers
        return ScopeDriver(self._engine, call, workers=workers, context=self._context, final=self._owned)


def running_in_words(running: Iterable[Running]) -> list[str]:
    """One line for each task that is being run, the longest first."""
    words = []
    for one in sorted(running, key=lambda one: -one.seconds):
        task = one.item.words() if isinstance(one.item, ScopeCall) else brief(one.item)
        if task:  # it ends at this moment
            words.append(f"{task} on {one.worker} for {one.seconds:.1f} s" if one.worker else f"{task}, about to begin")
    return words
