"""The async engine when calls do not end, are stopped, or block the loop; and what is left afterwards: nothing."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import plait
from plait.errors import Cancelled, TaskTimeout

LONG = 30.0  # seconds after which a test that waits has failed
SLACK = 5.0  # seconds on top of every bound, for machines that are busy with something else


def loops() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "plait-loop"]


@pytest.fixture(autouse=True)
def no_loop_left() -> Iterator[None]:
    before = loops()
    yield
    for thread in loops():
        if thread not in before:
            thread.join(LONG)  # those that were left behind end with their function
    assert loops() == before


class Stubborn:
    """Its calls for odd items go on when they are cancelled, until they are let go."""

    def __init__(self) -> None:
        self.let_go = False
        self.refused = 0

    async def __call__(self, x: int) -> int:
        while x % 2 and not self.let_go:
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                self.refused += 1
        return x


@pytest.fixture
def stubborn() -> Iterator[Stubborn]:
    function = Stubborn()
    yield function
    function.let_go = True


async def long_if_odd(x: int) -> int:
    if x % 2:
        await asyncio.sleep(LONG)
    return x


async def forever(x: int) -> int:
    await asyncio.sleep(LONG)
    return x


# Timeouts


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_timeout_cancels_the_call_and_frees_its_worker(in_loop: bool) -> None:
    seen: list[str] = []

    async def tidy(x: int) -> int:
        try:
            await long_if_odd(x)
        except asyncio.CancelledError:
            seen.append(f"{x} {plait.current().index} {plait.current().cancelled}")
            await asyncio.sleep(0.001)  # tidying up takes a moment
            seen.append(f"{x} tidied up")
            raise
        return x

    for outcome in outcomes_of(tidy, range(6), in_loop, workers=2, timeout=0.05):
        if outcome.index % 2:
            assert type(outcome.error) is TaskTimeout
            assert f"item {outcome.index}, {outcome.index}, ran longer than timeout=0.05 s" in str(outcome.error)
            assert 0.05 <= outcome.seconds < SLACK
        else:
            assert outcome.value == outcome.index
    assert sorted(seen) == sorted(f"{x} {text}" for x in (1, 3, 5) for text in (f"{x} True", "tidied up"))


def test_what_a_call_does_about_its_timeout_does_not_matter() -> None:
    async def react(x: int) -> str:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            if x == 0:
                return "a value"
            if x == 1:
                raise LookupError("an error of its own") from None
            raise
        return "too late"

    outcomes = list(plait.map(react, range(3), timeout=0.02).outcomes())
    assert [type(outcome.error) for outcome in outcomes] == [TaskTimeout] * 3
    assert [outcome.value for outcome in outcomes] == [None] * 3


def test_a_timeout_error_of_the_function_stays_itself() -> None:
    async def own(x: int) -> int:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(LONG)
        return x

    (outcome,) = plait.map(own, [1], timeout=LONG).outcomes()
    assert type(outcome.error) is TimeoutError


def test_a_timeout_counts_from_the_start_of_the_call() -> None:
    async def nap(x: int) -> int:
        await asyncio.sleep(0.05)
        return x

    assert list(plait.map(nap, range(12), workers=1, timeout=0.4)) == list(range(12))


def test_a_timed_out_item_can_be_run_again() -> None:
    async def slow_at_first(x: int) -> int:
        if plait.current().attempt == 1:
            await asyncio.sleep(LONG)
        return x

    outcomes = list(plait.map(slow_at_first, range(20), timeout=0.02, retry=plait.Retry(1, on=TaskTimeout)).outcomes())
    assert [(outcome.value, outcome.attempts) for outcome in outcomes] == [(x, 2) for x in range(20)]


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_call_that_goes_on_after_its_timeout_is_given_up_and_named(in_loop: bool, stubborn: Stubborn) -> None:
    async def main() -> plait.Stream[int]:
        stream = plait.map(stubborn, range(4), workers=2, timeout=0.05)
        outcomes = [outcome async for outcome in stream.outcomes()]
        check(stream, outcomes)
        stubborn.let_go = True
        return stream

    def check(stream: plait.Stream[int], outcomes: list[plait.Outcome[int]]) -> None:
        assert [outcome.value for outcome in outcomes] == [0, None, 2, None]
        for outcome in (outcomes[1], outcomes[3]):
            assert isinstance(outcome.error, TaskTimeout)
            assert "went on although it was cancelled, and was left behind" in str(outcome.error)
        assert stubborn.refused >= 2  # once each for the timeout, and once more when the loop ends
        assert [name.split(",")[0] for name in stream.report.abandoned] == ["item 1", "item 3"]

    with pytest.warns(RuntimeWarning, match=r"could not stop 2 coroutines, now left behind: item 1.*CancelledError"):
        if in_loop:
            asyncio.run(main())
        else:
            stream = plait.map(stubborn, range(4), workers=2, timeout=0.05)
            check(stream, list(stream.outcomes()))


def test_one_item_is_revoked_and_the_others_go_on() -> None:
    began = threading.Event()

    async def begin(x: int) -> int:
        if x == 1:
            began.set()
        return await long_if_odd(x)

    stream = plait.map(begin, [0, 1, 2, 4], workers=4)
    revoker = threading.Thread(target=lambda: (began.wait(LONG), stream._run.job.revoke(1)))
    revoker.start()
    outcomes = list(stream.outcomes())
    revoker.join()
    assert [type(outcome.error) for outcome in outcomes] == [type(None), Cancelled, type(None), type(None)]
    assert "item 1, 1, was cancelled while it ran on async-" in str(outcomes[1].error)


# Stopping


@pytest.mark.parametrize("how", ["close", "break", "error", "cancel", "let go"])
def test_work_stops_when_sync_code_stops(how: str, nothing_left: None) -> None:
    running: set[int] = set()

    async def hang(x: int) -> int:
        running.add(x)
        try:
            if x > 2:
                await asyncio.sleep(LONG)
        finally:
            running.discard(x)
        return x

    began = time.perf_counter()
    stream = plait.map(hang, itertools.count(), workers=10)
    assert [next(stream), next(stream)] == [0, 1]
    if how == "close":
        stream.close()
    elif how == "error":
        with pytest.raises(ZeroDivisionError), stream:
            raise ZeroDivisionError
    elif how == "cancel":
        stream.cancel()
        with pytest.raises(Cancelled):
            list(stream)
    elif how == "break":
        for _ in stream:
            break
        del stream
    else:
        del stream
    gc.collect()
    assert running == set()
    assert time.perf_counter() - began < SLACK


class Hanging:
    """Its calls hang from item 3 on; `running` has those that have not ended, which takes them a round of the loop."""

    def __init__(self) -> None:
        self.running: set[int] = set()

    async def __call__(self, x: int) -> int:
        self.running.add(x)
        try:
            if x > 2:
                await asyncio.sleep(LONG)
        finally:
            try:
                await asyncio.sleep(0)
            finally:
                self.running.discard(x)
        return x


@pytest.mark.parametrize("how", ["break", "return", "error", "close"])
def test_work_stops_when_the_loop_is_left(how: str, nothing_left: None) -> None:
    hanging = Hanging()

    async def iterate(stream: plait.Stream[int]) -> None:
        async for value in stream:
            if value < 2:
                continue
            if how == "error":
                raise ZeroDivisionError
            if how == "close":
                stream.close()
            if how == "return":
                return
            break

    async def main() -> None:
        others = asyncio.all_tasks()
        try:
            await iterate(plait.map(hanging, itertools.count(), workers=10))
        except ZeroDivisionError:
            assert how == "error"
        while asyncio.all_tasks() != others:
            await asyncio.sleep(0)  # the event loop closes the iterator when it comes to it
        assert hanging.running == set()

    asyncio.run(asyncio.wait_for(main(), LONG))


def test_work_has_stopped_when_the_block_is_left(nothing_left: None) -> None:
    hanging = Hanging()

    async def main() -> None:
        async with plait.map(hanging, itertools.count(), workers=10) as stream:
            async for value in stream:
                if value == 2:
                    break
        assert hanging.running == set()

    asyncio.run(asyncio.wait_for(main(), LONG))


@pytest.mark.parametrize("how", ["task", "stream"])
def test_work_has_stopped_when_a_cancelled_iteration_ends(how: str, nothing_left: None) -> None:
    hanging = Hanging()

    async def iterate(stream: plait.Stream[int]) -> None:
        async for _ in stream:
            pass

    async def main() -> None:
        stream = plait.map(hanging, itertools.count(), workers=10)
        task = asyncio.create_task(iterate(stream))
        while not hanging.running:
            await asyncio.sleep(0)
        if how == "stream":
            stream.cancel()
            with pytest.raises(Cancelled):
                await task
        else:
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert any("plait: stopped after" in note for note in caught.value.__notes__)
        assert hanging.running == set()

    asyncio.run(asyncio.wait_for(main(), LONG))


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_call_that_goes_on_after_the_stop_is_named(in_loop: bool, stubborn: Stubborn) -> None:
    began = 0.0

    async def main() -> plait.Stream[int]:
        nonlocal began
        async with plait.map(stubborn, itertools.count(), workers=4) as stream:
            async for _ in stream:
                began = time.perf_counter()
                break
        stubborn.let_go = True
        return stream

    with pytest.warns(RuntimeWarning, match="could not stop . coroutine"):
        if in_loop:
            stream = asyncio.run(main())
        else:
            with plait.map(stubborn, itertools.count(), workers=4) as stream:
                assert next(stream) == 0
                began = time.perf_counter()
    assert time.perf_counter() - began < 0.4 + SLACK
    assert {name.split(",")[0] for name in stream.report.abandoned} <= {"item 1", "item 3", "item 5", "item 7"}


def test_what_was_computed_before_a_failure_is_not_lost_in_async_code() -> None:
    async def fail_at_three(x: int) -> int:
        if x == 3:
            raise ValueError(x)
        return x

    async def main() -> None:
        stream = plait.map(fail_at_three, range(50), workers=1)
        found = []
        with pytest.raises(ValueError, match="3") as caught:
            async for value in stream:
                found.append(value)
        assert found == [0, 1, 2]
        assert "plait: item 3, 3, on async-1" in caught.value.__notes__
        assert asyncio.all_tasks() == {asyncio.current_task()}
        left = [outcome async for outcome in stream.outcomes()]
        assert all(outcome.value == outcome.index or isinstance(outcome.error, Cancelled) for outcome in left)

    asyncio.run(main())


@pytest.mark.parametrize("order", ["input", "completion"])
@pytest.mark.parametrize("way", ["values", "outcomes"])
def test_nothing_that_began_is_lost_when_a_coroutine_that_iterates_threads_is_cancelled(way: str, order: str) -> None:
    began = threading.Event()

    def work(n: int) -> int:
        if n == 0:
            raise ValueError("will be run again, in a while")
        began.set()
        while not plait.current().cancelled:
            time.sleep(0.001)
        return n

    again = plait.Retry(1, backoff=LONG)
    stream = plait.map(work, range(2), engine="thread", workers=2, order=order, retry=again)

    async def iterate() -> None:
        async for _ in stream if way == "values" else stream.outcomes():
            pass

    async def main() -> None:
        task = asyncio.create_task(iterate())
        while not (began.is_set() and stream.report.retries):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    first, second = sorted(stream.outcomes(), key=lambda outcome: outcome.index)
    assert (first.index, second.index) == (0, 1)
    assert isinstance(first.error, Cancelled)
    assert second.value == 1


def test_a_stream_that_async_code_iterates_is_not_for_sync_code() -> None:
    async def main() -> None:
        stream = plait.map(forever, range(3), workers=1, timeout=0.01).outcomes()
        iterator = aiter(stream)
        await anext(iterator)
        with pytest.raises(plait.errors.UsageError, match="async for"):
            next(stream)
        await iterator.aclose()  # type: ignore[attr-defined]  # it is an async generator

    asyncio.run(main())


# The loop's owner stops it


def test_a_loop_that_is_closed_around_a_stream_does_not_hang(caplog: pytest.LogCaptureFixture) -> None:
    """``asyncio.run`` cancels every task and waits for all of them; the stream is kept, so nobody closes it."""
    kept: list[Any] = []

    async def main() -> None:
        iterator = aiter(plait.map(later, itertools.count(), workers=5))
        kept.append(iterator)
        assert await anext(iterator) == 0

    async def later(x: int) -> int:
        await asyncio.sleep(0.001)
        return x

    asyncio.run(main())
    kept.clear()
    gc.collect()
    assert not caplog.records


@pytest.mark.parametrize("code", ["stream", "pool"])
@pytest.mark.parametrize("debug", [False, True])
def test_asyncio_stays_quiet(code: str, debug: bool) -> None:
    """Nothing is never awaited or destroyed while pending, in debug mode either."""
    programs = {
        "stream": """
            async def work(x):
                await asyncio.sleep(0 if x % 3 else 0.001)
                return x

            async def numbers():
                for x in itertools.count():
                    await asyncio.sleep(0)
                    yield x

            async def main():
                assert len([x async for x in plait.map(work, range(100))]) == 100
                async for x in plait.map(work, itertools.count()):
                    if x == 100:
                        break
                async with plait.map(work, numbers(), workers=3) as stream:
                    async for x in stream:
                        if x == 100:
                            break
                assert len(list(plait.map(work, range(10)))) == 10

            for x in plait.map(work, numbers()):
                if x == 100:
                    break
            asyncio.run(main())
            assert sum(1 for _ in plait.map(work, range(100), timeout=0.0005).outcomes()) == 100
        """,
        "pool": """
            async def work(x):
                await asyncio.sleep(0.001)
                return x

            with plait.Pool("async", workers=3) as pool:
                assert [f.result() for f in [pool.submit(work, x) for x in range(20)]] == list(range(20))
            pool = plait.Pool("async", workers=3)
            for x in range(20):
                pool.submit(work, x)
            pool.shutdown(wait=False, cancel_futures=True)
        """,
    }
    program = "import asyncio, itertools, plait\n" + textwrap.dedent(programs[code])
    environment = {**os.environ, "PYTHONASYNCIODEBUG": "1" if debug else ""}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    quiet = [line for line in run.stderr.splitlines() if " took " not in line]  # it is a busy machine
    assert (run.returncode, quiet) == (0, [])


# What blocks the loop


def test_python_code_that_blocks_our_loop_is_interrupted_at_its_timeout() -> None:
    async def spin(x: int) -> int:
        while x == 1:
            pass
        return x

    outcomes = list(plait.map(spin, range(3), workers=1, timeout=0.1).outcomes())
    assert [outcome.value for outcome in outcomes] == [0, None, 2]
    assert isinstance(outcomes[1].error, TaskTimeout)


def test_python_code_that_blocks_our_loop_is_interrupted_at_the_stop(nothing_left: None) -> None:
    spinning = threading.Event()

    async def spin(x: int) -> int:
        while x:
            spinning.set()
        return x

    with plait.map(spin, range(3), workers=1) as stream:
        assert next(stream) == 0
        assert spinning.wait(LONG)
    assert stream.report.abandoned == []


def test_a_blocking_call_that_cannot_be_interrupted_is_named() -> None:
    blocking, release = threading.Event(), threading.Event()

    async def block(x: int) -> int:
        if x:
            blocking.set()
            release.wait(LONG)
        return x

    with pytest.warns(RuntimeWarning, match=r"could not stop 1 coroutine.*item 1, 1, on async-1.*asyncio.to_thread"):
        with plait.map(block, range(3), workers=1) as stream:
            assert next(stream) == 0
            assert blocking.wait(LONG)
            began = time.perf_counter()
    assert time.perf_counter() - began < 0.5 + SLACK
    assert "async-1 blocked the event loop when the map was stopped" in str(stream.report)
    release.set()


@pytest.mark.parametrize("jump", [False, True])
def test_items_that_never_await_leave_the_rest_of_the_loop_its_turns(jump: bool) -> None:
    """2 s of work that never suspends: with a turn every 5 ms the loop gets some 400; the machine may be busy."""

    async def compute(x: int) -> int:
        end = time.thread_time() + (0.0002 if not jump or x >= 1000 else 0)
        while time.thread_time() < end:
            pass
        return x

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    async def main() -> None:
        heart = asyncio.create_task(beat())
        async for _ in plait.map(compute, range(3000)):
            pass
        heart.cancel()

    beats = 0
    asyncio.run(main())
    assert beats > 40


# Ctrl-C


PROGRAM = """
import asyncio, itertools, os, plait, signal, sys, threading

async def work(x):
    if x == 5:
        os.kill(os.getpid(), signal.SIGINT)
    if x >= 5:
        await asyncio.sleep(60)
    return x

async def main():
    async for x in plait.map(work, itertools.count(), workers=3):
        pass

if sys.argv[1] == "sync":
    for x in plait.map(work, itertools.count(), workers=3):
        pass
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["sync", "async"])
def test_ctrl_c_stops_at_once_and_says_what_was_running(how: str) -> None:
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert run.returncode in (-signal.SIGINT, 130)
    assert re.search(r"plait: stopped after \d items?; \d w", run.stderr)
    assert "item 5, 5, on async-" in run.stderr
    assert "destroyed" not in run.stderr
    assert time.monotonic() - began < 20


# How one question is asked in both ways.


def outcomes_of(fn: Any, items: Any, in_loop: bool, **options: Any) -> list[plait.Outcome[Any]]:
    async def main() -> list[plait.Outcome[Any]]:
        return [outcome async for outcome in plait.map(fn, items, **options).outcomes()]

    return asyncio.run(main()) if in_loop else list(plait.map(fn, items, **options).outcomes())


def test_a_map_in_a_task_that_is_cancelled_does_not_take_that_for_a_failure_of_its_async_input() -> None:
    async def arriving() -> AsyncIterator[int]:
        for n in itertools.count():
            await asyncio.sleep(0)
            yield n

    async def work(n: int) -> int:
        await asyncio.sleep(0)
        return n

    def left_by_another() -> list[int]:
        stream = plait.map(work, arriving(), engine="async", workers=1)
        found = []
        for outcome in stream.outcomes():
            found.append(outcome.index)
            if len(found) == 7:
                stopper = threading.Thread(target=stream.cancel)
                stopper.start()
        stopper.join()
        return found

    with plait.scope("thread") as s:  # each in a loop of its own, which ends with it
        tasks = [s.submit(left_by_another) for _ in range(10)]
    assert all(task.result()[:7] == list(range(7)) for task in tasks)
