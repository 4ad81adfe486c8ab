"""Other processes in the summary of a trace: what goes to them, how many there are, whether they work at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from typing import Any

import pytest

import plait
from plait._core.trace import Lane, State, Trace, Wait
from plait._see.lines import Lines
from plait._see.recorder.calls import Done
from plait._see.recorder.lines import Look
from plait._see.recorder.processes import Pieces, ProcessRecorder, Start
from plait._see.recorder.starts import StartRecorder
from plait._see.summary.processes import Others, outermost, tell_processes
from plait._see.summary.short_calls import short_calls, tell_short_calls
from plait._see.summary.starts import tell_starts
from plait._see.summary.summarise import summarise

pytestmark = pytest.mark.usefixtures("nothing_left")

FORKS = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # where another test has left a thread
SECOND = 1_000_000
LINE = "app.py:3 in main"
OWN, POOL = Start(LINE), Start(LINE, "multiprocessing.pool")


def waiting(state: State = State.FUTURE, waits: Sequence[tuple[int, int]] = ()) -> Trace:
    """Two seconds of a main thread that waits, and what it noted of that, in tenths of seconds."""
    trace = Trace("app.py", 0.0, 2 * SECOND)
    lane = Lane("MainThread", "thread", 1, 1)
    lane.add(0, state)
    trace.lanes.append(lane)
    tenth = SECOND // 10
    trace.waits = [Wait(0, began * tenth, ended * tenth, state, "ApplyResult", LINE) for began, ended in waits]
    return trace


def test_pieces_that_are_too_small_or_too_large() -> None:
    many = Pieces(20_000, 1_000_000, 0.3, 20_000, 1_000_000, 0.1)
    ((_, text),) = tell_processes(waiting(), Others(many, [POOL] * 2, computed=1.0), 2)
    assert "20,000 pieces of work went to other processes one by one, 100 µs each" in text
    assert "chunksize=1,000" in text
    large = Pieces(20, 40 << 20, 1.0, 20, 2000, 0.0)
    ((_, text),) = tell_processes(waiting(), Others(large, [POOL] * 2, computed=1.0), 2)
    assert "40 MiB went to other processes in 20 pieces" in text
    assert "initializer=" in text
    came = Pieces(0, 0, 0.0, 30, 60 << 20, 0.5)
    ((_, text),) = tell_processes(waiting(State.QUEUE), Others(came, [OWN], computed=1.0), 2)
    assert text.startswith(
        "30 pieces of 60 MiB in all came from other processes, which took 0.50 s of pickling, writing"
    )


def test_large_pieces_on_a_machine_that_has_no_core_for_who_pickles_them() -> None:
    trace = waiting()
    feeder = Lane("QueueFeederThread", "thread", 1, 2, cpu=0.15, queued=1.8)
    feeder.add(0, State.CORE)
    trace.lanes.append(feeder)
    large = Pieces(20, 40 << 20, 0.15, 20, 2000, 0.0)
    assert "40 MiB went to other processes" in tell_processes(trace, Others(large, [POOL] * 2), 2)[0][1]


PIECES = Pieces(50, 5000, 0.0, 50, 5000, 0.0)


def test_processes_that_wait() -> None:
    ((_, text),) = tell_processes(waiting(), Others(PIECES, [POOL] * 2, 1, computed=0.03), 2)
    assert "2 other processes computed for 0.03 s in 2.00 s, so that they mostly wait" in text
    assert "32 threads would take about 0.12 s instead of 2.00 s" in text
    assert tell_processes(waiting(), Others(PIECES, [POOL] * 2, 1, computed=3.0), 2) == []


def test_threads_do_what_this_process_computes_no_faster() -> None:
    """As an input that is made here while the processes wait for it."""
    trace = waiting()
    lane = Lane("Thread-2", "thread", 1, 2, cpu=1.9, queued=0.0)
    lane.add(0, State.PYTHON)
    trace.lanes.append(lane)
    assert tell_processes(trace, Others(PIECES, [POOL] * 2, 1, computed=0.03), 2) == []


def test_processes_that_are_started_again_and_again() -> None:
    ((_, text),) = tell_processes(waiting(), Others(PIECES, [OWN] * 40, computed=3.0), 2)
    assert "40 processes were started at app.py:3 in main, 20 a second: a pool that is made once" in text
    assert "pool that is made once" in tell_processes(waiting(), Others(PIECES, [POOL] * 40, 10, computed=3.0), 2)[0][1]


def test_one_pool_of_more_processes_than_cores() -> None:
    ((_, text),) = tell_processes(waiting(), Others(PIECES, [POOL] * 16, 1, computed=4.0, lacked=28.0), 2)
    assert text.startswith("16 other processes computed for 4.00 s, and were ready without a core for 28.00 s: no more")
    assert "than 2 can compute at the same time" in text
    assert tell_processes(waiting(), Others(PIECES, [POOL] * 16, 1, computed=4.0, lacked=3.0), 8) == []
    ((_, text),) = tell_processes(waiting(), Others(PIECES, [POOL] * 4, 1, computed=0.1, lacked=0.3), 2)
    assert "so that they mostly wait" in text


def test_processes_of_which_each_computes_in_several_threads() -> None:
    others = Others(PIECES, [POOL] * 2, 1, computed=1.5, lacked=2.0, wide=2)
    ((_, text),) = tell_processes(waiting(), others, 2)
    assert "2 of them had several threads that computed" in text
    assert "OMP_NUM_THREADS=1" in text


def test_one_process_that_has_most_of_the_work() -> None:
    others = Others(PIECES, [POOL] * 2, 1, computed=1.9, each=[1.8, 0.1])
    ((_, text),) = tell_processes(waiting(), others, 2)
    assert text.startswith("one of 2 other processes had 1.80 s of work, the other 0.10 s: pieces of it are too large")
    assert text.endswith("would let it end after about 1.15 s at best, instead of 2.00 s")
    assert tell_processes(waiting(), others._replace(each=[1.0, 0.9]), 2) == []
    assert tell_processes(waiting(), others._replace(pieces=Pieces(1, 100, 0.0, 1, 100, 0.0)), 2) == []  # there is one


def test_workers_that_leave_after_a_few_calls() -> None:
    renewed = Start("pool.py:329 in _repopulate_pool_static", "multiprocessing.pool", renews=True)
    ((_, text),) = tell_processes(waiting(), Others(PIECES, [POOL] * 2 + [renewed] * 40, 1, computed=0.1), 2)
    assert text.startswith("40 processes took the place of others of their pool, 20 a second: maxtasksperchild=")


def test_new_interpreters_that_import_the_program() -> None:
    spawned = POOL._replace(new=True)
    others = Others(PIECES, [spawned] * 4, 1, computed=1.6, imported=0.4)
    ((_, text),) = tell_processes(waiting(), others, 2)
    assert text.startswith(
        "4 processes began as new interpreters (spawn, forkserver), and each imports the program again"
    )
    assert "began as new" not in str(tell_processes(waiting(), others._replace(computed=5.0), 2))
    assert "began as new" not in str(tell_processes(waiting(), others._replace(started=[POOL] * 4), 2))


TURNS = [(2 * n, 2 * n + 2) for n in range(10)]


@pytest.mark.parametrize(
    ("computed", "lacked", "forecast"),
    [(0.1, 0.0, "4 at a time would take about 0.60 s"), (1.0, 0.9, "2 at a time would take about 1.00 s")],
)
def test_calls_that_are_given_to_processes_one_at_a_time(computed: float, lacked: float, forecast: str) -> None:
    """As by `pool.apply`, or by `submit(...).result()` in a loop."""
    sends = [began * SECOND // 10 + 10 for began, _ in TURNS]
    others = Others(PIECES, [POOL] * 4, 1, sends, computed=computed, lacked=lacked)
    ((_, text),) = tell_processes(waiting(waits=TURNS), others, 2)
    assert text.startswith(
        "MainThread waited 10 times for a result at app.py:3 in main, and meanwhile one other process"
    )
    assert text.endswith(f"{forecast} instead of 2.00 s")


def test_results_that_are_waited_for_by_turns_are_of_calls_that_went_at_once() -> None:
    others = Others(PIECES, [POOL] * 2, 1, [10] * 10, computed=2.0)
    assert tell_processes(waiting(waits=TURNS), others, 2) == []


def test_a_wait_within_another_is_one() -> None:
    one, two, three = waiting(waits=[(0, 2), (1, 2), (2, 3)]).waits
    assert outermost([two, three, one]) == [one, three]


def test_a_manager_that_is_asked_for_everything() -> None:
    ((_, text),) = tell_processes(waiting(State.CHILD), Others(started=[OWN], managers={LINE: 0.8}), 2)
    assert text.startswith("the process of the Manager of app.py:3 in main computed for 0.80 s to answer")
    assert tell_processes(waiting(State.CHILD), Others(started=[OWN], managers={LINE: 0.1}), 2) == []


def test_children_that_were_begun_at_once_are_waited_for_by_turns() -> None:
    trace = waiting(State.CHILD, TURNS)
    assert "one thing after the other" in "\n".join(summarise(trace, [], [], 4, _looks(trace)))
    trace.facts["begun_at_once"] = 1.0
    assert "one thing after the other" not in "\n".join(summarise(trace, [], [], 4, _looks(trace)))


def _looks(trace: Trace) -> Lines:
    return Lines(trace, [Look(n * SECOND // 10, 1, LINE) for n in range(20)], 0)


def test_its_own_processes_have_the_cores() -> None:
    trace = waiting()
    lane = Lane("Thread-2", "thread", 1, 2, cpu=1.0, queued=1.0)
    lane.add(0, State.CORE)
    trace.lanes.append(lane)
    trace.facts["others"] = 5.0
    (text,) = (one for one in summarise(trace, [], [], 3) if "waits for a core" in one)
    assert text.endswith("with the other processes that it has started, more want to run than there are cores (3)")


@FORKS
def test_threads_and_processes_with_nothing_to_run() -> None:
    recorder, seen = StartRecorder(), ProcessRecorder()
    recorder.install()
    seen.install()
    try:
        idle = threading.Thread(target=print("called at once"))  # type: ignore[func-returns-value]
        idle.start()
        idle.join()
        busy = threading.Thread(target=int)
        busy.start()
        busy.join()
        process: Any = get_context("fork").Process(target=None)
        process.start()
        process.join()
        process.close()
    finally:
        seen.remove()
        recorder.remove()
    assert len(recorder.idle) == 1
    assert [one.idle for one in seen.started] == [True]
    one, two = tell_starts(waiting(), recorder.idle, [LINE])
    assert one[1].startswith("1 thread started at test_trace_processes.py:")
    assert "had nothing to run, as target is None: `target=f(x)` calls f at once" in one[1]
    assert two[1].startswith("1 process started at app.py:3 in main had nothing to run")


@FORKS
def test_pools_and_managers_are_counted() -> None:
    seen = ProcessRecorder()
    seen.install()
    try:
        with get_context("fork").Pool(2) as pool:
            assert pool.apply(abs, (-1,)) == 1
            pool.close()
            pool.join()
        with ProcessPoolExecutor(1, get_context("fork")) as executor:
            assert executor.submit(abs, -1).result() == 1
        with SyncManager(ctx=get_context("fork")) as manager:
            assert len(manager.list([1])) == 1
    finally:
        seen.remove()
    assert seen.pools == 2
    assert seen.pieces().sent_seconds > 0
    assert not any(one.new or one.renews for one in seen.started)
    assert [one.by for one in seen.started] == ["multiprocessing.pool"] * 2 + ["concurrent.futures.process", ""]
    assert len(seen.managers) == 1
    assert len(seen.births) == 4


def test_calls_that_do_hardly_anything() -> None:
    trace = waiting(State.FUTURE)
    lane = Lane("pool_0", "thread", 1, 2)
    lane.add(0, State.PYTHON)
    trace.lanes.append(lane)
    done = [Done(2, n, n + 1, 2e-6) for n in range(50_000)]
    (found,) = short_calls(trace, done)
    assert (found.name, found.lanes, found.calls) == ("pool", frozenset({1}), 50_000)
    ((_, text),) = tell_short_calls(trace, [found])
    assert text.startswith("pool: its 50,000 calls computed for 0.10 s in all, 2.0 µs each")
    assert "A plain loop would take about 0.10 s for them" in text
    assert short_calls(trace, [one._replace(cpu=25e-6) for one in done]) == []  # they do what takes the time
    lane.add(SECOND // 5, State.SLEEP)
    assert short_calls(trace, done) == []  # they wait, which is what threads are for


def test_what_a_trace_says_of_short_calls() -> None:
    with plait.trace() as trace, ThreadPoolExecutor(2, "tiny") as pool:
        for one in [pool.submit(abs, n) for n in range(3000)]:
            one.result()
    assert any(text.startswith("tiny: its 3,000 calls computed for") for text in trace.summary), trace.summary
