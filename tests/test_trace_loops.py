"""What a trace says of event loops that are blocked again and again, each time only for a moment."""

from __future__ import annotations

import asyncio
import time

import pytest

import plait
from plait._core.trace import Lane, State, Trace
from plait._see.lines import Lines
from plait._see.recorder.lines import Look
from plait._see.recorder.steps import Blocked, Loop, Steps
from plait._see.summary.loops import tell_loops

SECOND = 1_000_000
WHERE = "app.py:3 in query"


def blocked(state: State, ready: float = 0.0, tasks: int = 0) -> tuple[Trace, Lines]:
    """A second in which a thread turns a loop, half of it in one state, ten milliseconds at a time."""
    trace = Trace("app.py", 0.0, SECOND)
    main = Lane("MainThread", "thread", 1, 7)
    for moment in range(0, SECOND, 20_000):
        main.add(moment, state)
        main.add(moment + 10_000, State.IDLE)
    trace.lanes.append(main)
    for _ in range(tasks):
        lane = Lane("handle", "task", 0, 0)
        lane.add(0, State.READY)
        lane.add(int(ready * SECOND / tasks), State.SOCKET)
        trace.lanes.append(lane)
    return trace, Lines(trace, [Look(moment, 7, WHERE) for moment in range(0, SECOND, 20_000)])


def told(state: State, where: str = "app.py:9 in <module>", **options: float) -> list[str]:
    trace, lines = blocked(state, ready=options.get("ready", 0.0), tasks=int(options.get("tasks", 0)))
    loops = [Loop(7, 0, SECOND, where), Loop(99, 0, SECOND, where)]
    return [text for _, text in tell_loops(trace, loops, lines, 0)]


def test_what_waits_in_a_loop_a_moment_at_a_time_blocks_it() -> None:
    (text,) = told(State.SLEEP)
    assert text.startswith(
        f"the event loop was blocked for 0.50 s, sleeping at {WHERE}, again and again. asyncio.to_th"
    )
    (text,) = told(State.SOCKET, ready=0.4, tasks=2)
    assert "in socket or pipe I/O at" in text
    assert "tasks that were ready had to wait for it for 0.40 s in all" in text
    (text,) = told(State.PYTHON)
    assert "a process does it beside the loop" in text


@pytest.mark.parametrize("state", [State.IDLE, State.GIL, State.CORE, State.UNSEEN])
def test_a_loop_that_has_nothing_to_do_or_is_kept_from_it_is_not_blocked(state: State) -> None:
    assert told(state) == []


def test_where_no_task_is_ready_meanwhile_nothing_is_blocked() -> None:
    assert told(State.SLEEP, ready=0.01, tasks=1) == []


def test_what_the_loop_does_itself_is_not_what_blocks_it() -> None:
    assert told(State.PYTHON, where=f"{WHERE} (runners.py:1 in run)") == []


@pytest.mark.parametrize(("share", "told"), [(0.8, "in 3 steps"), (0.1, "again and again")])
def test_what_is_told_of_long_steps_is_told_once(share: float, told: str) -> None:
    """By the sum, where the long ones are only a part of what a line blocks."""
    trace, lines = blocked(State.SLEEP)
    steps = [Blocked(7, 0, int(share * SECOND / 2), "query", WHERE), Blocked(7, 0, SECOND, "other", "app.py:1")]
    long = [(1.0, f"blocked at {WHERE}, in 3 steps"), (0.5, "blocked at app.py:1")]
    texts = [text for _, text in tell_loops(trace, [Loop(7, 0, SECOND, "")], lines, 0, (long, steps))]
    assert len(texts) == 2
    assert any(told in text for text in texts)


def test_only_what_is_within_the_loop_counts() -> None:
    trace, lines = blocked(State.SLEEP)
    assert tell_loops(trace, [Loop(7, 0, SECOND // 10, "")], lines, 0) == []


def test_endpoints_may_be_functions_without_async() -> None:
    trace, lines = blocked(State.SLEEP)
    ((_, text),) = tell_loops(trace, [Loop(7, 0, SECOND, "")], lines, 0, serves=True)
    assert "`def` in place of `async def`" in text


def test_when_loops_began_and_ended_is_known_also_of_one_that_goes_on() -> None:
    steps = Steps()
    steps.begins(1, test_where_no_task_is_ready_meanwhile_nothing_is_blocked.__code__)
    steps.leaves_loop()
    steps.watches(object(), test_where_no_task_is_ready_meanwhile_nothing_is_blocked.__code__)
    steps.close()
    first, second = steps.loops
    assert first.began == 1
    assert first.where.startswith("test_trace_loops.py:")
    assert second.began >= first.ended > 1
    assert second.ended >= second.began


def test_a_loop_that_is_blocked_a_moment_at_a_time_is_seen() -> None:
    async def handle(turns: int) -> None:
        for _ in range(turns):
            time.sleep(0.004)  # noqa: ASYNC251  it blocks
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(handle(10) for _ in range(10)))

    with plait.trace() as trace:
        asyncio.run(main())
    (text,) = (one for one in trace.summary if one.startswith("the event loop was blocked"))
    assert " in handle" in text
    assert "asyncio.to_thread runs what blocks beside the loop" in text
