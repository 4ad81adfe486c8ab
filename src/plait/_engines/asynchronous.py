"""AsyncEngine: runs coroutine functions in an event loop, many items at the same time, without a task per item.

In sync code the loop is the engine's own, in a thread, so it works where another loop is running already. In async code
it is the loop of the code that iterates: what is bound to that loop, such as a client session, can be used.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from _collections_abc import Awaitable, Callable, Generator
from inspect import isawaitable

from plait._core.batch import Batch
from plait._core.bell import Bell
from plait._core.coroutines import is_coroutine_function
from plait._core.current import current_task
from plait._core.errors import UsageError
from plait._core.interrupts import finishes
from plait._core.job import Job
from plait._core.outcome import brief
from plait._engines.event_loop.async_crew import AsyncCrew
from plait._engines.event_loop.async_driver import DriverHere, DriverOutside
from plait._engines.event_loop.loop_bell import LoopBell
from plait._engines.event_loop.loop_thread import LoopThread
from plait._engines.interface import Plan

_LIMIT = 100  # as many connections as aiohttp and httpx open by default; far from the usual limit of 1024 descriptors


class AsyncEngine:
    """Runs coroutine functions, at most `workers` calls at a time.

    The first run from sync code starts an event loop in a thread, which lives until the engine is closed, so that what
    one run has bound to the loop is there for the next. Maps inside maps have loops of their own.

    Args:
        loop_factory: makes that loop, for example ``uvloop.new_event_loop``; by default what ``asyncio.run`` would use.

    >>> import plait
    >>> async def double(x):
    ...     return 2 * x
    >>> list(plait.map(double, range(3), engine=plait.engines.AsyncEngine()))
    [0, 2, 4]
    """

    name = "async"
    awaits = True

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        if loop_factory is not None and not callable(loop_factory):
            raise UsageError(
                f"loop_factory={loop_factory!r}: expected a function that makes an event loop, for example "
                "uvloop.new_event_loop, or None for the loop asyncio.run would use"
            )
        self._factory = loop_factory
        self._lock = threading.Lock()
        self._home: LoopThread | None = None
        self._finalizer: weakref.finalize[[], AsyncEngine] | None = None

    def plan(self, requested: int | None, items: int | None) -> Plan:
        count = _LIMIT if requested is None else requested
        reason = f"workers={requested} was asked for" if requested is not None else f"at most {_LIMIT} calls at a time"
        if items is not None and items < count:
            return Plan(max(1, items), f"no more calls at a time than items, of which there are {items}")
        return Plan(count, reason)

    def run(self, job: Job) -> Generator[Batch, None, None]:
        nested = current_task.get(None) is not None or job.context.get(current_task) is not None
        homes: list[LoopThread] = []
        try:
            self._enter(homes, nested, job)
            home, bell = homes[0], Bell()
            job.feed.live_in(home.loop)
            crew = AsyncCrew(job, home.loop, bell, home.thread)
            crew.function = _awaitable(job.fn, crew)
            yield from DriverOutside(job, crew, bell, home).batches()
        finally:
            self._leave(homes, job)

    def run_here(self, job: Job, bell: LoopBell) -> Generator[Batch, None, None]:
        """As `run`, in the event loop that is running, without ever blocking it.

        Instead of waiting it yields `plait._engines.interface.IDLE`; go on when the bell has rung. After ``job.cancel``
        it yields nothing else until every call has ended or has been given up. Closing it before that does not wait.
        """
        crew = AsyncCrew(job, asyncio.get_running_loop(), bell)
        crew.function = _awaitable(job.fn, crew)
        return DriverHere(job, crew, bell).batches()

    def close(self) -> None:
        with self._lock:
            home = self._home
            if home is None:
                return
            assert self._finalizer is not None
            self._finalizer.detach()
            self._home = self._finalizer = None
            busy = bool(home.jobs) and home.usable
        if not busy:  # else the last of them ends it: a pool may be shut down while maps run on it
            home.end()

    @finishes
    def _enter(self, homes: list[LoopThread], nested: bool, job: Job) -> None:
        """Find the job a loop; whoever is to leave it knows it, also at Ctrl-C."""
        homes.append(self._loop_thread(nested, job))

    @finishes
    def _leave(self, homes: list[LoopThread], job: Job) -> None:
        for home in homes:
            home.jobs.discard(job)  # no lock: the garbage collector may come here, in whatever thread has it
            if home is not self._home and not home.jobs:
                job.feed.let_go()  # what pulls the input would take the end of its loop for an error of the input
                home.end()

    def _loop_thread(self, nested: bool, job: Job) -> LoopThread:
        """The loop that this engine keeps; another one for a run on which code in that loop may be waiting."""
        if nested:
            return self._apart(job)
        with self._lock:
            home = self._home
            if home is None or not home.usable:
                self._home = home = LoopThread(self._factory)
                self._finalizer = weakref.finalize(self, home.end)
            elif home.thread is threading.current_thread():
                return self._apart(job)
            home.jobs.add(job)
            return home

    def _apart(self, job: Job) -> LoopThread:
        home = LoopThread(self._factory)
        home.jobs.add(job)
        return home


class Awaited:
    """Calls a function of which nobody knows whether it gives something to await; if not, the run fails."""

    __slots__ = ("_crew", "_fn")

    def __init__(self, fn: Callable[..., object], crew: AsyncCrew) -> None:
        self._fn = fn
        self._crew = crew

    def __call__(self, item: object) -> Awaitable[object]:
        found = self._fn(item)
        if isawaitable(found):
            return found
        error = UsageError(
            f'{_name(self._fn)} returned {brief(found)} for {brief(item)}, which nobody can await: engine="async" runs '
            'coroutine functions; define it with `async def`, or pass engine="thread" for a plain function'
        )
        self._crew.fail(error)
        raise error


def _awaitable(fn: Callable[..., object], crew: AsyncCrew) -> Callable[[object], Awaitable[object]]:
    return fn if is_coroutine_function(fn) else Awaited(fn, crew)  # type: ignore[return-value]  # that is what it says


def _name(fn: object) -> str:
    inner = getattr(fn, "fn", fn)  # a Star
    return str(getattr(inner, "__qualname__", inner))
