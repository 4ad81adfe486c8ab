"""LoopSide: the part of a scope that lives in an event loop: tasks of coroutine functions, and leaving the block.

Everything here happens in the thread of the loop; what other threads ask for is posted to it. The body is ended as
``asyncio.TaskGroup`` does it: its task is cancelled, and uncancelled when the block is left.
"""

from __future__ import annotations

import asyncio
import threading
import time
from _collections_abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

from plait._core.cancelling import current_block
from plait._core.current import Task, current_task
from plait._core.errors import Cancelled, Closed, StopTask, UsageError
from plait._core.job import Running
from plait._run.scope_call import ScopeCall
from plait._run.scope_crew import ScopeCrew
from plait._run.scope_life import Life
from plait._run.scope_words import Patience

UNINTERRUPTIBLE = True  # see `cancelling`


class LoopTask(Task):
    """One coroutine of a scope, as it sees itself."""

    __slots__ = ("_life", "_number", "_until", "began", "future", "task")

    def __init__(self, life: Life, number: int, item: ScopeCall) -> None:
        self._life = life
        self._number = number
        self.future = item.future
        self.began = time.perf_counter()
        self.task: asyncio.Task[Any] | None = None

    @property
    def index(self) -> int:
        return self._number

    @property
    def attempt(self) -> int:
        return 1

    @property
    def worker(self) -> str:
        return f"async-{self._number + 1}"

    @property
    def deadline(self) -> float | None:
        return self._life.deadline_at

    @property
    def cancelled(self) -> bool:
        return self._life.cancelled or (self.future is not None and self.future._asked)


class LoopSide:
    """What a scope does in the event loop in which its block was entered."""

    def __init__(self, life: Life, crew: ScopeCrew) -> None:
        parent = asyncio.current_task()
        if parent is None:
            raise UsageError("async with plait.scope() works inside of a task of an event loop, as asyncio.run makes one")
        self._life = life
        self._crew = crew
        self._loop = asyncio.get_running_loop()
        self._parent = parent
        self._cancelling = parent.cancelling()
        self._tasks: dict[ScopeCall, LoopTask] = {}
        self._started = 0
        self._woken = self._loop.create_future()
        self._leaving = False
        self._asked = False
        self._clock: asyncio.TimerHandle | None = None
        life.on_cancel = partial(self._post, self._cancel)
        life.on_idle = partial(self._post, self._wake)
        crew.elsewhere = self.running
        if life.deadline is not None:
            self._clock = self._loop.call_later(life.deadline, life.expire)

    @property
    def is_here(self) -> bool:
        """Whether the calling code runs in this loop."""
        return asyncio._get_running_loop() is self._loop

    # --- starting; any thread

    def start(self, item: ScopeCall) -> None:
        """Have the coroutine function of the call run."""
        future = item.future
        assert future is not None
        future._home = self._loop
        future._stop = partial(self._post, partial(self._revoke, item))
        if self.is_here:
            self._begin(item)
        else:
            self._loop.call_soon_threadsafe(self._begin, item)

    def running(self) -> list[Running]:
        """The coroutines that have not ended."""
        now = time.perf_counter()
        return [
            Running(task.index, item, task.worker, now - task.began) for item, task in self._tasks.copy().items()
        ]

    def _post(self, callback: Callable[[], None]) -> None:
        if self.is_here:
            callback()
            return
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return  # the loop is closed, and all that was in it is gone

    # --- in the loop

    def _begin(self, item: ScopeCall) -> None:
        context, fn, args, kwargs = item.context, item.fn, item.args, item.kwargs
        if not item.start() or context is None or fn is None:
            return
        task = LoopTask(self._life, self._started, item)
        self._started += 1
        item.worker = task.worker
        self._tasks[item] = task
        context.run(current_task.set, task)
        context.run(current_block.set, None)
        try:
            coroutine = cast("Coroutine[Any, Any, object]", context.run(fn, *args, **kwargs))
            task.task = self._loop.create_task(coroutine, name=f"plait-{task.worker}", context=context)
        except BaseException as error:
            del self._tasks[item]
            item.resolve(None, error)
            return
        task.task.add_done_callback(partial(self._ended, item))

    def _ended(self, item: ScopeCall, task: asyncio.Task[object]) -> None:
        del self._tasks[item]
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or (isinstance(error, StopTask) and item.future is not None and item.future._asked):
            if item.future is not None:
                item.future._asked = True  # by somebody, if not by us: asyncio takes it for no error, either
            item.resolve(None, Cancelled("it was cancelled"))
        elif error is not None:
            item.resolve(None, error)
        else:
            item.resolve(task.result(), None)

    def _revoke(self, item: ScopeCall) -> None:
        task = self._tasks.get(item)
        if task is not None and task.task is not None:
            task.rouse()
            task.task.cancel()

    def _cancel(self) -> None:
        for item in self._tasks.copy():
            self._revoke(item)
        if not self._leaving and not self._asked:
            self._asked = True
            self._parent.cancel()

    def _wake(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)

    # --- leaving

    async def leave(self, error: BaseException | None) -> bool:
        """As `Life.leave`, for the loop."""
        life = self._life
        self._leaving = True
        cancelled = error if isinstance(error, asyncio.CancelledError) else None
        life.body_ended(error)
        cancelled = await self._all_ended() or cancelled
        life.close()
        if self._clock is not None:
            self._clock.cancel()
        ended = self._loop.create_future()
        self._crew.end_elsewhere(partial(self._post, partial(_resolve, ended)))
        cancelled = await _surely(ended) or cancelled
        life.warn()
        unwanted = life.unwanted or await self._is_cancelled_from_outside()
        echo = error if isinstance(error, (StopTask, asyncio.CancelledError)) else None
        if echo is not None and not (life.cancelled_first or unwanted):
            echo = None
        return life.conclude(error, echo, cancelled or error if unwanted else None)
