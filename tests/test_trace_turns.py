"""Servers and windows that do one thing after the other, loops that ask, and memory, in the summary of a trace."""

from __future__ import annotations

import asyncio
import queue
import socketserver
import sys
import types
from pathlib import Path

import pytest

from plait._core.trace import Lane, State, Trace, Wait
from plait._see.garbage import tell_garbage
from plait._see.lines import Lines
from plait._see.recorder.backlog import Backlog, BacklogRecorder
from plait._see.recorder.garbage import Garbage
from plait._see.recorder.lines import Look
from plait._see.recorder.steps import A_STEP, Blocked, Step
from plait._see.recorder.tasks import _awaited
from plait._see.recorder.turns import WINDOW, Turn, TurnRecorder
from plait._see.summary.memory import tell_memory
from plait._see.summary.summarise import summarise
from plait._see.summary.tasks import tell_tasks
from plait._see.summary.turns import tell_turns
from plait._see.system import Use, memory_of
from plait._see.task_lanes import add_tasks, blocked_words, lives_of

pytestmark = pytest.mark.usefixtures("nothing_left")

SECOND, MIB = 1_000_000, 1 << 20


def seconds_of(state: State) -> Trace:
    trace = Trace("app.py", 0.0, 2 * SECOND)
    lane = Lane("MainThread", "thread", 1, 1)
    lane.add(0, state)
    trace.lanes.append(lane)
    return trace


def looks(trace: Trace) -> Lines:
    return Lines(trace, [Look(n * SECOND // 10, 1, "app.py:7 in handle") for n in range(20)], 0)


def turns(server: str, lasting: int, every: int, count: int = 8) -> list[Turn]:
    return [Turn(1, n * every, n * every + lasting, server) for n in range(count)]


@pytest.mark.parametrize(
    ("server", "cure"),
    [
        ("HTTPServer", "http.server.ThreadingHTTPServer has a thread for each"),
        ("werkzeug.serving.BaseWSGIServer", "threaded=True of app.run and make_server has a thread for each"),
        ("mine.Server", "a class of socketserver.ThreadingMixIn and this one has a thread for each"),
    ],
)
def test_a_server_that_takes_one_request_after_the_other(server: str, cure: str) -> None:
    trace = seconds_of(State.SLEEP)
    ((seconds, text),) = tell_turns(trace, turns(server, 240_000, 241_000), 0, looks(trace))
    assert seconds == pytest.approx(1.92)
    assert text.startswith(
        f"{server} took 8 requests one after the other in MainThread, sleeping at app.py:7 in handle"
    )
    assert "7 of them came while it was busy, and had to wait for the one before" in text
    assert text.endswith(cure)
    assert tell_turns(trace, turns(server, 100_000, 241_000), 0, looks(trace)) == []  # each came when it was free
    assert tell_turns(trace, turns(server, 2_000, 3_000), 0, looks(trace)) == []  # brief ones keep nobody waiting


def test_a_window_that_does_not_answer() -> None:
    trace = seconds_of(State.PYTHON)
    inner, outer = Turn(1, 500_000, 600_000, WINDOW), Turn(1, 400_000, 1_400_000, WINDOW)
    ((seconds, text),) = tell_turns(trace, [inner, outer], 0, looks(trace))
    assert seconds == 1.0
    assert text.startswith("the window did not answer for 1.00 s, in 1 callback, running Python at app.py:7 in handle")
    assert "start a thread and return" in text
    assert text.endswith("in a process it does not")
    assert "in a process" not in tell_turns(seconds_of(State.JOIN), [outer], 0, looks(trace))[0][1]
    assert tell_turns(seconds_of(State.CORE), [outer], 0, looks(trace)) == []  # it had no core


def test_turns_are_noted_of_servers_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            sum(range(200_000))

    class Window:
        def __call__(self, *args: object) -> object:
            return sum(range(200_000))

    monkeypatch.setitem(sys.modules, "tkinter", module := types.ModuleType("tkinter"))
    module.CallWrapper = Window  # type: ignore[attr-defined]
    recorder = TurnRecorder()
    recorder.install()
    try:
        for kind in (socketserver.TCPServer, socketserver.ThreadingTCPServer):
            with kind(("127.0.0.1", 0), Slow) as server:
                monkeypatch.setattr(server, "shutdown_request", lambda request: None)
                server.process_request(None, None)  # type: ignore[arg-type]
        assert Window()() == sum(range(200_000))
    finally:
        recorder.remove()
    assert {one.server for one in recorder.turns} == {"TCPServer", WINDOW}


LOOP = """\
def work(jobs):
    while True:
        if not jobs.empty():
            run(jobs.get())
        else:
            sleep(0.1)
"""


def test_a_loop_that_asks_a_queue(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(LOOP)
    trace = seconds_of(State.SLEEP)
    where = "app.py:6 in work"
    trace.waits = [Wait(0, n * 200_000, (n + 1) * 200_000, State.SLEEP, "time.sleep", where) for n in range(10)]
    (text,) = (
        one
        for one in summarise(trace, [], [], 2, Lines(trace, sources={where: (str(file), 6)}))
        if one.startswith("time.sleep")
    )
    assert text.endswith("asks again and again whether `jobs` has something: jobs.get() waits until it has")


def test_collections_that_had_no_core_are_not_long() -> None:
    trace = seconds_of(State.PYTHON)
    assert tell_garbage(trace, Garbage(4, 0.003, {}, 0, 0.649, "", "", "", ())) == []
    ((_, text),) = tell_garbage(trace, Garbage(4, 0.12, {}, 0, 0.110, "", "", "", ()))
    assert "the longest kept the GIL from all others for 110 ms" in text
    ((_, text),) = tell_garbage(trace, Garbage(40, 0.25, {}, 0, 0.649, "", "", "", ()))
    assert "the longest" not in text


def test_memory_that_rose() -> None:
    assert tell_memory(99 * MIB, 200 * MIB, [], [], []) == []
    ((_, text),) = tell_memory(200 * MIB, 230 * MIB, [], [], [])
    assert text == "memory rose by 200 MiB, to 230 MiB"
    jobs = Backlog(500, "jobs (app.py:3)", "app.py:6 in producer")
    ((_, text),) = tell_memory(200 * MIB, 230 * MIB, [jobs], [], [])
    assert "up to 500 items were in jobs (app.py:3) at once, most put at app.py:6 in producer: Queue(maxsize=" in text
    ((_, text),) = tell_memory(200 * MIB, 230 * MIB, [], [(0, n + 1) for n in range(25)], [])
    assert "25 calls were submitted without waiting for those before" in text
    ((_, text),) = tell_memory(200 * MIB, 230 * MIB, [], [(n, n + 1) for n in range(25)], [(0, 9)] * 2000)
    assert "2,000 tasks were there at once" in text
    assert memory_of(Use({}), Use({})) == (0, 0)


def test_the_most_items_of_a_queue_without_a_limit() -> None:
    recorder = BacklogRecorder()
    recorder.install()
    try:
        jobs: queue.Queue[int] = queue.Queue()
        few: queue.Queue[int] = queue.Queue(1000)
        for n in range(200):
            jobs.put(n)
            few.put(n)
    finally:
        recorder.remove()
    ((most, _, where),) = recorder.most.values()
    assert most == 200
    assert where.startswith("test_trace_turns.py:")


def test_endpoints_that_block() -> None:
    trace = seconds_of(State.SLEEP)
    steps = [Step(1, 1, 0, 0, 1_900_000, State.ABSENT, "", "", 0, 0)]
    assert lives_of(steps) == [(0, 1_900_000)]
    add_tasks(trace, steps, {1: "serve"}, 0)
    for name, serves, said in (
        ("RequestResponseCycle.run_asgi (Task-5)", False, True),
        ("main (Task-1)", True, False),
        (A_STEP, True, True),
        (A_STEP, False, False),
    ):
        step = Blocked(1, 0, 1_900_000, name, "app.py:7 in ping", "to_thread")
        ((_, text),) = blocked_words(trace, [step], steps, 0, serves=serves)
        assert ("`def` in place of `async def`" in text) is said


def tasks(*waits: tuple[int, int, State, str]) -> Trace:
    """Two seconds of tasks, each of which waits from one tenth to another at a line."""
    trace = Trace("app.py", 0.0, 2 * SECOND)
    main = Lane("MainThread", "thread", 1, 1)
    main.add(0, State.PYTHON)
    trace.lanes.append(main)
    for began, ended, state, where in waits:
        low, high = began * SECOND // 10, ended * SECOND // 10
        lane = Lane("fetch", "task", 0, 0)
        lane.add(low, state)
        lane.add(high, State.ABSENT)
        trace.lanes.append(lane)
        trace.waits.append(Wait(len(trace.lanes) - 1, low, high, state, "a future", where))
    return trace


def test_a_loop_that_is_run_for_each_call() -> None:
    ones = tasks(*((n, n + 1, State.SLEEP, "app.py:3 in fetch") for n in range(20)))
    (text,) = (one for one in tell_tasks(ones) if "one after the other" in one)
    assert text.startswith("tasks awaited 20 times at app.py:3 in fetch, one after the other, as where asyncio.run")
    at_once = tasks(*((n // 2, n // 2 + 1, State.SLEEP, "app.py:3 in fetch") for n in range(40)))
    assert "one after the other" not in str(tell_tasks(at_once))


def test_a_task_that_ticks_beside_others_is_no_loop_that_is_run_for_each_call() -> None:
    trace = tasks(*((n, n + 1, State.SLEEP, "app.py:3 in tick") for n in range(20)), (0, 20, State.LOCK, "app.py:7"))
    trace.waits = [wait._replace(lane=1) if "tick" in wait.where else wait for wait in trace.waits]
    assert "one after the other" not in str(tell_tasks(trace))


def test_a_task_that_awaits_each_task_that_it_makes() -> None:
    """Its waits, and those of the others within them, are the same time."""
    ones = [(n, n + 1, State.SLEEP, "app.py:3 in work") for n in range(20)]
    trace = tasks((0, 20, State.FUTURE, ""), *ones)
    tenth = SECOND // 10
    trace.waits[0:1] = [
        Wait(1, n * tenth, (n + 1) * tenth, State.FUTURE, "a future", "app.py:9 in main") for n in range(20)
    ]
    (text,) = (one for one in tell_tasks(trace) if "one after the other" in one)
    assert "fetch awaited 20 times at app.py:9 in main, one after the other" in text
    assert text.endswith("8 at a time would take about 0.30 s instead of 2.00 s")


@pytest.mark.parametrize(
    ("where", "cure"),
    [
        ("app.py:5 in get (connector.py:717 in _wait_for_available_connection)", "TCPConnector(limit="),
        ("app.py:5 in get (connection_pool.py:200 in wait_for_connection)", "Limits(max_connections="),
        ("h11_impl.py:411 in run_asgi (_asyncio.py:2271 in acquire_on_behalf_of)", "total_tokens = "),
    ],
)
def test_tasks_that_wait_for_one_of_a_few(where: str, cure: str) -> None:
    assert cure in str(tell_tasks(tasks(*((0, n, State.FUTURE, where) for n in range(1, 20)))))
    assert cure not in str(tell_tasks(tasks((0, 2, State.FUTURE, where), (0, 20, State.SLEEP, "app.py:3 in work"))))


def test_a_step_that_waits_for_the_gil_is_not_what_blocks() -> None:
    trace = seconds_of(State.GIL)
    trace.lanes[0].add(1_800_000, State.SLEEP)
    ((_, text),) = blocked_words(
        trace, [Blocked(1, 0, 1_900_000, "main (Task-1)", "app.py:7 in main", "to_thread")], [], 0
    )
    assert text.endswith(
        "For most of that it waited for the GIL, which other threads had: what they compute belongs into processes"
    )


def test_what_a_task_awaits_that_is_made_of_others() -> None:
    async def meet(barrier: asyncio.Barrier) -> None:
        await barrier.wait()

    async def finish(items: asyncio.Queue[int]) -> None:
        await items.join()

    async def main() -> list[tuple[State, str]]:
        items: asyncio.Queue[int] = asyncio.Queue()
        items.put_nowait(1)
        tasks = [asyncio.create_task(meet(asyncio.Barrier(2))), asyncio.create_task(finish(items))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        found = [_awaited(task, {})[:2] for task in tasks]
        for task in tasks:
            task.cancel()
        return found

    assert asyncio.run(main()) == [(State.BARRIER, "barrier (asyncio.Barrier)"), (State.QUEUE, "Queue.join")]
