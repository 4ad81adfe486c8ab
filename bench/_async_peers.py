"""Other ways to await many coroutines with a limit, each as a context manager that gives ``map(fn, items)``.

Each call of the map is one ``asyncio.run``, as ours is when it is called from sync code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from _rounds import Map

Function = Callable[[Any], Awaitable[Any]]
Way = Callable[[Function, Sequence[Any], int], Awaitable[list[Any]]]


@contextmanager
def running(way: Way, limit: int) -> Iterator[Map]:
    yield lambda fn, items: asyncio.run(way(fn, items, limit))  # type: ignore[arg-type]  # they are coroutine functions


async def serial(fn: Function, items: Sequence[Any], limit: int) -> list[Any]:  # noqa: ARG001  as the others are called
    return [await fn(item) for item in items]


async def task_group(fn: Function, items: Sequence[Any], limit: int) -> list[Any]:
    semaphore, found = asyncio.Semaphore(limit), [None] * len(items)

    async def one(index: int, item: Any) -> None:
        async with semaphore:
            found[index] = await fn(item)

    async with asyncio.TaskGroup() as group:
        for index, item in enumerate(items):
            group.create_task(one(index, item))
    return found


async def gather(fn: Function, items: Sequence[Any], limit: int) -> list[Any]:
    semaphore = asyncio.Semaphore(limit)

    async def one(item: Any) -> Any:
        async with semaphore:
            return await fn(item)

    return await asyncio.gather(*map(one, items))


async def queue_workers(fn: Function, items: Sequence[Any], limit: int) -> list[Any]:
    queue, found = asyncio.Queue[tuple[int, Any] | None](2 * limit), [None] * len(items)

    async def worker() -> None:
        while (entry := await queue.get()) is not None:
            found[entry[0]] = await fn(entry[1])

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(worker())
        for entry in enumerate(items):
            await queue.put(entry)
        for _ in range(limit):
            await queue.put(None)
    return found


async def anyio_group(fn: Function, items: Sequence[Any], limit: int) -> list[Any]:
    import anyio

    limiter, found = anyio.CapacityLimiter(limit), [None] * len(items)

    async def one(index: int, item: Any) -> None:
        async with limiter:
            found[index] = await fn(item)

    async with anyio.create_task_group() as group:
        for index, item in enumerate(items):
            group.start_soon(one, index, item)
    return found


async def aiometer_all(fn: Function, items: Sequence[Any], limit: int) -> list[Any]:
    import aiometer

    return await aiometer.run_all([partial(fn, item) for item in items], max_at_once=limit)


def opener(way: Way, package: str = "") -> Callable[[int], AbstractContextManager[Map]]:
    """Opens it for a limit, if its package is there."""

    def opened(limit: int) -> AbstractContextManager[Map]:
        if package:
            __import__(package)
        return running(way, limit)

    return opened


ASYNC = {
    "TaskGroup + Semaphore": opener(task_group),
    "gather + Semaphore": opener(gather),
    "Queue + workers": opener(queue_workers),
    "anyio": opener(anyio_group, "anyio"),
    "aiometer": opener(aiometer_all, "aiometer"),
}
