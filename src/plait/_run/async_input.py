"""Input from async iterables: a coroutine pulls it, in the consumer's event loop or in the engine's."""

from __future__ import annotations

import asyncio
import warnings
from _collections_abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from typing import Any

from plait._core.feed import Feed
from plait._core.job import Job
from plait._engines.event_loop.loop_thread import LoopThread
from plait._run.self_filling import SelfFillingFeed

_GRACE = 0.2  # seconds that an input has to end after it was cancelled


def async_feed(iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...]) -> AsyncFeed | None:
    """A feed over iterables of which some are async; None if all of them are better iterated in the plain way."""
    if not any(map(_is_async, iterables)):
        return None
    return _over(iterables)


def _over(iterables: tuple[Any, ...]) -> AsyncFeed:
    return AsyncFeed(iterables[0] if len(iterables) == 1 else _zipped(iterables))


def live_in(job: Job, loop: asyncio.AbstractEventLoop) -> None:
    """Have what a job gets from a loop come from this one; called before it begins.

    What can be iterated both ways may have been given to ``plait.map`` outside of the loop that iterates now.
    """
    if (iterables := job.feed.both_ways) is not None:
        outside, job.feed = job.feed, _over(iterables)
        job.feed.handed_out, job.feed.limit = outside.handed_out, outside.limit
        job.feed.serve(job)
    job.feed.live_in(loop)


def _is_async(items: object) -> bool:
    """Whether to iterate it with ``async for``: where both ways are open, the one that suits the caller."""
    if not hasattr(items, "__aiter__"):
        return False
    return not hasattr(items, "__iter__") or asyncio._get_running_loop() is not None


class AsyncFeed(SelfFillingFeed):
    """A feed that is filled by a task in an event loop, only as far ahead as the engine wants."""

    def __init__(self, source: AsyncIterable[Any]) -> None:
        super().__init__()
        self._source = source
        self._wanted = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own: LoopThread | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = False
        self._idle: asyncio.Future[None] | None = None  # what the task awaits while nobody wants more; under the lock
        self._ended = False

    # --- the driver's side

    def live_in(self, loop: object) -> None:
        """Be pulled in this loop; without one the feed has a loop of its own."""
        if self._loop is None:
            assert isinstance(loop, asyncio.AbstractEventLoop)
            self._loop = loop

    def fill(self, wanted: int) -> bool:
        """Have the task pull on. Does not wait for it."""
        if self._ended:
            return False
        if self._loop is None:
            self._own = LoopThread()
            self._loop = self._own.loop
        self._sift_arrived(wanted)
        with self._lock:
            self._wanted = wanted
            asleep = self._idle is not None and self._room
        if not self._begun:
            self._begun = True
            self._loop.call_soon_threadsafe(self._begin)
        elif asleep:
            self._loop.call_soon_threadsafe(self._go_on)
        return False

    def let_go(self) -> None:
        """Pull nothing more."""
        if self._ended:
            return
        self._ended = True
        if self._own is not None:
            self._own.end()
        elif self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._cancel)
            except RuntimeError:
                return  # the loop is closed, and the task gone with it

    async def gone(self) -> None:
        """Return when the task has ended, after `let_go`."""
        if self._loop is not asyncio.get_running_loop():
            return
        await asyncio.sleep(0)  # `_cancel` comes first
        if self._task is not None and not self._task.done():
            _, left = await asyncio.wait([self._task], timeout=_GRACE)
            if left:
                warnings.warn(
                    f"plait could not stop the input {self._source!r}, now left behind: it went on although it was "
                    "cancelled",
                    RuntimeWarning,
                    stacklevel=2,
                )

    # --- in the loop

    @property
    def _room(self) -> bool:
        return self._stock < min(self._wanted, self.room)

    def _begin(self) -> None:
        if not self._ended:
            self._task = asyncio.get_running_loop().create_task(self._read(), name="plait-input")

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _go_on(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None and not idle.done():
            idle.set_result(None)

    async def _read(self) -> None:
        try:
            await self._read_all(aiter(self._source))
        except asyncio.CancelledError as error:
            if self._ended:
                raise
            self.error = error
        except BaseException as error:  # the driver raises it, when what came before has been delivered
            self.error = error
        finally:
            with self._lock:
                self._arrive_no_more()
            self._notify()

    async def _read_all(self, items: AsyncIterator[Any]) -> None:
        try:
            async for item in items:
                with self._lock:
                    news = self._arrive((item,))
                if news:
                    self._notify()
                while (idle := self._rest()) is not None:
                    await idle
        finally:
            if isinstance(items, AsyncGenerator):  # now, and not when the garbage collector finds it, perhaps too late
                await items.aclose()

    def _rest(self) -> asyncio.Future[None] | None:
        """What to await before the next item is pulled, or None when one is wanted now."""
        with self._lock:
            if self._room:
                self._idle = None
            elif self._idle is None or self._idle.done():
                self._idle = asyncio.get_running_loop().create_future()
            return self._idle


async def _zipped(iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...]) -> AsyncIterator[tuple[Any, ...]]:
    """One item of each, stopping with the shortest; some of them async."""
    iterators: list[Any] = [aiter(items) if _is_async(items) else iter(items) for items in iterables]  # type: ignore[arg-type]  # one or the other
    while True:
        row: list[Any] = []
        for iterator in iterators:
            try:
                row.append(await anext(iterator) if hasattr(iterator, "__anext__") else next(iterator))
            except (StopIteration, StopAsyncIteration):
                return
        yield tuple(row)


async def input_gone(feed: Feed) -> None:
    """Return when nothing pulls input for a run that has ended, if it was pulled in the running loop."""
    if isinstance(feed, AsyncFeed):
        await feed.gone()
