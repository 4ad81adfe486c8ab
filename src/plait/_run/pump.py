"""Drives a run in a thread of its own, so that async code can wait for its batches without blocking the event loop."""

from __future__ import annotations

import asyncio
import threading
from _collections_abc import AsyncIterator, Iterator
from types import TracebackType

from plait._core.batch import Batch
from plait._core.daemons import daemons_allowed
from plait._core.green import waiting_line
from plait._run.async_input import input_gone, live_in
from plait._run.run import Run
from plait._run.running_loop import end_wait, running_loop


class Pump:
    """An async iterator over the batches of a run; one batch is fetched per request, so back-pressure is kept.

    Leaving the ``async with`` block, or cancelling the task that waits, stops the work and waits until it has stopped.
    """

    def __init__(self, run: Run, batches: Iterator[Batch]) -> None:
        self._run = run
        self._run.job.pumped = True
        self._batches = batches
        self._wanted = waiting_line()
        self._closing = False

    async def __aenter__(self) -> Pump:
        self._loop = running_loop()
        if not self._run.started:
            live_in(self._run.job, self._loop)
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._next: asyncio.Future[Batch | None] | None = None
        threading.Thread(target=self._work, name="plait-pump", daemon=daemons_allowed()).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        run = self._run
        stopped = isinstance(error, asyncio.CancelledError) and not run.halted
        running = run.running if stopped else []
        self._closing = True
        if not run.report.finished:
            run.cancel()
        self._wanted.put(None)
        await asyncio.shield(self._ended)
        await input_gone(run.job.feed)
        if stopped and error is not None:
            error.add_note(run.stopping_words(running))

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        self._next = self._loop.create_future()
        self._wanted.put(None)
        batch = await self._next
        if batch is None:
            raise StopAsyncIteration
        return batch

    @staticmethod
    async def halt(run: Run) -> None:
        """Stop a run's work from async code: closing it may take a moment, which must not block the loop."""
        if run.halted:
            return
        run.cancel()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def work() -> None:
            try:
                run.halt()
            except BaseException as error:
                loop.call_soon_threadsafe(ended.set_exception, error)
            else:
                loop.call_soon_threadsafe(ended.set_result, None)

        threading.Thread(target=work, name="plait-pump", daemon=daemons_allowed()).start()
        await asyncio.shield(ended)

    # --- in the thread

    def _work(self) -> None:
        try:
            while True:
                self._wanted.get()
                if self._closing:
                    return
                try:
                    with self._run.turn:  # of another loop that was left, the end may be on its way
                        batch = next(self._batches, None)
                except BaseException as error:
                    self._post(self._give, None, error)
                else:
                    self._post(self._give, batch, None)
        finally:
            close = getattr(self._batches, "close", None)
            if close is not None:
                with self._run.turn:
                    close()
            self._post(end_wait, self._ended)

    def _post(self, callback: object, *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)  # type: ignore[arg-type]  # any callable
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    # --- in the loop

    def _give(self, batch: Batch | None, error: BaseException | None) -> None:
        waiting = self._next
        if waiting is None or waiting.done():
            return
        if error is not None:
            waiting.set_exception(error)
        else:
            waiting.set_result(batch)
