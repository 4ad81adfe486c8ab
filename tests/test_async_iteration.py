"""``async for`` over maps on every engine: the loop is never blocked, back-pressure holds, input may be async, too."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

import plait
from plait._engines.event_loop.loop_bell import LoopBell
from plait.errors import Cancelled, TaskTimeout

pytestmark = pytest.mark.usefixtures("nothing_left")

ENGINES = ["inline", "thread", "process", "auto", "async"]
LONG = 30.0  # seconds after which a test that waits has failed
BLOCKED = 0.2  # seconds: more than what a machine takes away that is not too busy, less than what items take


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def same(x: Any) -> Any:
    return x


async def sleep_async(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


async def same_async(x: Any) -> Any:
    return x


def of(plain: Callable[..., Any], engine: str) -> Callable[..., Any]:
    """The function, or its coroutine version."""
    if engine != "async":
        return plain
    return {sleep: sleep_async, same: same_async}[plain]


async def numbers(stop: int | None = None, closed: list[bool] | None = None) -> AsyncIterator[int]:
    try:
        for number in itertools.count() if stop is None else range(stop):
            await asyncio.sleep(0)
            yield number
    finally:
        if closed is not None:
            closed.append(True)


class Heart:
    """Beats in an event loop; `longest` is the longest time between two beats, in seconds that it was not asleep for."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Heart:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.sleep(0)
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.002)
            self.longest = max(self.longest, time.perf_counter() - began)


# The loop is never blocked


def beats(main: Callable[[], Coroutine[Any, Any, Heart]]) -> None:
    """The loop goes on. A busy machine may hold it up now and then; code that blocks it would do so every time."""
    for _ in range(8):
        heart = asyncio.run(main())
        if heart.longest < BLOCKED:
            return
    raise AssertionError(f"the loop stood still for up to {heart.longest:.2f} s")


@pytest.mark.parametrize("outcomes", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_waiting_for_items_does_not_block_the_loop(engine: str, outcomes: bool) -> None:
    async def main() -> Heart:
        stream = plait.map(of(sleep, engine), [0.4, 0.4], engine=engine, workers=2)
        async with Heart() as heart:
            if outcomes:
                assert [outcome.value async for outcome in stream.outcomes()] == [0.4, 0.4]
            else:
                assert [value async for value in stream] == [0.4, 0.4]
        return heart

    beats(main)


@pytest.mark.parametrize("engine", ["thread", "process", "async"])
def test_stopping_does_not_block_the_loop(engine: str) -> None:
    """A thread that is stuck in a call takes a moment to be given up; so does a coroutine that goes on."""

    async def main() -> Heart:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            async with Heart() as heart:
                async with plait.map(of(sleep, engine), [0.0, 0.5, 0.5], engine=engine, workers=3) as stream:
                    async for _ in stream:
                        break
                async for _ in plait.map(of(sleep, engine), [0.0, 0.5, 0.5], engine=engine, workers=3):
                    break
                while any(thread.name.startswith("plait-") for thread in threading.enumerate()):
                    await asyncio.sleep(0.01)  # those that stop the second map, and those that were given up
        return heart

    beats(main)


@pytest.mark.parametrize("engine", ENGINES)
def test_many_results_at_once_do_not_block_the_loop(engine: str) -> None:
    async def main() -> Heart:
        async with Heart() as heart:
            count = 0
            async for _ in plait.map(of(same, engine), range(300_000), engine=engine):
                count += 1
            assert count == 300_000
        return heart

    beats(main)


@pytest.mark.parametrize("engine", ["thread", "async"])
def test_the_consumer_sets_the_pace(engine: str) -> None:
    pulled = 0

    def source() -> Iterator[int]:
        nonlocal pulled
        for pulled in itertools.count(1):
            yield 0.0002

    async def main() -> None:
        async with plait.map(of(sleep, engine), source(), engine=engine, workers=4) as stream:
            taken = 0
            async for _ in stream:
                taken += 1
                if taken % 5 == 0:
                    await asyncio.sleep(0.01)
                if taken == 50:
                    break
            assert pulled - taken < 1500

    asyncio.run(main())


def test_two_streams_in_one_loop_share_it() -> None:
    async def main() -> None:
        first = plait.map(sleep_async, itertools.repeat(0.0001), workers=5)
        second = plait.map(same_async, itertools.count(), workers=5)
        async with first, second:
            ones, twos = aiter(first), aiter(second)
            for number in range(300):
                assert await anext(ones) == 0.0001
                assert await anext(twos) == number

    asyncio.run(main())


def test_maps_inside_maps_in_one_loop() -> None:
    async def inner(x: int) -> int:
        return sum([value async for value in plait.map(same_async, range(x), workers=3)])

    async def main() -> list[int]:
        return [value async for value in plait.map(inner, range(20), workers=5)]

    assert asyncio.run(main()) == [sum(range(x)) for x in range(20)]


def test_pools_and_async_code() -> None:
    async def loop_of(x: int) -> int:
        await asyncio.sleep(0)
        return id(asyncio.get_running_loop())

    async def main(pool: plait.Pool) -> None:
        mapped = {loop async for loop in plait.map(loop_of, range(20), engine=pool)}
        submitted = {await asyncio.wrap_future(pool.submit(loop_of, x)) for x in range(5)}
        assert mapped == submitted  # the pool's own loop, where its sessions are
        assert id(asyncio.get_running_loop()) not in mapped

    with plait.Pool("async", workers=3) as pool:
        asyncio.run(main(pool))


# Async input


@pytest.mark.parametrize("engine", ENGINES)
def test_async_input_from_sync_code(engine: str) -> None:
    assert list(plait.map(of(same, engine), numbers(300), engine=engine, workers=2)) == list(range(300))
    for value in plait.map(of(same, engine), numbers(), engine=engine, workers=2):
        if value == 100:
            break


@pytest.mark.parametrize("engine", ENGINES)
def test_async_input_from_async_code(engine: str) -> None:
    here: set[int] = set()

    async def where() -> AsyncIterator[int]:
        async for number in numbers(300):
            here.add(id(asyncio.get_running_loop()))
            yield number

    async def main() -> None:
        found = [value async for value in plait.map(of(same, engine), where(), engine=engine, workers=2)]
        assert found == list(range(300))
        assert here == {id(asyncio.get_running_loop())}
        tasks = asyncio.all_tasks()
        async with plait.map(of(same, engine), numbers(), engine=engine, workers=2) as stream:
            async for value in stream:
                if value == 100:
                    break
        while asyncio.all_tasks() - tasks:
            await asyncio.sleep(0.001)  # the loop itself closes the iterator of a loop that was left

    asyncio.run(asyncio.wait_for(main(), LONG))


def test_async_input_among_others_ends_with_the_shortest() -> None:
    async def power(x: int, y: int, z: int) -> int:
        return pow(x, y, z)

    expected = [pow(x, x + 1, x + 5) for x in range(20)]
    assert list(plait.map(pow, numbers(), itertools.count(1), range(5, 25), engine="thread")) == expected
    assert list(plait.map(power, numbers(20), itertools.count(1), itertools.count(5))) == expected


def test_async_input_is_pulled_only_as_far_ahead_as_it_is_needed() -> None:
    pulled = 0

    async def counted() -> AsyncIterator[int]:
        nonlocal pulled
        async for pulled in numbers():
            yield pulled

    with plait.map(same_async, counted(), workers=5) as stream:
        for consumed in itertools.islice(stream, 3000):
            assert pulled - consumed < 10_000


@pytest.mark.parametrize("engine", ["thread", "async"])
def test_async_input_that_raises_ends_the_map_after_what_was_pulled(engine: str) -> None:
    async def broken() -> AsyncIterator[int]:
        async for number in numbers(25):
            yield number
        raise LookupError("the input broke")

    async def main() -> None:
        found = []
        with pytest.raises(LookupError, match="the input broke"):
            async for value in plait.map(of(same, engine), broken(), engine=engine):
                found.append(value)
        assert found == list(range(25))

    asyncio.run(main())
    with pytest.raises(LookupError, match="the input broke"):
        list(plait.map(of(same, engine), broken(), engine=engine))


def test_an_async_input_is_closed_in_its_loop() -> None:
    closed: list[bool] = []
    for value in plait.map(same_async, numbers(closed=closed)):
        if value == 10:
            break
    gc.collect()
    assert closed == [True]


@pytest.mark.parametrize("engine", ["thread", "async"])
def test_a_stream_is_the_input_of_another(engine: str) -> None:
    async def main() -> list[float]:
        first = plait.map(sleep_async, [0.001] * 50, workers=10)
        return [value async for value in plait.map(of(same, engine), first, engine=engine)]

    assert asyncio.run(main()) == [0.001] * 50
    first = plait.map(sleep_async, [0.001] * 50, workers=10)
    assert list(plait.map(of(same, engine), first, engine=engine)) == [0.001] * 50


def test_an_async_input_that_goes_on_is_named() -> None:
    let_go = False

    async def stubborn() -> AsyncIterator[int]:
        yield 1
        while not let_go:
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue
        yield 2

    async def main() -> None:
        nonlocal let_go
        async with plait.map(same_async, stubborn()) as stream:
            async for _ in stream:
                await asyncio.sleep(0.01)
                break
        let_go = True
        await asyncio.sleep(0.01)

    with pytest.warns(RuntimeWarning, match="could not stop the input .*stubborn"):
        asyncio.run(main())


def test_retries_that_wait_do_not_keep_the_loop_busy() -> None:
    async def fail_once(x: int) -> int:
        if plait.current().attempt == 1:
            raise ConnectionError
        return x

    async def main() -> None:
        cpu = time.process_time()
        again = plait.Retry(1, backoff=0.3, jitter=0)
        assert [x async for x in plait.map(fail_once, range(20), retry=again)] == list(range(20))
        assert time.process_time() - cpu < 0.2

    asyncio.run(main())
    cpu = time.process_time()
    assert list(plait.map(fail_once, range(20), retry=plait.Retry(1, backoff=0.3, jitter=0))) == list(range(20))
    assert time.process_time() - cpu < 0.2


def test_timeouts_of_other_engines_in_async_code() -> None:
    async def main() -> list[type]:
        stream = plait.map(sleep, [0.0, 60.0], engine="process", workers=2, timeout=0.2)
        return [type(outcome.error) async for outcome in stream.outcomes()]

    assert asyncio.run(main()) == [type(None), TaskTimeout]


# LoopBell


def test_a_ring_is_kept_until_somebody_waits() -> None:
    async def main() -> None:
        bell = LoopBell(asyncio.get_running_loop())
        bell.ring()
        bell.ring()
        await asyncio.wait_for(bell.wait(), LONG)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bell.wait(), 0.01)
        bell.ring()
        await asyncio.wait_for(bell.wait(), LONG)

    asyncio.run(main())


def test_a_ring_from_another_thread_wakes_all_who_wait() -> None:
    async def main() -> None:
        bell = LoopBell(asyncio.get_running_loop())
        for _ in range(100):
            waiting = [asyncio.create_task(bell.wait()) for _ in range(3)]
            await asyncio.sleep(0)
            thread = threading.Thread(target=bell.ring)
            thread.start()
            await asyncio.wait_for(asyncio.gather(*waiting), LONG)
            thread.join()
        closed.append(bell)

    closed: list[LoopBell] = []
    asyncio.run(main())
    thread = threading.Thread(target=closed[0].ring)  # the loop is closed: nobody is there to hear it
    thread.start()
    thread.join()


def zero_or_until_cancelled(n: int) -> int:
    while n > 1 and not plait.current().cancelled:
        time.sleep(0.001)
    return 0


async def zero_or_until_cancelled_async(n: int) -> int:
    return await sleep_async(LONG) if n > 1 else 0  # type: ignore[return-value]  # nobody waits so long


@pytest.mark.parametrize("engine", ["thread", "process", "async"])
def test_a_loop_that_was_left_can_be_followed_by_another_at_once(engine: str) -> None:
    """The first is still on its way out, in a thread of its own, when the second asks for what is left."""
    fn = zero_or_until_cancelled_async if engine == "async" else zero_or_until_cancelled

    async def main() -> None:
        for _ in range(3):
            stream = plait.map(fn, range(5), engine=engine, workers=2)
            seen = []
            async for value in stream:
                seen.append(value)
                break
            rest = [outcome async for outcome in stream.outcomes()]
            assert len(seen) + len(rest) <= 5
            assert [outcome.index for outcome in rest] == sorted({outcome.index for outcome in rest})
            assert all(outcome.value == 0 if outcome.ok else isinstance(outcome.error, Cancelled) for outcome in rest)
            assert stream.report.cancelled

    asyncio.run(main())


@pytest.mark.parametrize("engine", ["thread", "async"])
def test_what_can_be_iterated_both_ways_is_awaited_although_the_map_was_made_outside_of_the_loop(engine: str) -> None:
    """A channel refuses to block a loop, and a map that is an input would do it."""

    def made_outside() -> Coroutine[Any, Any, Heart]:
        channel: plait.channel[int] = plait.channel(None)
        over_channel = plait.map(of(same, engine), channel, engine=engine)
        over_map = plait.map(of(same, engine), plait.map(sleep, [2 * BLOCKED], engine="thread"), engine=engine)
        return main(channel, over_channel, over_map)

    async def main(channel: plait.channel[int], over_channel: plait.Stream[Any], over_map: plait.Stream[Any]) -> Heart:
        async with Heart() as heart:
            asyncio.get_running_loop().call_later(0.01, channel.close)
            channel.put(1)
            assert [value async for value in over_channel] == [1]
            assert [outcome.value async for outcome in over_map.outcomes()] == [2 * BLOCKED]
        return heart

    beats(made_outside)
