"""What a trace draws and says of programs with several maps: each item where it ran, each map for itself."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable

import pytest

import plait
from plait._core.batch import Batch
from plait._core.trace import Lane, State, Trace
from plait._see.items import Told, add_items
from plait._see.recorder.transfer import Sums
from plait._see.runs import Figures, runs_of
from plait._see.summary.runs import tell_runs

SECOND = 1_000_000
PYTHON, FUTURE, GIL = State.PYTHON, State.FUTURE, State.GIL
ENDS = 5_000  # microseconds by which the end of a thread may be seen too early or too late


def first(n: int) -> int:
    return sum(range(n * 100))


def second(n: int) -> int:
    return sum(range(n * 100))


def outer(n: int) -> int:
    return sum(plait.map(first, range(n % 4), engine="thread", workers=2))


async def third(n: int) -> int:
    await asyncio.sleep(0.001)
    return n


def one_after_the_other() -> None:
    for fn in (first, second):
        list(plait.map(fn, range(40), engine="thread", workers=2))


def at_the_same_time() -> None:
    maps = [
        threading.Thread(target=lambda fn=fn: list(plait.map(fn, range(40), engine="thread", workers=2)))
        for fn in (first, second)
    ]
    for one in maps:
        one.start()
    for one in maps:
        one.join()


def inside_each_other() -> None:
    list(plait.map(outer, range(12), engine="thread", workers=2))


def in_a_loop() -> None:
    for fn in (first, second):
        list(plait.map(fn, range(40), engine="inline"))


def left_to_auto() -> None:
    for fn in (first, second):
        list(plait.map(fn, range(300)))


def of_coroutines() -> None:
    for _ in range(2):
        list(plait.map(third, range(40), workers=4))


def in_a_pool() -> None:
    with plait.Pool("thread", workers=2) as pool:
        for fn in (first, second):
            list(plait.map(fn, range(40), engine=pool))


def in_async_code() -> None:
    async def main() -> None:
        for engine in ("thread", "inline"):
            async for _ in plait.map(first, range(20), engine=engine):
                pass

    asyncio.run(main())


PROGRAMS = (
    one_after_the_other,
    at_the_same_time,
    inside_each_other,
    in_a_loop,
    left_to_auto,
    of_coroutines,
    in_a_pool,
    in_async_code,
)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_an_item_is_drawn_where_it_ran(program: Callable[[], None]) -> None:
    """In a thread or task that existed then: `thread-1` is what a worker of each map is called."""
    with plait.trace() as trace:
        program()
    assert trace.slices
    assert {one.group for one in trace.slices} <= {"first", "second", "outer", "third"}
    for one in trace.slices:
        lane = trace.lanes[one.lane]
        assert lane.moments, f"{lane.name} has items, and nothing else"
        assert lane.moments[0] - ENDS <= one.began, (lane.name, one, lane.moments[0])
        end = trace.microseconds if lane.states[-1] else lane.moments[-1]  # of the thread, where it was seen
        assert one.ended <= max(end, one.began) + ENDS or lane.name == "MainThread", (lane.name, one, end)
    assert not any("CallMeter" in text or "Plain" in text for text in trace.summary)


def test_each_map_has_its_own_workers() -> None:
    with plait.trace() as trace:
        one_after_the_other()
    of_lane: dict[int, set[str]] = {}
    for one in trace.slices:
        of_lane.setdefault(one.lane, set()).add(one.group)
    assert all(len(groups) == 1 for groups in of_lane.values())
    assert Counter(one.group for one in trace.slices)["first"] > 0


def test_the_loop_around_a_map_waits_for_no_semaphore_of_ours() -> None:
    with plait.trace() as trace:
        in_async_code()
    assert not [wait for wait in trace.waits if wait.state is State.SEMAPHORE]


def told(at: int, run: int, ran: int, began: float, ended: float, **others: object) -> Told:
    batch = Batch(at, range(1))
    batch.worker, batch.started, batch.ended = f"thread-{ran}", began, ended
    return Told("fn", run, batch, 1, ran=ran, **others)  # type: ignore[arg-type]  # of its fields


def made(*states: State) -> Trace:
    """A trace of a second with a thread for each, numbered from 1, which is in that state all the time."""
    trace = Trace("app.py", 0.0, SECOND)
    for number, state in enumerate(states, 1):
        lane = Lane(f"plait-thread-{number}", "thread", 1, number)
        lane.add(0, state)
        trace.lanes.append(lane)
    return trace


def test_maps_of_one_function_are_two() -> None:
    trace = made(FUTURE, PYTHON, PYTHON)
    batches = [told(0, 7, 2, 0.1, 0.4), told(0, 8, 3, 0.5, 0.9)]
    lanes = add_items(trace, batches, [], 0)
    assert lanes == [1, 2]
    assert [list(run.lanes) for run in runs_of(trace, zip(batches, lanes, strict=True), Sums(), 0)] == [[1], [2]]


@pytest.mark.parametrize(
    ("lanes", "reasons", "said"),
    [
        ([0], (), 'fn: one item was computed at a time, 0.90 s in all; engine="process" would take about 0.55 s'),
        ([1], (), 'fn: one item was computed at a time, 0.90 s in all; engine="process" would take about 0.55 s'),
        ([1], ("threads: at 9 µs per item",), 'engine="auto" says why: threads: at 9 µs per item'),
        ([1], ("processes: it holds the GIL",), ""),  # the first items, by which that was found out
    ],
)
def test_what_processes_would_make_of_a_map_that_computes(
    lanes: list[int], reasons: tuple[str, ...], said: str
) -> None:
    trace = made(PYTHON if lanes == [0] else FUTURE, PYTHON)
    run = Figures("fn", 0, lanes=dict.fromkeys(lanes, (0, 900000)), items=9, work=0.9, hungry=0.9, reasons=reasons)
    found = [text for _, text in tell_runs(trace, [run], 2)]
    assert [said in text for text in found] == [True] * bool(said)


def test_threads_that_rest_are_not_without_items() -> None:
    """A second thread did no more than one, and is not needed: what computes is told, not that it has nothing to do."""
    trace = made(FUTURE, PYTHON, State.IDLE)
    run = Figures("fn", 0, lanes={1: (0, SECOND), 2: (0, 50_000)}, items=9, work=1.0, hungry=2.0, empty=0.9)
    (text,) = (text for _, text in tell_runs(trace, [run], 2))
    assert "one item was computed at a time" in text


def test_nothing_is_gained_where_items_wait_or_run_side_by_side() -> None:
    waits = Figures("fn", 0, lanes={1: (0, SECOND)}, items=1, work=1.0, hungry=1.0)
    assert not tell_runs(made(FUTURE, State.SLEEP), [waits], 2)
    both = Figures("fn", 0, lanes={1: (0, SECOND), 2: (0, SECOND)}, items=9, work=1.9, hungry=2.0)
    assert not tell_runs(made(FUTURE, PYTHON, PYTHON), [both], 2)
    assert not tell_runs(made(FUTURE, PYTHON), [Figures("fn", 0, lanes={1: (0, SECOND)}, items=9, work=1.0)], 1)
