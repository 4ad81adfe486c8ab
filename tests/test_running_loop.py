"""What waits in an event loop of asyncio says so where there is none, as in a coroutine of another library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import plait
from plait._core.cancelling import current_block
from plait.errors import UsageError

pytestmark = pytest.mark.usefixtures("nothing_left")


async def echo(item: int) -> int:
    return item


async def in_scope() -> None:
    async with plait.scope() as s:
        s.submit(abs, 1)


WAITS: dict[str, Callable[[], Awaitable[Any]]] = {
    "map": lambda: anext(aiter(plait.map(abs, [1], engine="thread"))),
    "map of coroutines": lambda: anext(aiter(plait.map(echo, [1]))),
    "outcomes": lambda: anext(aiter(plait.map(abs, [1], engine="process").outcomes())),
    "scope": in_scope,
    "channel": lambda: plait.channel(1).aget(),
}


@pytest.mark.parametrize("wait", WAITS)
def test_without_a_loop_of_asyncio_it_is_said_and_nothing_begins(wait: str) -> None:
    before = current_block.get()

    async def waits() -> None:
        await WAITS[wait]()

    with pytest.raises(UsageError, match=r"event loop of asyncio, and none runs here; .* trio.to_thread.run_sync"):
        waits().send(None)
    assert current_block.get() is before
    assert list(plait.map(abs, [-1], engine="thread")) == [1]
