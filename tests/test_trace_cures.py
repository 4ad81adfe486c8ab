"""What a summary says is to be changed, and what that would make of it: mostly from made-up traces."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

import plait
from plait._core.trace import Lane, State, Trace, Wait
from plait._see.forecast import forecast
from plait._see.lines import Lines
from plait._see.loops_that_look import looks, spins
from plait._see.recorder.calls import Begun, Done
from plait._see.recorder.imports import Import
from plait._see.recorder.lines import Look
from plait._see.recorder.steps import Blocked
from plait._see.runs import Figures
from plait._see.summary.calls import tell_calls
from plait._see.summary.runs import tell_runs
from plait._see.summary.summarise import summarise
from plait._see.task_lanes import blocked_words

pytestmark = pytest.mark.usefixtures("nothing_left")

PYTHON, NATIVE, SOCKET, SLEEP = State.PYTHON, State.NATIVE, State.SOCKET, State.SLEEP
SECOND = 1_000_000


def made(lanes: dict[str, list[tuple[float, State]]], kind: str = "thread") -> Trace:
    """Two seconds of these threads, each in these states from these seconds on."""
    trace = Trace("app.py", 0.0, 2 * SECOND)
    for number, (name, states) in enumerate(lanes.items(), 1):
        lane = Lane(name, kind, 1, number)
        for moment, state in states:
            lane.add(int(moment * SECOND), state)
        trace.lanes.append(lane)
    return trace


def often(state: State) -> list[tuple[float, State]]:
    """In a state again and again, and a moment in another between."""
    other = State.FILE if state is not State.FILE else SOCKET
    return [moment for n in range(20) for moment in ((n / 10, state), (n / 10 + 0.0999, other))]


def at(trace: Trace, *wheres: str, sources: dict[str, tuple[str, int]] | None = None) -> Lines:
    """Twenty looks at each thread, all at its line."""
    found = [Look(n * SECOND // 10, tid, where) for tid, where in enumerate(wheres, 1) for n in range(20)]
    return Lines(trace, found, 0, sources)


def said(trace: Trace, lines: Lines, runs: list[Figures] | None = None) -> str:
    return "\n".join(summarise(trace, runs or [], [], 4, lines))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SOCKET, 'engine="thread", workers=8) would take about 0.25 s instead of 2.00 s'),
        (NATIVE, 'engine="thread", workers=4) would take about 0.50 s instead of 2.00 s on 4 free cores'),
        (PYTHON, 'engine="process") would take about 0.50 s instead of 2.00 s on 4 free cores, beside the start'),
    ],
)
def test_one_thing_after_the_other(state: State, words: str) -> None:
    trace = made({"MainThread": often(state)})
    text = said(trace, at(trace, "app.py:7 in fetch"))
    assert "MainThread does one thing after the other" in text
    assert "100% of it at app.py:7 in fetch" in text
    assert words in text
    assert "one thing after the other" not in said(trace, Lines(trace))  # nobody knows the line
    once = made({"MainThread": [(0, state)]})
    told = "one thing after the other" in said(once, at(once, "app.py:7 in fetch"))
    assert told == (state is PYTHON)  # it may be one call that takes long


def test_threads_compute_side_by_side_without_a_gil() -> None:
    trace = made({"MainThread": often(PYTHON)})
    trace.facts["free"] = 1.0
    assert 'engine="thread", workers=4) would take about 0.50 s instead' in said(trace, at(trace, "app.py:7 in crunch"))
    ((_, text),) = blocked_words(trace, [Blocked(1, 0, 400_000, "audit", "app.py:7 in audit")], [], 0)
    assert "asyncio.to_thread runs what blocks" in text


def test_who_waits_to_be_asked_is_no_work() -> None:
    trace = made({"MainThread": often(SOCKET)})
    assert "after the other" not in said(trace, at(trace, "app.py:7 in accept"))


def test_c_code_that_uses_all_cores_already() -> None:
    trace = made({"MainThread": often(NATIVE)})
    trace.facts["strangers"] = 1.9
    assert "after the other" not in said(trace, at(trace, "app.py:7 in product"))


def test_child_processes_need_cores_themselves() -> None:
    trace = made({"MainThread": often(State.CHILD)})
    trace.facts["children"] = 1.6
    text = said(trace, at(trace, "app.py:7 in convert"))
    assert 'engine="thread", workers=5) would take about 0.40 s instead of 2.00 s' in text


def test_several_threads_are_no_single_one() -> None:
    trace = made({"a": [(0, SOCKET)], "b": [(0, SOCKET)]})
    text = said(trace, at(trace, "app.py:7 in fetch", "app.py:7 in fetch"))
    assert "after the other" not in text
    assert "in socket or pipe I/O: 4.00 s, 100% of it at app.py:7 in fetch" in text


def test_the_lines_of_a_function_count_together() -> None:
    trace = made({"MainThread": [(0, PYTHON)]})
    found = [Look(n * SECOND // 10, 1, f"app.py:{5 + n % 5} in crunch") for n in range(20)]
    assert "100% of it at app.py:5-9 in crunch" in said(trace, Lines(trace, found))


def test_imports_are_needed_one_after_the_other() -> None:
    trace = made({"MainThread": [(0, PYTHON)]})
    looks = [Look(n * SECOND // 10, 1, "app.py:1 in <module>") for n in range(20)]
    lines = Lines(trace, looks, imports=[Import(1, 0, 3 * SECOND // 2, "numpy", "app.py:1 in <module>")])
    assert "after the other" not in said(trace, lines)


@pytest.mark.parametrize("state", [State.JOIN, State.FUTURE])
def test_who_waits_for_each_call_before_the_next(state: State) -> None:
    trace = made({"MainThread": [(0, state)], "pool_0": [(0, SLEEP)]})
    for n in range(20):
        trace.waits.append(Wait(0, n * SECOND // 10, (n + 1) * SECOND // 10, state, "future", "app.py:9 in main"))
    text = said(trace, Lines(trace))
    assert "MainThread waited 20 times for " in text
    assert "start them all first, then wait for them" in text
    assert "8 at a time would take about 0.30 s instead of 2.00 s" in text
    others = made({"MainThread": [(0, state)], "pool_0": [(0, SLEEP)], "pool_1": [(0, State.LOCK)]})
    others.waits = trace.waits
    assert "start them all" not in said(others, Lines(others))  # they are all there, and wait for one another
    elsewhere = made({"MainThread": [(0, state)]})
    elsewhere.waits = trace.waits
    assert "start them all" not in said(elsewhere, Lines(elsewhere))  # what other processes do, nobody knows


def test_tasks_that_wait_for_room_in_a_queue() -> None:
    trace = made({"MainThread": [(0, PYTHON)]})
    trace.lanes.append(Lane("put (Task-2)", "task", 0, 0))
    trace.lanes[1].add(0, State.QUEUE)
    for n in range(20):
        moments = n * SECOND // 10, (n + 1) * SECOND // 10
        trace.waits.append(Wait(1, *moments, State.QUEUE, "Queue.put", "app.py:4 in put"))
    text = said(trace, Lines(trace))
    assert "1 task waited 2.00 s for room in a queue, at app.py:4 in put: whoever takes from it is slower" in text


def test_a_task_that_awaits_by_turns() -> None:
    trace = made({"main (Task-1)": [(0, SLEEP)]}, "task")
    trace.lanes.append(Lane("MainThread", "thread", 1, 9))
    trace.lanes[1].add(0, PYTHON)
    for n in range(20):
        trace.waits.append(Wait(0, n * SECOND // 10, (n + 1) * SECOND // 10, SLEEP, "sleep", "app.py:4 in fetch"))
    text = said(trace, Lines(trace))
    assert "main (Task-1) awaited 20 times at app.py:4 in fetch, one after the other" in text
    assert "8 at a time would take about 0.30 s instead of 2.00 s" in text


def test_a_task_that_awaits_by_turns_at_several_lines() -> None:
    """As the stages of a pipeline of asynchronous generators; what is awaited once, before the loop, is not of it."""
    trace = made({"main (Task-1)": [(0, SLEEP)]}, "task")
    trace.lanes.append(Lane("MainThread", "thread", 1, 9))
    trace.lanes[1].add(0, PYTHON)
    tenth = SECOND // 10
    for n in range(20):
        lines = [("app.py:4 in fetched", n, 0.4), ("app.py:9 in enriched", n + 0.4, 0.6)] if n else [("app.py:2", 0, 1)]
        for where, began, lasts in lines:
            moments = int(began * tenth), int((began + lasts) * tenth)
            trace.waits.append(Wait(0, *moments, SLEEP, "sleep", where))
    text = said(trace, Lines(trace))
    assert "main (Task-1) awaited 38 times, most at app.py:9 in enriched, one after the other" in text
    assert "8 at a time would take about 0.40 s instead of 2.00 s" in text


def locked(state: State) -> Trace:
    """Two threads that have a lock by turns, for a tenth of a second each."""
    turns: dict[str, list[tuple[float, State]]] = {"a": [], "b": []}
    for n in range(20):
        for name, own in turns.items():
            own.append((n / 10, state if (n % 2 == 0) == (name == "a") else State.LOCK))
    trace = made(turns)
    for n in range(19):
        waits = 1 - n % 2
        began, ended = n * SECOND // 10, (n + 1) * SECOND // 10
        trace.waits.append(Wait(waits, began, ended, State.LOCK, "lock (app.py:1)", "app.py:3 in get", 1 - waits))
    return trace


def test_what_the_holder_of_a_lock_does() -> None:
    trace = locked(SLEEP)
    text = said(trace, at(trace, "app.py:8 in query", "app.py:8 in query"))
    assert "its holder was mostly sleeping at app.py:8 in query" in text
    assert "If that need not be under the lock, it would take about 1.05 s instead of 2.00 s" in text
    trace = locked(NATIVE)
    text = said(trace, at(trace, "app.py:8 in query", "app.py:8 in query"))
    assert "If each thread can have its own of what the lock guards, it would take about 1.05 s instead of" in text
    assert "If " not in said(locked(PYTHON), Lines(trace))


def test_locks_of_one_name_that_are_held_at_once_save_their_time_once() -> None:
    trace, second = locked(SLEEP), locked(SLEEP)
    trace.lanes += second.lanes
    trace.waits += [wait._replace(lane=2 + wait.lane, holder=2 + wait.holder, which=1) for wait in second.waits]
    text = said(trace, at(trace, "app.py:8 in query", "app.py:8 in query"))
    assert "lock (app.py:1), 2 of that name: 3.80 s of waiting" in text
    assert "it would take about 1.05 s instead of 2.00 s" in text


def test_what_one_computes_does_not_end_sooner_without_a_lock() -> None:
    trace = locked(SLEEP)
    trace.lanes += made({"blocks": [(0, PYTHON), (1.5, State.ABSENT)]}, "task").lanes
    text = said(trace, at(trace, "app.py:8 in query", "app.py:8 in query"))
    assert "it would take about 1.50 s instead of 2.00 s" in text


def test_a_handler_of_logging() -> None:
    trace = locked(SLEEP)
    trace.waits = [wait._replace(name="self.lock (logging/__init__.py:916)") for wait in trace.waits]
    assert "logging.handlers.QueueHandler" in said(trace, Lines(trace))


def test_more_permits() -> None:
    trace = made({name: [(0, State.SEMAPHORE)] for name in "abcd"})
    trace.waits = [
        Wait(at, 0, 2 * SECOND, State.SEMAPHORE, "slots (app.py:1)", "app.py:3 in get", 0, permits=2)
        for at in (1, 2, 3)
    ]
    assert "4 permits would take about 0.80 s instead of 2.00 s" in said(trace, Lines(trace))


@pytest.mark.parametrize(("works", "then"), [(SLEEP, "1.50"), (PYTHON, "")])
def test_more_permits_end_no_sooner_than_who_works_longest_nor_than_all_compute(works: State, then: str) -> None:
    waits = [(0, State.SEMAPHORE), (0.5, works)]
    trace = made({"a": [(0, works)], "b": waits, "c": waits, "d": waits})
    trace.waits = [
        Wait(at, 0, SECOND // 2, State.SEMAPHORE, "slots (app.py:1)", "app.py:3 in get", 0, permits=1 + (at > 0))
        for at in (1, 2, 3)
    ]
    trace.lanes[0].add(SECOND, State.ABSENT)
    text = said(trace, Lines(trace))
    assert (f"4 permits would take about {then} s instead of 2.00 s" in text) if then else "permits would" not in text


def test_the_one_thread_that_takes_from_a_full_queue() -> None:
    trace = made({"a": [(0, State.QUEUE)], "consumer": [(0, SLEEP)]})
    for n in range(4):
        moments = n * SECOND // 2, (n + 1) * SECOND // 2
        trace.waits.append(Wait(0, *moments, State.QUEUE, "Queue.put, taken from by consumer", "app.py:4 in produce"))
    text = said(trace, at(trace, "app.py:4 in produce", "app.py:9 in store"))
    assert "consumer, which takes from it, is slower, sleeping at app.py:9 in store" in text
    assert "2 threads that take from it would take about 1.00 s instead of 2.00 s" in text


def test_more_threads_of_an_executor() -> None:
    trace = made({"pool_0": [(0, SLEEP)], "pool_1": [(0, SLEEP)]})
    begun = [Begun(1 + n % 2, 0, n // 2 * SECOND // 10) for n in range(40)]
    done = [Done(one.tid, one.began, one.began + SECOND // 10) for one in begun]
    ((_, text),) = tell_calls(trace, begun, 0, 2, done)
    assert "8 of them would take about 0.50 s instead of 2.00 s if what they wait for serves so many at once" in text
    few = [one._replace(submitted=one.began - 1) for one in begun]  # there are never more than the threads
    assert not any("of them would take" in text for _, text in tell_calls(trace, few, 0, 2, done))
    done[-1] = Done(2, begun[-1].began, begun[-1].began + SECOND)
    begun, done = [*begun[20:]], [*done[20:]]  # 1 s of many, and then one alone
    slow, text = (text for _, text in sorted(tell_calls(trace, begun, 0, 2, done), reverse=True))
    slow = slow if "ended last" in slow else text
    assert "pool: one of its 20 calls took 1.00 s on pool_1, 10 times the median, and ended last" in slow


def test_workers_that_are_few_and_wait() -> None:
    trace = made({"MainThread": [(0, State.FUTURE)], "process-1 (pid 9)": [(0, SLEEP)]}, "worker")
    run = Figures("fetch", 0, elsewhere=True, lanes={1: (0, 2 * SECOND)}, items=20, work=2.0, hungry=2.0)
    ((_, text),) = tell_runs(trace, [run], 2)
    assert 'engine="thread" and workers=4 would take about 0.50 s instead of 2.00 s' in text
    run.empty = 1.0  # its items come too slowly: more workers would have none
    assert not any("workers=4" in text for _, text in tell_runs(trace, [run], 2))


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"rate": 10.0}, "rate= lets 10 of them start in a second"),
        ({"again": 3}, "3 attempts after a failure (retry=) had to wait for the delay before it"),
    ],
)
def test_why_workers_have_no_item(figures: dict[str, float], words: str) -> None:
    trace = made({"MainThread": [(0, State.FUTURE)], "thread-1": [(0, State.IDLE)]})
    run = Figures("fetch", 0, lanes={1: (0, 2 * SECOND)}, items=20, work=0.2, hungry=2.0, empty=1.8)
    for name, value in figures.items():
        setattr(run, name, value)
    ((_, text),) = tell_runs(trace, [run], 2)
    assert text.endswith(words)


LOOPS = """\
while not ready:
    pass
while True:
    if ready():
        break
    time.sleep(0.1)
while (item := queue.get()) is not None:
    time.sleep(0.1)
while n < 9:
    n += 1
"""


@pytest.mark.parametrize(
    ("line", "expected"), [(2, (True, True)), (6, (False, True)), (8, (False, False)), (10, (False, False))]
)
def test_loops_that_only_look(line: int, expected: tuple[bool, bool], tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(LOOPS, encoding="utf-8")
    assert (spins(str(file), line), bool(looks(str(file), line))) == expected


def test_who_spins_is_no_work_for_a_process(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(LOOPS, encoding="utf-8")
    waits = [(0, PYTHON), (1, State.GIL)]
    trace = made({"MainThread": waits, "compute": [(0, State.GIL), (1, PYTHON)]})
    lines = at(trace, "app.py:2 in main", "app.py:10 in work", sources={"app.py:2 in main": (str(file), 2)})
    text = said(trace, lines)
    assert "MainThread looked again and again whether it may go on, at app.py:2 in main, which took 1.00 s" in text
    assert "processes in place" not in text


def test_who_spins_comes_before_the_gil_that_it_waits_for(tmp_path: Path) -> None:
    """What it waits for the GIL is no loss: nobody needs what it does."""
    file = tmp_path / "app.py"
    file.write_text(LOOPS, encoding="utf-8")
    spins = [(0, PYTHON), (0.5, State.GIL)]
    one, other = [(0, State.GIL), (0.5, PYTHON), (1.25, State.GIL)], [(0, State.GIL), (1.25, PYTHON)]
    trace = made({"MainThread": spins, "one": one, "other": other})
    lines = at(trace, "app.py:2 in main", *["app.py:10 in work"] * 2, sources={"app.py:2 in main": (str(file), 2)})
    text = said(trace, lines)
    assert text.index("MainThread looked again and again") < text.index("waits for the GIL")
    assert "most of it one with 1.25 s" in text or "most of it other with 1.25 s" in text


def test_where_cores_are_lacking_it_is_not_said_that_little_could_run_at_once() -> None:
    """As on a machine that others keep busy."""
    lanes = {f"t{n}": [(0, PYTHON), (0.6, State.GIL), (0.7, State.CORE)] for n in range(2)}
    text = said(made(lanes), at(made(lanes), "app.py:3 in f", "app.py:3 in f"))
    assert "and processes hardly: what they lack more is a free core" in text


def test_how_threads_of_an_executor_end_is_no_part_of_their_work() -> None:
    """They are idle while the program's own thread computes, and only wait for the GIL to end."""
    works = [(0, SLEEP), (0.1, State.GIL), (0.3, SLEEP), (0.5, State.IDLE)]
    trace = made(
        {"MainThread": [(0, PYTHON), (1.6, State.JOIN)], "pool_0": [*works, (1.9, State.GIL)], "pool_1": works}
    )
    seen = forecast(trace, frozenset(), frozenset(), 2)
    assert seen is not None
    assert seen.then == pytest.approx(2 - 0.5 + 0.3)


def test_workers_of_a_map_go_together_into_processes() -> None:
    """The one that computes most has the GIL most, and so it may hardly have to wait for it."""
    trace = made({"MainThread": [(0, State.GIL)], "thread-1": [(0, PYTHON), (1.95, State.GIL)]})
    seen = forecast(trace, frozenset({1}), frozenset({0}), 2)
    assert seen is not None
    assert seen.then > 0.9
    assert seen.lanes == (1,)


def test_threads_of_the_library_are_no_work_for_a_process() -> None:
    trace = made({"a": [(0, PYTHON), (1, State.GIL)], "_handle_results": [(0, State.GIL), (1, PYTHON)]})
    assert "processes in place" in "\n".join(summarise(trace, [], [], 2))
    assert "processes in place" not in "\n".join(summarise(trace, [], [], 2, None, frozenset({1})))


def test_a_library_with_threads_of_its_own() -> None:
    trace = made({"a": [(0, State.LOCK)], "b": [(0, State.LOCK)]})
    trace.facts["strangers"] = 1.5
    trace.waits.append(Wait(0, 0, SECOND // 2, State.LOCK, "import of numpy.random", "app.py:3 in job"))
    text = said(trace, at(trace, "app.py:7 in job", "app.py:7 in job"))
    assert "and 0.75 with threads that C code has started" in text
    assert "2 threads waited 3.50 s for a lock in C code, most at app.py:7 in job" in text
    assert "OMP_NUM_THREADS=1" in text


def test_a_pool_of_a_package() -> None:
    trace = made({"a": [(0, State.CONDITION)]})
    where = "app.py:7 in job (queue.py:199 in get)"
    trace.waits.append(Wait(0, 0, 2 * SECOND, State.CONDITION, "self.mutex (queue.py:100)", where))
    lines = at(trace, where, sources={where: ("/lib/site-packages/sqlalchemy/util/queue.py", 199)})
    assert "create_engine(pool_size=..., max_overflow=...)" in said(trace, lines)


@pytest.mark.parametrize(
    ("state", "cure"), [(SLEEP, "asyncio.to_thread runs what blocks"), (PYTHON, "a process does it")]
)
def test_what_blocks_a_loop_decides_what_runs_it(state: State, cure: str) -> None:
    trace = made({"MainThread": [(0, state)]})
    ((_, text),) = blocked_words(trace, [Blocked(1, 100_000, 400_000, "audit", "app.py:7 in audit")], [], 0)
    assert cure in text


def test_the_lines_of_threads_are_seen() -> None:
    near, far = socket.socketpair()
    with near, far, plait.trace() as trace:
        reader = threading.Thread(target=lambda: near.recv(1))
        reader.start()
        time.sleep(0.6)
        far.send(b".")
        reader.join()
    (text,) = (one for one in trace.summary if one.startswith("in socket or pipe I/O: "))
    assert text.endswith("in <lambda>")
