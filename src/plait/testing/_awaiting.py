"""Coroutine versions of the contract's functions, for engines that await; the plain ones are kept as they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Generator
from functools import wraps
from itertools import count
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from plait._core.batch import Batch
from plait._core.job import Job
from plait._core.star import Star
from plait._engines.interface import Engine, Plan

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

NAP = 0.001  # between two looks at a file: there is nothing else that every kind of worker can wait for


class Napping(Protocol[P, R_co]):
    """A function that waits, its steps, and its coroutine version."""

    @property
    def steps(self) -> Callable[P, Generator[None, None, R_co]]: ...

    @property
    def awaited(self) -> Callable[P, Coroutine[Any, Any, R_co]]: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


def napping(steps: Callable[P, Generator[None, None, R]]) -> Napping[P, R]:
    """The function whose steps these are: it naps at each ``yield``.

    Its coroutine version naps in the event loop. `steps` itself is its attribute of that name, for ``yield from``.
    """

    @wraps(steps)
    def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        running = steps(*args, **kwargs)
        while True:
            try:
                next(running)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the steps return
            time.sleep(NAP)

    async def awaited(*args: P.args, **kwargs: P.kwargs) -> R:
        from asyncio import sleep  # workers import this file, and most of them have no loop

        running = steps(*args, **kwargs)
        while True:
            try:
                next(running)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the steps return
            await sleep(NAP)

    plain.steps = steps  # type: ignore[attr-defined]  # functions have room for more
    plain.awaited = awaited  # type: ignore[attr-defined]  # functions have room for more
    return cast("Napping[P, R]", plain)  # a function, so that it crosses to workers by its name


def awaited(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The coroutine version of a function of the contract; coroutine functions, such as a pool's, as they are."""
    from plait._core.coroutines import is_coroutine_function  # which imports inspect: workers import this file

    if is_coroutine_function(fn):
        return fn
    if isinstance(fn, Star):
        return Star(awaited(fn.fn))
    found: Callable[..., Any] | None = getattr(fn, "awaited", None)
    if found is not None:
        return found

    calls = count()

    async def version(*args: Any) -> Any:
        if next(calls) % 2:  # some coroutines suspend, some never do
            from asyncio import sleep

            await sleep(0)
        return fn(*args)

    return version


class Awaiting:
    """An engine that awaits, for the contract's plain functions: it runs their coroutine versions."""

    awaits = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name
        if hasattr(engine, "run_here"):
            self.run_here = self._run_here

    def plan(self, requested: int | None, items: int | None) -> Plan:
        return self._engine.plan(requested, items)

    def run(self, job: Job) -> Generator[Batch, None, None]:
        return self._engine.run(self._changed(job))

    def close(self) -> None:
        self._engine.close()

    def _run_here(self, job: Job, bell: Any) -> Generator[Batch, None, None]:
        found: Generator[Batch, None, None] = self._engine.run_here(self._changed(job), bell)  # type: ignore[attr-defined]  # it was looked for
        return found

    @staticmethod
    def _changed(job: Job) -> Job:
        job.fn = awaited(job.fn)
        return job
