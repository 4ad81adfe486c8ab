"""ScopeCrew: who runs what a scope starts: engines, the drivers of its tasks on them, and its maps."""

from __future__ import annotations

import contextvars
import threading
import weakref
from _collections_abc import AsyncIterable, Callable, Iterable
from typing import Any

from plait._core.coroutines import is_coroutine_function
from plait._core.errors import UsageError
from plait._core.job import Running
from plait._core.outcome import brief
from plait._engines.interface import Engine, Lender, RunsCalls, is_engine
from plait._engines.table import make_engine
from plait._run.farewell import warn_abandoned, warn_mishaps
from plait._run.map import MapOptions, engine_of
from plait._run.map import map as map_items
from plait._run.pool import LentEngine
from plait._run.run import Run
from plait._run.scopes.scope_call import ScopeCall
from plait._run.scopes.scope_driver import Driver, make_driver
from plait._run.scopes.scope_lent import LentDriver
from plait._run.stream import Stream

UNINTERRUPTIBLE = True  # see `cancelling`

_ANY_NUMBER = 1 << 20  # of tasks, where each of them can begin at once


class ScopeCrew:
    """The engine of a scope, one more for coroutine functions if it cannot await them, and what runs on both.

    Attributes:
        elsewhere: lists what runs that this does not know of, in an event loop.
    """

    def __init__(self, engine: str | Engine | Lender | RunsCalls, workers: int | None) -> None:
        own, owned = engine_of("thread" if engine == "auto" else engine)
        lent = not owned and not is_engine(engine)
        self._lanes = [Lane(own, workers, owned=owned, lent=lent)]
        self._workers = workers
        self._lock = threading.RLock()
        self._context = contextvars.Context()
        self._runs: weakref.WeakSet[Run] = weakref.WeakSet()
        self._stopped = self._ended = False
        self.elsewhere: Callable[[], list[Running]] = list

    @property
    def is_unused(self) -> bool:
        """Whether `end` has nothing to wait for."""
        return not self._runs and all(lane.driver is None for lane in self._lanes)

    @property
    def drivers(self) -> tuple[Driver | None, Driver | None]:
        """Those of the tasks: of plain ones or all, and of those that are awaited where another engine does that."""
        first, *others = self._lanes
        return first.driver, others[0].driver if others else None

    @property
    def name(self) -> str:
        """Of the engine."""
        return self._lanes[0].engine.name

    def open(self) -> None:
        """The block begins: what is started sees the context variables as they are now, unless it brings its own."""
        self._context = contextvars.copy_context()

    def start(self, item: ScopeCall) -> None:
        """Have the call run.

        Raises:
            UsageError: the engine runs coroutine functions, and the call is of another one.
        """
        lane = self._lane_for(item.fn)
        if lane.awaits and not is_coroutine_function(item.fn):
            raise UsageError(
                f'{item.words()}: plait.scope("async") runs coroutine functions, and this is a plain one; '
                "plait.scope() runs both"
            )
        item.variables = getattr(lane.engine, "context", ())
        lane.start(item, self._context)

    def map(
        self, fn: Callable[..., Any], iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...], options: MapOptions
    ) -> Stream[Any]:
        """A map on the engine, which `stop` and `end` stop, too."""
        options.setdefault("workers", self._workers)
        stream: Stream[Any] = map_items(fn, *iterables, engine=self._lane_for(fn).engine, **options)
        self._runs.add(stream._run)
        if self._stopped:
            stream.cancel()
        return stream

    def stop(self) -> None:
        """Stop everything, now."""
        with self._lock:
            self._stopped = True
            lanes = list(self._lanes)
        for lane in lanes:
            if lane.driver is not None:
                lane.driver.stop()
        for run in list(self._runs):
            run.cancel()

    def end(self) -> None:
        """Return when nothing of it is left but what could not be stopped."""
        for run in list(self._runs):
            run.halt()
        for lane in self._lanes:
            lane.end()
        self._ended = True

    def abandon(self) -> None:
        """Stop everything, and wait for nothing; does nothing after `end`."""
        if self._ended or self.is_unused:
            return
        self.stop()
        for lane in self._lanes:
            lane.close()

    @property
    def runs_in_loop(self) -> list[Run]:
        """Its maps whose items run in the event loop of whoever iterates them, where they have to be stopped."""
        return [run for run in list(self._runs) if run.lives_in_loop]

    @property
    def running(self) -> list[str]:
        """What is being run now, in words, the longest first."""
        tasks = self.elsewhere()
        for lane in self._lanes:
            tasks += [] if lane.driver is None else lane.driver.running()
        return running_in_words(tasks) + [words for run in list(self._runs) if run.started for words in run.running]

    def warn(self) -> None:
        """Name what could not be stopped, and say what else went wrong at the end."""
        for lane in self._lanes:
            if lane.driver is not None:
                warn_abandoned(running_in_words(lane.driver.abandoned()), lane.engine.name)
                warn_mishaps(lane.driver.mishaps())

    def _lane_for(self, fn: Callable[..., Any] | None) -> Lane:
        """Who runs the function."""
        own = self._lanes[0]
        if own.awaits or not is_coroutine_function(fn):
            return own
        with self._lock:
            if len(self._lanes) == 1:
                self._lanes.append(Lane(make_engine("async"), self._workers, owned=True))
            return self._lanes[1]


class Lane:
    """One engine of a scope, and the driver of the tasks on it, which is made with the first of them.

    Attributes:
        awaits: whether the engine runs coroutine functions, and no others.
    """

    def __init__(self, engine: Engine, workers: int | None, *, owned: bool, lent: bool = False) -> None:
        self.engine = engine
        self.awaits = bool(getattr(engine, "awaits", False))
        self.driver: Driver | None = None
        self._owned = owned
        self._lock = threading.RLock()
        self._unlimited = workers is None and not lent and (self.awaits or engine.name == "thread")
        self._workers = workers

    def start(self, item: ScopeCall, context: contextvars.Context) -> None:
        """Have the call run; one that brings no context of its own, in this one."""
        driver = self.driver
        if driver is None:
            with self._lock:
                driver = self.driver = self.driver or self._make_driver(context)
        driver.put(item)

    def end(self) -> None:
        """Return when the driver has ended, and close an engine that is the scope's own."""
        if self.driver is not None:
            self.driver.end()
        self.close()

    def close(self) -> None:
        """Close an engine that is the scope's own."""
        if self._owned:
            self.engine.close()

    def _make_driver(self, context: contextvars.Context) -> Driver:
        if isinstance(self.engine, LentEngine):
            return LentDriver(self.engine.driver, self._workers)
        workers = _ANY_NUMBER if self._unlimited else self.engine.plan(self._workers, None).workers
        return make_driver(self.engine, workers, context, final=self._owned)


def running_in_words(running: Iterable[Running]) -> list[str]:
    """One line for each task that is being run, the longest first."""
    words = []
    for one in sorted(running, key=lambda one: -one.seconds):
        task = one.item.words() if isinstance(one.item, ScopeCall) else brief(one.item)
        if task:  # it ends at this moment
            words.append(f"{task} on {one.worker} for {one.seconds:.1f} s" if one.worker else f"{task} about to begin")
    return words
