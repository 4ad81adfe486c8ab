"""Scopes inside scopes: cancelling the outer one reaches the inner ones, on every engine, in sync and async code."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import pytest

import plait
from plait._engines import zygote_client
from plait.errors import StopTask, TaskTimeout

pytestmark = pytest.mark.usefixtures("nothing_left")

PATIENCE = 20.0
INNER = ["thread", "process", "coroutine"]


def spin_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def forever(begun: str) -> None:
    Path(begun).touch()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(0.001)


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.0005)


async def forever_in_loop(begun: str) -> None:
    os.close(os.open(begun, os.O_CREAT))
    await asyncio.sleep(PATIENCE)


def sync_scope(engine: str, begun: str, seen: list[object]) -> None:
    """A task with a scope of its own."""
    with plait.scope(engine, workers=1) as s:
        seen.append(s)
        seen.append(s.submit(forever, begun))


async def async_scope(engine: str, begun: str, seen: list[object]) -> None:
    async with plait.scope("thread" if engine == "coroutine" else engine, workers=1) as s:
        seen.append(s)
        seen.append(s.submit(forever_in_loop if engine == "coroutine" else forever, begun))


def loop_in_thread(engine: str, begun: str, seen: list[object]) -> None:
    asyncio.run(async_scope(engine, begun, seen))


def check(seen: list[object], outer: plait.Future[None]) -> None:
    scope, inner = seen
    assert isinstance(inner, plait.Future)
    assert inner.cancelled()
    assert outer.cancelled()
    assert "over" in repr(scope)


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_scope_in_a_thread_of_a_scope(engine: str, tmp_path: Path) -> None:
    begun, seen = tmp_path / "begun", []
    with plait.scope() as s:
        outer = s.submit(sync_scope, engine, str(begun), seen)
        spin_until(begun.exists)
        s.cancel()
    check(seen, outer)


@pytest.mark.parametrize("engine", INNER)
def test_an_async_scope_in_a_thread_of_a_scope(engine: str, tmp_path: Path) -> None:
    begun, seen = tmp_path / "begun", []
    with plait.scope() as s:
        outer = s.submit(loop_in_thread, engine, str(begun), seen)
        spin_until(begun.exists)
        s.cancel()
    check(seen, outer)


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_scope_in_a_thread_of_an_async_scope(engine: str, tmp_path: Path) -> None:
    begun, seen = tmp_path / "begun", []

    async def main() -> plait.Future[None]:
        async with plait.scope() as s:
            outer = s.submit(sync_scope, engine, str(begun), seen)
            await until(begun.exists)
            s.cancel()
        return outer

    check(seen, asyncio.run(main()))


@pytest.mark.parametrize("engine", INNER)
def test_an_async_scope_in_a_coroutine_of_a_scope(engine: str, tmp_path: Path) -> None:
    begun, seen = tmp_path / "begun", []

    async def main() -> plait.Future[None]:
        async with plait.scope() as s:
            outer = s.submit(async_scope, engine, str(begun), seen)
            await until(begun.exists)
            s.cancel()
        return outer

    check(seen, asyncio.run(main()))


def test_one_task_with_a_scope_of_its_own_is_cancelled_and_its_siblings_go_on(tmp_path: Path) -> None:
    begun, seen = tmp_path / "begun", []
    with plait.scope() as s:
        doomed = s.submit(sync_scope, "thread", str(begun), seen)
        other = s.submit(forever, str(tmp_path / "other"))
        spin_until(begun.exists)
        began = time.perf_counter()
        doomed.cancel()
        spin_until(doomed.done)
        assert time.perf_counter() - began < 5.0
        assert other.running()
        other.cancel()
    check(seen, doomed)


def test_blocks_inside_blocks_of_one_function() -> None:
    ended = []
    with pytest.raises(ValueError, match="outer"):
        with plait.scope() as outer:

            def fail() -> None:
                spin_until(lambda: inner_tasks and inner_tasks[0].running())
                raise ValueError("outer")

            inner_tasks: list[plait.Future[object]] = []
            outer.submit(fail)
            try:
                with plait.scope() as inner:
                    inner_tasks.append(inner.submit(plait.channel(0).get))
                    inner_tasks[0].result()
            finally:
                ended.append(inner_tasks[0].cancelled())
            ended.append("after the inner block")
    assert ended == [True]


def test_an_inner_failure_stays_inside_when_it_is_dealt_with_there() -> None:
    def fail() -> None:
        raise ValueError("inner")

    with plait.scope() as outer:
        sibling = outer.submit(time.sleep, 0.01)
        with pytest.raises(ValueError, match="inner"), plait.scope() as inner:
            inner.submit(fail)
        assert outer.submit(int, "3").result(PATIENCE) == 3
    assert not sibling.cancelled()


def test_a_task_of_the_outer_scope_does_not_belong_to_the_block_it_was_submitted_in() -> None:
    channel: plait.channel[int] = plait.channel(0)
    with plait.scope() as outer:
        with plait.scope() as inner:
            task = outer.submit(channel.get)
            spin_until(lambda: channel._getters)
            inner.cancel()
        assert task.running()
        channel.put(5)
        assert task.result(PATIENCE) == 5


def test_the_call_of_a_pool_does_not_belong_to_the_block_it_was_submitted_in() -> None:
    channel: plait.channel[int] = plait.channel(0)
    with plait.Pool("thread", workers=1) as pool:
        with plait.scope() as s:
            call = pool.submit(channel.get)
            spin_until(lambda: channel._getters)
            s.cancel()
        channel.put(5)
        assert call.result(PATIENCE) == 5


def test_entering_a_block_in_a_cancelled_one_ends_at_once() -> None:
    entered = []
    with plait.scope() as outer:
        outer.cancel()
        with plait.scope():
            entered.append(True)
    assert not entered


def test_a_map_inside_a_task_is_stopped_with_it(tmp_path: Path) -> None:
    for engine in ("inline", "thread", "process"):
        begun = tmp_path / engine
        ended: list[type[BaseException]] = []

        def consume(engine: str = engine, begun: Path = begun, ended: list[type[BaseException]] = ended) -> None:
            try:
                list(plait.map(forever, [str(begun)], engine=engine, workers=2 if engine == "thread" else 1))
            except BaseException as error:
                ended.append(type(error))
                raise

        with plait.scope() as s:
            task = s.submit(consume)
            spin_until(begun.exists)
            s.cancel()
        assert task.cancelled()
        assert ended == [StopTask]


def test_a_map_that_is_stopped_with_its_task_ends_what_it_holds_however_long_that_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slowly(pid: int, patience: float = 3.0) -> None:
        for _ in range(30):  # as on a busy machine
            sleep(0.01)  # type: ignore[name-defined]  # noqa: F821
        wait_for(pid, patience)  # type: ignore[name-defined]  # noqa: F821

    known = {"__name__": zygote_client.__name__, "sleep": time.sleep, "wait_for": zygote_client._wait_for}
    monkeypatch.setattr(zygote_client, "_wait_for", FunctionType(slowly.__code__, known, argdefs=(3.0,)))
    begun = threading.Event()

    def consume() -> None:
        for _ in plait.map(abs, range(10**9), engine="process", workers=1):
            begun.set()

    with plait.scope() as s:
        s.submit(consume)
        begun.wait(PATIENCE)
        s.cancel()


def test_deadlines_nest() -> None:
    with plait.scope(deadline=PATIENCE) as outer:
        with pytest.raises(TaskTimeout, match="deadline=0.02"), plait.scope(deadline=0.02):
            plait.channel(0).get()
        assert outer.submit(int, "3").result() == 3
    with pytest.raises(TaskTimeout, match="deadline=0.05"), plait.scope(deadline=0.05):
        with plait.scope(deadline=PATIENCE):
            plait.channel(0).get()


def test_many_levels_on_threads_end_together() -> None:
    depth, gate = 8, threading.Event()

    def level(left: int) -> None:
        with plait.scope() as s:
            if left:
                s.submit(level, left - 1)
            else:
                gate.set()
            plait.channel(0).get()

    began = time.perf_counter()
    with plait.scope() as s:
        task = s.submit(level, depth)
        gate.wait(PATIENCE)
        s.cancel()
    assert task.cancelled()
    assert time.perf_counter() - began < PATIENCE / 2


def test_ctrl_c_goes_through_all_levels(tmp_path: Path) -> None:
    begun = [tmp_path / "1", tmp_path / "2"]
    presser = threading.Thread(
        target=lambda: (spin_until(lambda: all(path.exists() for path in begun)), os.kill(os.getpid(), signal.SIGINT))
    )
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        with plait.scope() as outer:
            first = outer.submit(forever, str(begun[0]))
            with plait.scope("process", workers=1) as inner:
                second = inner.submit(forever, str(begun[1]))
    presser.join()
    assert first.cancelled()
    assert second.cancelled()


def test_a_scope_in_a_worker_process_ends_with_it(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with plait.scope("process", workers=1) as s:
        task = s.submit(sync_scope, "thread", str(begun), [])
        spin_until(begun.exists)
        task.cancel()
        spin_until(task.done)
        assert s.submit(nested_sum, [1, 2, 3]).result(PATIENCE) == 12
    assert task.cancelled()


def nested_sum(items: list[int]) -> int:
    with plait.scope() as s:
        return sum(future.result() for future in [s.submit(lambda x: 2 * x, item) for item in items])
