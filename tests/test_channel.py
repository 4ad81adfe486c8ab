"""Channel: order, room, hand-over, closing, timeouts, and what becomes of items when somebody is cancelled."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import plait
from plait.errors import Cancelled, Closed, NotTransferable, PlaitError, UsageError, WaitTimeout

pytestmark = pytest.mark.usefixtures("nothing_left")

PATIENCE = 20.0


def spin_until(condition: Callable[[], object]) -> None:
    """Channels say who waits, but nobody tells when that changes."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def waiting(channel: plait.channel[int], what: str) -> int:
    return len(channel._getters if what == "get" else channel._putters)


# --- values


@pytest.mark.parametrize("size", [1, 3, None])
def test_items_come_in_the_order_they_were_put(size: int | None) -> None:
    channel: plait.channel[int] = plait.channel(size)
    for round_ in range(3):
        for number in range(size or 5):
            channel.put(10 * round_ + number)
        assert [channel.get() for _ in range(size or 5)] == [10 * round_ + n for n in range(size or 5)]


def test_any_object_is_an_item_none_included() -> None:
    channel: plait.channel[object] = plait.channel(None)
    items = [None, Exception, StopIteration(), channel]
    for item in items:
        channel.put(item)
    channel.close()
    assert list(channel) == items


def test_a_full_channel_makes_the_producer_wait() -> None:
    channel: plait.channel[int] = plait.channel(2)
    with plait.scope() as s:
        task = s.submit(lambda: [channel.put(n) for n in range(3)])
        spin_until(lambda: waiting(channel, "put"))
        assert not task.done()
        assert channel.get() == 0
        task.result(PATIENCE)
        assert [channel.get(), channel.get()] == [1, 2]


def test_without_room_a_put_ends_when_its_item_was_got() -> None:
    channel: plait.channel[str] = plait.channel(0)
    with plait.scope() as s:
        put = s.submit(channel.put, "a")
        spin_until(lambda: channel._putters)
        assert not put.done()
        assert channel.get() == "a"
        put.result(PATIENCE)
        got = s.submit(channel.get)
        spin_until(lambda: channel._getters)
        channel.put("b")
        assert got.result(PATIENCE) == "b"


def test_those_who_wait_are_served_in_their_order() -> None:
    channel: plait.channel[int] = plait.channel(0)
    with plait.scope() as s:
        gets = []
        for number in range(4):
            gets.append(s.submit(channel.get))
            spin_until(lambda: waiting(channel, "get") == number + 1)
        for number in range(4):
            channel.put(number)
        assert [get.result(PATIENCE) for get in gets] == [0, 1, 2, 3]
        for number in range(4):
            s.submit(channel.put, number)
            spin_until(lambda: waiting(channel, "put") == number + 1)
        assert [channel.get() for _ in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [0, 1, 7, None])
@pytest.mark.parametrize(("producers", "consumers"), [(1, 1), (1, 4), (4, 1), (4, 4)])
def test_many_producers_and_consumers_lose_and_double_nothing(size: int | None, producers: int, consumers: int) -> None:
    channel: plait.channel[tuple[int, int]] = plait.channel(size)
    each = 200

    def produce(number: int) -> None:
        for n in range(each):
            channel.put((number, n))

    with plait.scope() as s:
        got = [s.submit(list, channel) for _ in range(consumers)]
        with plait.scope() as producing:
            for number in range(producers):
                producing.submit(produce, number)
        channel.close()
    lists = [future.result() for future in got]
    assert sorted(item for items in lists for item in items) == [(p, n) for p in range(producers) for n in range(each)]
    for items in lists:  # what one consumer got of one producer is in order
        for number in range(producers):
            mine = [n for p, n in items if p == number]
            assert mine == sorted(mine)


# --- closing


def test_closing_lets_consumers_get_what_is_left() -> None:
    channel: plait.channel[int] = plait.channel(3)
    channel.put(1)
    channel.put(2)
    channel.close()
    channel.close()
    assert channel.closed
    assert list(channel) == [1, 2]
    assert list(channel) == []
    with pytest.raises(Closed, match="closed and empty"):
        channel.get()
    with pytest.raises(Closed, match="nothing can be put any more"):
        channel.put(3)
    assert issubclass(Closed, PlaitError)
    assert issubclass(Closed, RuntimeError)


def test_the_end_of_the_block_closes_it_also_by_an_error() -> None:
    with plait.channel(1) as channel:
        channel.put(1)
    assert channel.closed
    with pytest.raises(ZeroDivisionError), plait.channel(1) as other:
        1 // 0
    assert other.closed


def test_closing_ends_the_waits_of_consumers_and_producers() -> None:
    channel: plait.channel[int] = plait.channel(0)
    with plait.scope() as s:
        loops = [s.submit(list, channel) for _ in range(3)]
        spin_until(lambda: waiting(channel, "get") == 3)
        channel.close()
        assert [loop.result(PATIENCE) for loop in loops] == [[], [], []]

    full: plait.channel[int] = plait.channel(1)
    full.put(0)
    refused: list[int] = []

    def put(number: int) -> None:
        try:
            full.put(number)
        except Closed:
            refused.append(number)

    with plait.scope() as s:
        for number in (1, 2):
            s.submit(put, number)
        spin_until(lambda: waiting(full, "put") == 2)
        full.close()
    assert sorted(refused) == [1, 2]
    assert list(full) == [0]


# --- limits


def test_a_timeout_ends_the_wait_and_leaves_the_line() -> None:
    channel: plait.channel[int] = plait.channel(1)
    with pytest.raises(WaitTimeout, match="nothing to get within 0.01 s"):
        channel.get(timeout=0.01)
    channel.put(1, timeout=0.01)
    with pytest.raises(WaitTimeout, match="no room for another item within 0.01 s"):
        channel.put(2, timeout=0.01)
    assert channel.get(timeout=PATIENCE) == 1
    assert not channel._getters
    assert not channel._putters
    assert issubclass(WaitTimeout, TimeoutError)


@pytest.mark.parametrize("timeout", [1e10, sys.maxsize, 1e300])
def test_a_timeout_may_be_longer_than_any_wait(timeout: float) -> None:
    channel: plait.channel[int] = plait.channel(1)
    with plait.scope(deadline=timeout) as s:
        putter = s.submit(lambda: spin_until(lambda: waiting(channel, "get")) or channel.put(1, timeout=timeout))
        assert channel.get(timeout=timeout) == 1
        assert putter.result(timeout=timeout) is None
    assert list(plait.map(asyncio.sleep, [0.001], engine="async", timeout=timeout)) == [None]


@pytest.mark.parametrize("timeout", ["1", float("nan"), float("inf"), True])
def test_a_timeout_is_a_number_of_seconds(timeout: Any) -> None:
    channel: plait.channel[int] = plait.channel(1)
    with pytest.raises(UsageError, match="timeout=.*: expected how many seconds"):
        channel.get(timeout=timeout)
    with pytest.raises(UsageError, match="or None for no limit"):
        channel.put(1, timeout=timeout)
    with pytest.raises(WaitTimeout):
        channel.get(timeout=0)


def test_a_timeout_of_zero_does_not_wait() -> None:
    channel: plait.channel[int] = plait.channel(1)
    with pytest.raises(WaitTimeout):
        channel.get(timeout=0)
    channel.put(1, timeout=0)
    with pytest.raises(WaitTimeout):
        channel.put(2, timeout=0)
    assert channel.get(timeout=0) == 1


@pytest.mark.parametrize("size", [-1, 1.5, "2", True])
def test_a_size_that_means_nothing_is_refused(size: object) -> None:
    with pytest.raises(UsageError, match=r"plait.channel\(.*expected how many items"):
        plait.channel(size)  # type: ignore[arg-type]


def test_it_says_what_it_holds_and_who_waits() -> None:
    channel: plait.channel[int] = plait.channel(2)
    channel.put(1)
    assert repr(channel) == "<plait.channel, 1 of 2 items>"
    channel.close()
    assert repr(channel) == "<plait.channel, 1 of 2 items, closed>"
    assert "0 of any number" in repr(plait.channel(None))


def test_passing_one_to_a_process_says_where_it_was_and_what_to_do() -> None:
    with pytest.raises(NotTransferable, match=r"\['out'\]\[0\] is a plait.channel, which lives in one process; pass"):
        with plait.scope("process", workers=1) as s:
            s.submit(print, {"out": [plait.channel(1)]})


# --- cancelling


@pytest.mark.parametrize("what", ["get", "put"])
def test_cancelling_the_scope_ends_waits_at_once(what: str) -> None:
    channel: plait.channel[int] = plait.channel(0)
    ended: list[float] = []

    def wait() -> None:
        try:
            channel.get() if what == "get" else channel.put(1)
        finally:
            ended.append(time.perf_counter())

    with plait.scope() as s:
        tasks = [s.submit(wait) for _ in range(3)]
        spin_until(lambda: waiting(channel, what) == 3)
        s.cancel()
        began = time.perf_counter()
    assert all(task.cancelled() for task in tasks)
    assert not waiting(channel, what)
    assert max(ended) - began < 1.0


def test_a_cancelled_task_takes_nothing_although_something_is_there() -> None:
    channel: plait.channel[int] = plait.channel(None)
    told, got = threading.Event(), []

    def consume() -> None:
        told.wait(PATIENCE)
        got.append(channel.get())

    with plait.scope() as s:
        task = s.submit(consume)
        spin_until(task.running)
        channel.put(1)
        task.cancel()
        driver = s._crew._lanes[0].driver
        spin_until(lambda: driver._job.snapshot() and not driver._job.revoked)
        told.set()
        with pytest.raises(Cancelled):
            task.result(PATIENCE)
    assert got == []
    assert channel.get(timeout=0) == 1


def test_the_body_of_a_cancelled_scope_waits_no_longer() -> None:
    channel: plait.channel[int] = plait.channel(0)
    reached = []
    with pytest.raises(ValueError, match="mine"):
        with plait.scope() as s:

            def fail() -> None:
                spin_until(lambda: waiting(channel, "get"))
                raise ValueError("mine")

            s.submit(fail)
            channel.get()
            reached.append("after the wait")
    assert reached == []
    assert not channel._getters


def test_the_tasks_of_a_map_wait_no_longer_when_it_is_stopped() -> None:
    channel: plait.channel[int] = plait.channel(0)
    stream = plait.map(lambda _: channel.get(), range(4), engine="thread", workers=4)
    stopper = threading.Thread(target=lambda: (spin_until(lambda: waiting(channel, "get")), stream.cancel()))
    stopper.start()
    with pytest.raises(Cancelled):
        list(stream)
    stopper.join()
    assert not channel._getters


def test_an_item_given_to_a_cancelled_consumer_goes_to_the_next_or_stays_the_first() -> None:
    for size in (0, 2):
        channel: plait.channel[int] = plait.channel(size)
        got: list[int] = []
        with plait.scope() as s:
            consumers = [s.submit(lambda: got.extend(channel)) for _ in range(4)]
            spin_until(lambda: waiting(channel, "get") == 4)
            canceller = s.submit(lambda: [consumer.cancel() for consumer in consumers[:3]])
            for number in range(30):
                channel.put(number)
            canceller.result(PATIENCE)
            spin_until(lambda: not channel._items)
            channel.close()
        assert sorted(got) == list(range(30))


# --- from coroutines


def test_coroutines_and_threads_use_the_same_channel() -> None:
    async def consume(channel: plait.channel[int]) -> list[int]:
        return [item async for item in channel]

    async def main() -> None:
        channel: plait.channel[int] = plait.channel(1)
        async with plait.scope() as s:
            coroutine = s.submit(consume, channel)
            thread = s.submit(list, channel)
            async with plait.scope() as producing:
                producing.submit(lambda: [channel.put(n) for n in range(50)])
                for number in range(50, 100):
                    await channel.aput(number)
            channel.close()
        assert sorted(await coroutine + await thread) == list(range(100))

    asyncio.run(main())


async def put_and_await(channel: plait.channel[Any]) -> None:
    await channel.put(1)  # type: ignore[func-returns-value]  # the mistake


async def get_and_await(channel: plait.channel[Any]) -> None:
    await channel.get()


async def get_and_await_in_a_generator(channel: plait.channel[Any]) -> list[object]:
    async def items() -> AsyncIterator[object]:
        yield await channel.get(timeout=0)

    return [item async for item in items()]


@pytest.mark.parametrize(
    ("mistaken", "instead"),
    [(put_and_await, "aput"), (get_and_await, "aget"), (get_and_await_in_a_generator, "aget")],
)
@pytest.mark.parametrize("times", [1, 100])  # the interpreter changes what is run often
def test_the_ends_for_threads_are_not_awaited(mistaken: Any, instead: str, times: int) -> None:
    async def main() -> None:
        channel: plait.channel[Any] = plait.channel(None)
        channel.put("first")
        for _ in range(times):
            with pytest.raises(UsageError, match=f"write await channel.{instead}"):
                await mistaken(channel)
        assert channel.get() == "first"
        with pytest.raises(WaitTimeout):
            channel.get(timeout=0)

    asyncio.run(main())


def test_an_item_that_can_be_awaited_is() -> None:
    async def main() -> object:
        channel: plait.channel[Any] = plait.channel(None)
        channel.put(asyncio.sleep(0, "slept"))
        return await channel.get()

    assert asyncio.run(main()) == "slept"


def test_the_async_ends_close_time_out_and_end() -> None:
    async def main() -> None:
        async with plait.channel(1) as channel:
            await channel.aput(1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await channel.aput(2)
            assert await channel.aget() == 1
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await channel.aget()
            waiter = asyncio.create_task(channel.aget())
            await asyncio.sleep(0)
        with pytest.raises(Closed):
            await waiter
        with pytest.raises(Closed):
            await channel.aput(1)
        assert [item async for item in channel] == []
        assert not channel._getters
        assert not channel._putters

    asyncio.run(main())


def test_a_cancelled_coroutine_gives_back_the_item_it_was_given() -> None:
    async def main() -> None:
        channel: plait.channel[int] = plait.channel(0)
        first, second = (asyncio.create_task(channel.aget()) for _ in range(2))
        await asyncio.sleep(0)
        channel.put(7)  # the first has it, and has not run since
        first.cancel()
        assert await second == 7
        assert (await asyncio.gather(first, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        third = asyncio.create_task(channel.aget())
        await asyncio.sleep(0)
        channel.put(8)
        third.cancel()
        await asyncio.gather(third, return_exceptions=True)
        assert await channel.aget() == 8

    asyncio.run(main())


def test_an_item_that_nobody_in_line_wants_any_more_is_kept_once() -> None:
    async def main() -> None:
        channel: plait.channel[int] = plait.channel(0)
        waiting = [asyncio.create_task(channel.aget()) for _ in range(3)]
        await asyncio.sleep(0)
        threading.Thread(target=channel.put, args=(7,)).start()
        spin_until(lambda: waiting_in(channel) == 2)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await channel.aget() == 7
        with pytest.raises(WaitTimeout):
            channel.get(timeout=0)

    def waiting_in(channel: plait.channel[int]) -> int:
        return len(channel._getters)

    asyncio.run(main())


def test_those_who_waited_in_a_loop_that_is_gone_do_not_get_items() -> None:
    channel: plait.channel[int] = plait.channel(0)
    loop = asyncio.new_event_loop()
    waits = [channel.aget(), channel.aput(1)]
    task = loop.create_task(waits[0])
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    with plait.scope() as s:
        got = s.submit(channel.get)
        spin_until(lambda: waiting(channel, "get") == 2)
        channel.put(5)
        assert got.result(PATIENCE) == 5
    waits[1].close()
    task.get_coro().close()
    task._log_destroy_pending = False
