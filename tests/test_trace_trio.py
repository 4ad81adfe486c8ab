"""Tasks of trio, and of anyio on trio, in a trace."""

from __future__ import annotations

import time
from typing import Any

import pytest

import plait
from plait._core.trace import State, Trace, Wait

trio = pytest.importorskip("trio")
pytest.importorskip("trio.testing")


def waits_of(trace: Trace, name: str) -> list[Wait]:
    return [wait for wait in trace.waits if trace.lanes[wait.lane].name == name]


def tasks(trace: Trace) -> list[str]:
    return [lane.name for lane in trace.lanes if lane.kind == "task"]


def test_tasks_have_lanes_and_say_what_they_await() -> None:
    lock, event = trio.Lock(), trio.Event()
    send, receive = trio.open_memory_channel(0)

    async def has() -> None:
        async with lock:
            await event.wait()

    async def wants() -> None:
        async with lock:
            await send.send(1)

    async def takes() -> None:
        await receive.receive()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(has)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(wants)
            nursery.start_soon(takes)
            await trio.testing.wait_all_tasks_blocked()
            event.set()

    with plait.trace() as trace:
        trio.run(main)
    assert sorted(tasks(trace)) == ["has", "main", "takes", "wants"]
    waited = waits_of(trace, "has")[-1]
    assert (waited.state, waited.name) == (State.EVENT, "event (trio.Event)")
    assert waited.where.startswith("test_trace_trio.py:")
    assert waited.where.endswith(" in has")
    wanted = waits_of(trace, "wants")[0]
    assert (wanted.state, wanted.name) == (State.LOCK, "lock (trio.Lock)")
    assert trace.lanes[wanted.holder].name == "has"
    assert waits_of(trace, "takes")[0].state is State.QUEUE


def test_a_line_that_blocks_the_loop_is_told() -> None:
    async def blocks() -> None:
        time.sleep(0.2)  # noqa: ASYNC251  what is to be told

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(blocks)

    with plait.trace() as trace:
        trio.run(main)
    (said,) = (one for one in trace.summary if "event loop was blocked" in one)
    assert " by blocks at test_trace_trio.py:" in said
    assert "trio.to_thread.run_sync runs what blocks" in said


def test_a_trace_within_a_run_sees_it_and_leaves_it() -> None:
    found: list[Trace] = []
    left: list[Any] = []

    async def naps() -> None:
        await trio.sleep(0.01)

    async def main() -> None:
        with plait.trace() as trace:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(naps)
        found.append(trace)
        left.extend(trio._core._run.GLOBAL_RUN_CONTEXT.runner.instruments["_all"])

    trio.run(main)
    assert waits_of(found[0], "naps")[0].state is State.SLEEP
    assert not left


def test_anyio_on_trio() -> None:
    anyio = pytest.importorskip("anyio")
    lock = None

    async def keeps() -> None:
        assert lock is not None
        async with lock:
            await anyio.sleep(0.01)

    async def main() -> None:
        nonlocal lock
        lock = anyio.Lock()
        async with anyio.create_task_group() as group:
            group.start_soon(keeps)
            group.start_soon(keeps)

    with plait.trace() as trace:
        anyio.run(main, backend="trio")
    waits = [wait for wait in waits_of(trace, "keeps") if wait.state is State.LOCK]
    assert {wait.name for wait in waits} == {"lock (anyio.Lock)"}
