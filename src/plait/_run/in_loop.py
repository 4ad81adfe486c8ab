"""InLoop: iterates the batches of a run in the event loop that runs them, for engines that never block it."""

from __future__ import annotations

import asyncio
import time
from _collections_abc import AsyncIterator, Iterator
from types import TracebackType

from plait._core.batch import Batch
from plait._engines.event_loop.loop_bell import LoopBell
from plait._run.async_input import input_gone, live_in
from plait._run.run import Run
from plait._run.running_loop import running_loop

_SLICE = 0.005  # seconds of delivering without a wait, after which the rest of the loop has its turn


class InLoop:
    """An async iterator over the batches of a run in the consumer's own loop; asking for more drives the run.

    Leaving the ``async with`` block, or cancelling the task that waits, stops the work and waits until it has stopped.
    """

    def __init__(self, run: Run, batches: Iterator[Batch]) -> None:
        self._run = run
        self._batches = batches
        self._since = 0.0

    async def __aenter__(self) -> InLoop:
        if not self._run.started:
            loop = running_loop()
            self._run.live_in(LoopBell(loop))
            live_in(self._run.job, loop)
        self._since = time.perf_counter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        run = self._run
        stopped = isinstance(error, asyncio.CancelledError) and not run.halted
        running = run.running if stopped else []
        await self.halt(run)
        if stopped and error is not None:
            error.add_note(run.stopping_words(running))

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        while True:
            if time.perf_counter() - self._since > _SLICE:
                await asyncio.sleep(0)
                self._since = time.perf_counter()
            batch = next(self._batches, None)
            if batch is None:
                raise StopAsyncIteration
            if batch.items:
                return batch
            await self._run.bell.wait()
            self._since = time.perf_counter()

    @staticmethod
    async def halt(run: Run) -> None:
        """Stop a run's work; returns when every call has ended, or has been given up and named."""
        try:
            for _ in run.endings():
                await run.bell.wait()
        finally:
            run.halt()
            await input_gone(run.job.feed)
