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
from plait._core.current import current_task
from plait._core.errors import Cancelled, StopTask, UsageError
from plait._core.job import Running
from plait._run.in_loop import InLoop
from plait._run.running_loop import end_wait, running_loop
from plait._run.scopes.scope_call import ScopeCall
from plait._run.scopes.scope_crew import ScopeCrew
from plait._run.scopes.scope_life import Life
from plait._run.scopes.scope_loop_task import LoopTask
from plait._run.scopes.scope_words import Patience

UNINTERRUPTIBLE = True  # see `cancelling`


class LoopSide:
    """What a scope does in the event loop in which its block was entered."""

    def __init__(self, life: Life, crew: ScopeCrew) -> None:
        self._loop = running_loop()
        parent = asyncio.current_task()
        if parent is None:
            raise UsageError(
                "async with plait.scope() works inside of a task of an event loop, as asyncio.run makes one"
            )
        self._parent = parent
        self._life = life
        self._crew = crew
        self._requests = parent.cancelling()
        self._tasks: dict[ScopeCall, LoopTask] = {}
        self._started = 0
        self._news = self._loop.create_future()
        self._leaving = False
        self._asked = False
        self._cancelled: BaseException | None = None
        self._timers: list[asyncio.TimerHandle] = []
        life.on_cancel = partial(self._post, self._cancel)
        life.on_idle = partial(self._post, self._wake)
        crew.elsewhere = self._running
        if life.deadline is not None:
            self._timers.append(self._loop.call_later(life.deadline, life.expire))

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

    def _running(self) -> list[Running]:
        """The coroutines that have not ended."""
        now = time.perf_counter()
        return [Running(task.index, item, task.worker, now - task.began) for item, task in self._tasks.copy().items()]

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
        task = LoopTask(self._life, self._started, item.future)
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
        future = item.future
        error = None if task.cancelled() else task.exception()
        if future is not None and (task.cancelled() or (isinstance(error, StopTask) and future._asked)):
            future._asked = True  # if not by us: for asyncio it is no error, either
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
        end_wait(self._news)

    # --- leaving

    async def leave(self, body: BaseException | None) -> bool:
        """As `Life.leave`, for the loop.

        Raises:
            what the block raises.
        """
        life = self._life
        if life.forked:
            return life.leave_copy(body)
        self._leaving = True
        error = body
        echo = isinstance(body, (StopTask, asyncio.CancelledError)) and (
            life.cancelled or life.unwanted or self._parent.cancelling() > self._requests
        )
        if echo:
            error = None
            self._cancelled = body
        life.body_ended(body)
        self._remind(Patience())
        await self._all_ended()
        life.close()
        await self._ended_crew()
        for timer in self._timers:
            timer.cancel()
        outside = await self._settle_requests()
        # The loop may run in a thread of a task that was cancelled, where nobody knows what a CancelledError means.
        stop = life.outer_stop(body if isinstance(body, StopTask) else None)
        if outside:
            stop = self._cancelled or asyncio.CancelledError()
        try:
            return life.conclude(body, error, stop)
        except BaseException as raised:
            if outside and raised is not stop:  # the cancellation is not lost with it: the next await ends by it
                self._parent.uncancel()
                self._parent.cancel()
            raise
        finally:
            self._crew.warn()

    async def _all_ended(self) -> None:
        """Return when no task is open; being cancelled meanwhile cancels them."""
        while True:
            self._news = self._loop.create_future()
            if self._life.tasks.close_if_idle():
                return
            await self._patiently(self._news)

    async def _ended_crew(self) -> None:
        """End threads and processes in a thread, since they may take a moment, and what lives in the loop here."""
        for run in self._crew.runs_in_loop:
            halting = self._loop.create_task(InLoop.halt(run))
            while not halting.done():
                await self._patiently(halting)
        if self._crew.is_unused:
            self._crew.end()
            return
        ended = self._loop.create_future()

        def end() -> None:
            try:
                self._crew.end()
            finally:
                self._post(partial(end_wait, ended))

        threading.Thread(target=end, name="plait-scope-end", daemon=True).start()
        while not ended.done():
            await self._patiently(ended)

    async def _patiently(self, future: asyncio.Future[None]) -> None:
        """Wait for it; a cancellation cancels the scope, and is kept for later."""
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            self._cancelled = error
            self._life.cancel()

    async def _settle_requests(self) -> bool:
        """Take back the cancellation that was ours; whether there was another one."""
        if not self._asked:
            return self._parent.cancelling() > self._requests
        try:
            await asyncio.sleep(0)  # CPython before 3.13 delivers it even after `uncancel`, if it has not been yet
        except asyncio.CancelledError as error:
            self._cancelled = error
        return self._parent.uncancel() > self._requests

    def _remind(self, patience: Patience) -> None:
        def remind() -> None:
            self._life.remind()
            patience.used()
            self._remind(patience)

        if (seconds := patience.next()) is not None:
            self._timers.append(self._loop.call_later(seconds, remind))
