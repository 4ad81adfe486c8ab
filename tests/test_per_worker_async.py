"""per_worker on coroutine functions: one instance for each event loop, kept by a task of its own."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

import plait
from plait._core import loop_state
from plait._core.loop_state import LoopState
from plait._core.worker_state import Mishap
from plait.errors import PlaitError

pytestmark = pytest.mark.usefixtures("nothing_left")


class Story:
    """What happened, and a decorated function that tells."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def instance(self, name: str, needs: Callable[[], Any] | None = None) -> Callable[[], Any]:
        async def make() -> AsyncIterator[str]:
            if needs is not None:
                await needs()
            await asyncio.sleep(0)
            self.events.append(f"up {name}")
            async with asyncio.timeout(60):  # must be left in the task in which it was entered
                yield name
            await asyncio.sleep(0)
            self.events.append(f"down {name}")

        make.__name__ = make.__qualname__ = name
        return plait.per_worker(make)


@pytest.fixture
def story() -> Story:
    return Story()


def test_one_set_up_for_all_tasks_of_a_loop_and_a_tear_down_at_its_end(story: Story) -> None:
    session = story.instance("session")

    async def main() -> None:
        assert await asyncio.gather(*(session() for _ in range(50))) == ["session"] * 50
        assert await session() == "session"
        assert story.events == ["up session"]

    for _ in range(2):
        asyncio.run(main())
        assert story.events == ["up session", "down session"]
        story.events.clear()


def test_what_is_set_up_first_is_torn_down_last(story: Story) -> None:
    config = story.instance("config")
    session = story.instance("session", config)

    async def main() -> None:
        await asyncio.gather(session(), config(), session())

    asyncio.run(main())
    assert story.events == ["up config", "up session", "down session", "down config"]


def test_a_coroutine_function_without_a_yield() -> None:
    made = []

    @plait.per_worker
    async def token(name: str) -> str:
        made.append(name)
        await asyncio.sleep(0)
        return f"token of {name}"

    async def main() -> None:
        assert await asyncio.gather(token("a"), token("b"), token("a")) == ["token of a", "token of b", "token of a"]

    asyncio.run(main())
    assert made == ["a", "b"]


def test_a_failed_set_up_is_the_first_callers_and_the_next_one_tries_again() -> None:
    attempts = []

    @plait.per_worker
    async def shaky() -> str:
        attempts.append(1)
        await asyncio.sleep(0)
        if len(attempts) < 3:
            raise ConnectionError(f"attempt {len(attempts)}")
        return "there"

    async def main() -> list[object]:
        return await asyncio.gather(*(shaky() for _ in range(5)), return_exceptions=True)

    found = asyncio.run(main())
    assert [str(each) for each in found] == ["attempt 1", "attempt 2", "there", "there", "there"]
    assert len(attempts) == 3
    assert any("set-up of shaky() on the event loop" in note for note in found[0].__notes__)  # type: ignore[attr-defined]


def test_a_caller_that_is_cancelled_leaves_the_set_up_to_the_others(story: Story) -> None:
    ready = asyncio.Event()

    async def wait() -> None:
        await ready.wait()

    session = story.instance("session", wait)

    async def main() -> None:
        first, second = asyncio.create_task(session()), asyncio.create_task(session())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        ready.set()
        assert await second == "session"
        assert first.cancelled()

    asyncio.run(main())
    assert story.events == ["up session", "down session"]


def test_a_set_up_that_nobody_waits_for_any_more_may_fail() -> None:
    @plait.per_worker
    async def shaky() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise ConnectionError

    async def main() -> None:
        task = asyncio.create_task(shaky())  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        for _ in range(5):
            await asyncio.sleep(0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())


def test_a_circle_is_found() -> None:
    @plait.per_worker
    async def egg() -> object:
        return await hen()

    @plait.per_worker
    async def hen() -> object:
        return await egg()

    with pytest.raises(PlaitError, match=r"hen\(\) needs itself to be set up: hen\(\) -> egg\(\) -> hen\(\)"):
        asyncio.run(as_coroutine(egg))


async def as_coroutine(function: Callable[[], Any]) -> object:
    return await function()


@pytest.mark.parametrize("yields", [0, 2])
def test_it_must_yield_once(yields: int) -> None:
    @plait.per_worker
    async def wrong() -> AsyncIterator[int]:
        for number in range(yields):
            yield number

    if yields:
        with pytest.warns(RuntimeWarning, match=r"wrong\(\) yielded twice"):
            asyncio.run(as_coroutine(wrong))
    else:
        with pytest.raises(PlaitError, match=r"wrong\(\) ended without a yield"):
            asyncio.run(as_coroutine(wrong))


def test_an_error_in_a_tear_down_is_told_and_the_others_are_torn_down(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    early = story.instance("early")

    @plait.per_worker
    async def bad() -> AsyncIterator[None]:
        await early()
        yield
        raise OSError("no end")

    with caplog.at_level(logging.ERROR, "plait"), pytest.warns(RuntimeWarning, match=r"tear-down of bad\(\).*no end"):
        asyncio.run(as_coroutine(bad))
    assert story.events == ["up early", "down early"]
    assert [record.getMessage() for record in caplog.records] == [
        "the tear-down of bad() on the event loop raised OSError: no end"
    ]


def test_a_sync_instance_in_a_loop_belongs_to_its_thread() -> None:
    made = []

    @plait.per_worker
    def plain() -> object:
        made.append(1)
        return object()

    async def main() -> None:
        first = plain()
        assert plain() is first
        assert await asyncio.to_thread(plain) is not first

    asyncio.run(main())
    assert len(made) == 2


# --- the state of a run, which an engine ends


def in_a_run(body: Callable[[LoopState], Coroutine[Any, Any, None]]) -> list[Mishap]:
    mishaps: list[Mishap] = []

    async def main() -> None:
        state = LoopState("async", asyncio.get_running_loop())
        await body(state)
        await state.end_all(mishaps.append)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    return mishaps


async def get(state: LoopState, name: str, make: Callable[[], object]) -> object:
    return await state.get(name, f"{name}()", make, generator=True)


def test_the_end_of_a_run_tears_down_in_order_what_is_sync_last() -> None:
    events: list[str] = []

    async def tale(name: str) -> AsyncIterator[str]:
        yield name
        await asyncio.sleep(0)
        events.append(name)

    def sync_tale() -> Any:
        yield "sync"
        events.append("sync")

    async def body(state: LoopState) -> None:
        for name in "abc":
            assert await get(state, name, lambda name=name: tale(name)) == name  # type: ignore[misc]
        state.set_up("sync", "sync()", sync_tale, generator=True)

    assert not in_a_run(body)
    assert events == ["c", "b", "a", "sync"]


def test_the_end_of_a_run_waits_for_so_long_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_state, "TEAR_DOWN_SECONDS", 0.05)
    events: list[str] = []

    async def slow() -> AsyncIterator[None]:
        yield
        try:
            await asyncio.Event().wait()
        finally:
            events.append("cancelled")

    async def quick() -> AsyncIterator[None]:
        yield
        events.append("quick")

    async def body(state: LoopState) -> None:
        await get(state, "quick", quick)
        await get(state, "slow", slow)

    (mishap,) = in_a_run(body)
    assert mishap.text == "the tear-down of slow() on async took longer than 0.05 s and was cancelled"
    assert sorted(events) == ["cancelled", "quick"]


def test_the_end_of_a_run_cancels_a_set_up() -> None:
    events: list[str] = []

    async def endless() -> AsyncIterator[None]:
        try:
            await asyncio.Event().wait()
            yield
        finally:
            events.append("cancelled")

    async def body(state: LoopState) -> None:
        asking = asyncio.create_task(get(state, "endless", endless))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])

    assert not in_a_run(body)
    assert events == ["cancelled"]


def test_nothing_is_set_up_once_a_run_ends() -> None:
    async def instance() -> AsyncIterator[None]:
        yield

    async def main() -> None:
        state = LoopState("async", asyncio.get_running_loop())
        await state.end_all(lambda mishap: None)
        with pytest.raises(PlaitError, match=r"late\(\) was called for the first time on async when"):
            await get(state, "late", instance)

    asyncio.run(main())


def test_an_error_in_a_tear_down_is_reported_to_the_run() -> None:
    async def bad() -> AsyncIterator[None]:
        yield
        raise OSError("no end")

    async def body(state: LoopState) -> None:
        await get(state, "bad", bad)

    (mishap,) = in_a_run(body)
    assert mishap.text == "the tear-down of bad() on async raised OSError: no end"
    assert isinstance(mishap.error, OSError)


# --- on the async engine


def test_a_map_shares_one_instance_and_ends_it(story: Story) -> None:
    session = story.instance("session")

    async def fetch(number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return number, await session()

    assert list(plait.map(fetch, range(200), engine="async", workers=20)) == [(n, "session") for n in range(200)]
    assert story.events == ["up session", "down session"]


def test_a_map_in_a_running_loop_ends_its_instances_and_not_those_of_the_loop(story: Story) -> None:
    session = story.instance("session")

    async def fetch(_: int) -> str:
        return str(await session())

    async def main() -> None:
        assert await session() == "session"
        for _ in range(2):
            assert [name async for name in plait.map(fetch, range(5), engine="async")] == ["session"] * 5
        assert story.events == ["up session"] + ["up session", "down session"] * 2

    asyncio.run(main())
    assert story.events[-1] == "down session"
    assert len(story.events) == 6


def test_leaving_the_loop_tears_down(story: Story) -> None:
    session = story.instance("session")

    async def fetch(number: int) -> str:
        await asyncio.sleep(3600 if number else 0, await session())
        return "first"

    for value in plait.map(fetch, range(5), engine="async", workers=5):
        assert value == "first"
        break
    assert story.events == ["up session", "down session"]


def test_an_item_whose_time_is_up_leaves_the_set_up_to_the_others() -> None:
    events: list[str] = []
    go_on = asyncio.Event()

    @plait.per_worker
    async def slow() -> AsyncIterator[str]:
        events.append("begins")
        await go_on.wait()
        yield "there"
        events.append("down")

    async def fetch(number: int) -> str:
        if number:
            go_on.set()
        return str(await slow())

    outcomes = list(plait.map(fetch, range(2), engine="async", workers=1, timeout=0.5).outcomes())
    assert isinstance(outcomes[0].error, plait.errors.TaskTimeout)
    assert outcomes[1].value == "there"
    assert events == ["begins", "down"]


def test_what_goes_wrong_at_the_end_of_a_map_is_told(caplog: pytest.LogCaptureFixture) -> None:
    @plait.per_worker
    async def bad() -> AsyncIterator[int]:
        yield 1
        raise OSError("no end")

    async def fetch(_: int) -> int:
        return int(await bad())

    stream = plait.map(fetch, range(3), engine="async")
    with caplog.at_level(logging.ERROR, "plait"), pytest.warns(RuntimeWarning, match=r"tear-down of bad\(\).*no end"):
        assert list(stream) == [1] * 3
    assert stream.report.mishaps == [record.getMessage() for record in caplog.records]


def test_the_calls_of_a_pool_share_an_instance(story: Story) -> None:
    session = story.instance("session")

    async def fetch(number: int) -> tuple[int, str]:
        return number, await session()

    with plait.Pool("async", workers=4) as pool:
        calls = [pool.submit(fetch, number) for number in range(20)]
        assert [call.result() for call in calls] == [(n, "session") for n in range(20)]
        assert story.events == ["up session"]
    assert story.events == ["up session", "down session"]


def test_coroutines_under_other_engines_have_instances_as_long_as_their_loop(story: Story) -> None:
    session = story.instance("session")

    async def fetch() -> str:
        return str(await session())

    found = list(plait.map(lambda _: asyncio.run(fetch()), range(3), engine="thread", workers=1))
    assert found == ["session"] * 3
    assert story.events == ["up session", "down session"] * 3
