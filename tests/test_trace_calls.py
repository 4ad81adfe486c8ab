"""Calls of executors that waited for a thread to begin them, in the summary of a trace."""

from __future__ import annotations

import concurrent.futures.thread
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import plait
from plait._core.trace import Lane, State, Trace
from plait._see.recorder.calls import Begun
from plait._see.summary.calls import tell_calls

POOLS: Any = concurrent.futures.thread

pytestmark = pytest.mark.usefixtures("nothing_left")


def trace_of(state: State) -> Trace:
    """A second of two threads of a pool that are in one state."""
    trace = Trace("app.py", 0.0, 1_000_000)
    for tid in (1, 2):
        lane = Lane(f"pool_{tid}", "thread", 1, tid)
        lane.add(0, state)
        trace.lanes.append(lane)
    return trace


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        (State.SLEEP, "more of them (max_workers=...) would begin calls sooner"),
        (State.GIL, "more threads would hardly help"),
        (
            State.LOCK,
            "They mostly wait for one another, or for what there is too little of: more threads would not help",
        ),
        (State.FUTURE, "Give the calls that are waited for an executor of their own"),
    ],
)
def test_calls_that_waited(state: State, advice: str) -> None:
    begun = [Begun(1, 100, 100), Begun(2, 100, 100), Begun(1, 100, 500_100), Begun(9, 100, 900_000)]
    ((seconds, said),) = tell_calls(trace_of(state), begun, 100, 2)
    assert seconds == 0.5
    assert said.startswith("pool: its 3 calls waited for one of 2 threads, 0.17 s each on average, in 0.50 s of the")
    assert said.endswith(advice or "of the time")


def test_calls_that_began_at_once_are_not_told() -> None:
    assert tell_calls(trace_of(State.SLEEP), [Begun(1, 100, 50_000)] * 9, 100, 2) == []


def test_calls_that_wait_for_children_that_compute() -> None:
    trace = trace_of(State.SOCKET)
    trace.facts["children"] = 1.6  # seconds, in one
    ((_, said),) = tell_calls(trace, [Begun(1, 100, 900_000)], 100, 2)
    assert said.endswith("child processes keep 1.60 of 2 cores busy: more threads help for as long as cores are free")


def test_calls_that_sleep_and_cannot_have_the_gil_do_not_compute() -> None:
    trace = trace_of(State.GIL)
    for lane in trace.lanes:
        lane.add(700_000, State.SLEEP)
        lane.add(950_000, State.PYTHON)
    ((_, said),) = tell_calls(trace, [Begun(1, 100, 900_000)], 100, 2)
    assert "They mostly wait for something outside" in said


def test_an_executor_with_too_few_threads() -> None:
    with plait.trace() as trace, ThreadPoolExecutor(1, "narrow") as pool:
        results = list(pool.map(time.sleep, [0.1] * 4))
    assert results == [None] * 4
    (said,) = (finding for finding in trace.summary if finding.startswith("narrow: "))
    assert "its 4 calls waited for its only thread, " in said


def test_nothing_is_left_of_it() -> None:
    original = POOLS._WorkItem
    with plait.trace():
        assert POOLS._WorkItem is not original
    assert POOLS._WorkItem is original
