"""What runs the calls of a scope: a thread that drives an engine over them, or the thread that submits them."""

from __future__ import annotations

from _collections_abc import Callable
from contextvars import Context
from functools import partial
from typing import Protocol

from plait._core.current import current_task
from plait._core.errors import Cancelled, Closed
from plait._core.feed import Feed
from plait._core.job import Job, Running
from plait._core.rng import seeding
from plait._engines.interface import Engine
from plait._run.pool_call import call
from plait._run.pool_driver import PoolDriver
from plait._run.pool_feed import QueueFeed
from plait._run.scopes.scope_call import ScopeCall

UNINTERRUPTIBLE = True  # see `cancelling`


class Driver(Protocol):
    """Runs the calls of one scope, and gives their futures the means to stop them, if there is one."""

    def put(self, item: ScopeCall) -> None:
        """Have the call run."""
        ...

    def stop(self) -> None:
        """Stop everything, now; any thread."""
        ...

    def end(self) -> None:
        """Return when the engine is done with all that was put. Nothing is put from now on."""
        ...

    def running(self) -> list[Running]:
        """What is being run now, and what is about to be, on no worker yet."""
        ...

    def abandoned(self) -> list[Running]:
        """What could not be stopped."""
        ...

    def mishaps(self) -> list[str]:
        """What went wrong when the workers ended."""
        ...


class ScopeFeed(QueueFeed):
    """The calls of one scope: each should begin at once."""

    prompt = True


class ScopeDriver(PoolDriver):
    """Drives an engine in a thread of its own, until the scope is over.

    Unlike a pool's it does not hold up the exit of the interpreter: whoever is in the block of the scope does.
    """

    noun = "scope"

    def __init__(
        self, engine: Engine, fn: Callable[..., object], *, workers: int, context: Context, final: bool
    ) -> None:
        super().__init__(engine, fn, workers=workers, owned=False, token="", feed=ScopeFeed)
        self._job.context = context
        self._job.seeding = seeding(context.get(current_task))
        self._job.final = final
        self._awaited = True  # by the block, which warns of mishaps

    def put(self, item: ScopeCall) -> None:  # type: ignore[override]  # no other calls come here
        if item.future is not None:
            item.future._stop = partial(self.revoke, item)
        self.start()
        self.feed.put(item)

    def stop(self) -> None:
        self._job.cancel()  # before what waits is cancelled, lest a worker that is free takes some of it
        self.cancel_pending()

    def end(self) -> None:
        self.feed.close(_over)
        thread = self._thread
        if thread is not None:
            self._ended.wait()
            thread.join()

    def mishaps(self) -> list[str]:
        return self._job.tally.mishaps

    def _resolve_rest(self) -> None:
        for running in self._job.snapshot():  # as it was when the engine was stopped
            if isinstance(running.item, ScopeCall):
                running.item.worker = running.item.worker or running.worker
        super()._resolve_rest()

    def _enroll(self) -> None:
        """Nothing: see above."""

    def _sign_off(self) -> None:
        """Nothing either."""


class InlineDriver:
    """Runs each call where it is submitted, before `put` returns."""

    def __init__(self, engine: Engine, context: Context) -> None:
        self._engine = engine
        self._context = context
        self._jobs: list[Job] = []
        self._stopped = False

    def put(self, item: ScopeCall) -> None:
        if not item.start():
            return
        job = Job(call, Feed([item]), workers=1, timeout=None, context=self._context.copy())
        self._jobs.append(job)
        if self._stopped:
            job.cancel()
        try:
            for batch in self._engine.run(job):
                job.feed.settle(1)
                item.resolve(batch.values[0], batch.failures.get(0))
        finally:
            self._jobs.remove(job)
            if item.future is not None:
                item.future._asked = True  # by Ctrl-C
            item.resolve(None, Cancelled("it was stopped"))

    def stop(self) -> None:
        self._stopped = True
        for job in self._jobs.copy():
            job.cancel()

    def end(self) -> None:
        """Nothing is left by then."""

    def running(self) -> list[Running]:
        return [running for job in self._jobs.copy() for running in job.snapshot()]

    def abandoned(self) -> list[Running]:
        return []

    def mishaps(self) -> list[str]:
        return []


def make_driver(engine: Engine, workers: int, context: Context, *, final: bool) -> Driver:
    """What drives this engine over the calls of a scope; `final`: the engine is closed after that."""
    if engine.name == "inline":
        return InlineDriver(engine, context)
    if not getattr(engine, "awaits", False):
        return ScopeDriver(engine, call, workers=workers, context=context, final=final)
    from plait._run.pool_awaiting import await_call  # with asyncio, which other scopes can do without

    return ScopeDriver(engine, await_call, workers=workers, context=context, final=final)


def _over() -> Closed:
    return Closed("the scope is over: its block has ended, and with it the time to submit")
