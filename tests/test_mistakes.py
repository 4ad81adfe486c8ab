"""What those are told who come from other tools and write what would be right there."""

from __future__ import annotations

import asyncio
import gc
import logging
import queue
import re
import warnings
from collections.abc import Awaitable, Callable

import pytest

import plait


def both(first: int, second: int) -> int:
    return first + second


def within(pair: object) -> int:
    return both(pair)  # type: ignore[arg-type, call-arg]  # as users' own mistakes are


def test_a_queue_is_no_iterable_and_what_is_one_is_said() -> None:
    full: queue.Queue[int] = queue.Queue()
    full.put(-3)
    full.put(0)
    with pytest.raises(plait.errors.UsageError, match=re.escape("iter(queue.get, END)")):
        plait.map(abs, full)  # type: ignore[arg-type]  # the mistake
    assert list(plait.map(abs, iter(full.get, 0), engine="thread")) == [3]


def test_a_map_that_was_not_iterated_says_in_a_coroutine_how_it_is_there() -> None:
    async def main() -> None:
        plait.map(abs, [1])
        gc.collect()

    for forget, how in ((lambda: plait.map(abs, [1]), r"call list\(\)"), (lambda: asyncio.run(main()), "`async for`")):
        with pytest.warns(RuntimeWarning, match=how):
            forget()


async def puts(channel: plait.channel[int]) -> None:
    for number in range(3):
        channel.put(number)


async def gets(channel: plait.channel[int]) -> None:
    channel.get()


async def loops(channel: plait.channel[int]) -> None:
    list(channel)


@pytest.mark.parametrize(("work", "cure"), [(puts, "aput"), (gets, "aget"), (loops, "async for")])
def test_a_channel_does_not_hold_up_the_event_loop_of_a_coroutine(
    work: Callable[[plait.channel[int]], Awaitable[None]], cure: str
) -> None:
    async def main() -> None:
        channel: plait.channel[int] = plait.channel(2)
        with pytest.raises(plait.errors.UsageError, match=cure):
            await work(channel)
        with pytest.raises(plait.errors.WaitTimeout):
            while True:
                channel.put(1, timeout=0)
        while not channel.closed:
            assert channel.get() in (0, 1)  # there is something to get, so nothing waits
            if not channel._items:
                channel.close()

    asyncio.run(main())


def test_a_function_that_a_coroutine_calls_may_wait_for_a_thread() -> None:
    def plain() -> int:
        return channel.get()

    async def main() -> int:
        return plain()

    channel: plait.channel[int] = plait.channel(0)
    with plait.scope() as s:
        s.submit(channel.put, 7)
        assert asyncio.run(main()) == 7


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_the_traceback_of_an_initializer_begins_in_the_initializer(
    engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL), plait.Pool(engine, workers=1, initializer=within, initargs=[1]) as pool:
        with pytest.raises(plait.errors.PoolBroken, match="missing 1 required"):
            pool.submit(abs, 1).result()
    shown = "".join(logging.Formatter().format(record) for record in caplog.records)
    assert "in within" in shown
    assert "in _prepare" not in shown


def test_what_was_iterated_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(plait.map(abs, [-1], engine="thread")) == [1]
        gc.collect()
