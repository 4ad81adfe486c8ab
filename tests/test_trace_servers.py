"""What a trace says of programs that sleep, of helpers and loops of libraries, and what it leaves as the program wants."""

from __future__ import annotations

import threading
import time
import types
from pathlib import Path

import pytest

import plait
from plait._core.trace import Lane, State, Trace, Wait
from plait._see.recorder.steps import A_STEP, Blocked
from plait._see.replaced import Replaced
from plait._see.sampler.samples import Counted
from plait._see.states import _elsewhere
from plait._see.summary.summarise import summarise
from plait._see.task_lanes import blocked_words

SECOND = 1_000_000


def slept(lane: int, began: float, ended: float, where: str) -> Wait:
    return Wait(lane, int(began * SECOND), int(ended * SECOND), State.SLEEP, "time.sleep", where)


def test_the_lines_at_which_a_program_sleeps_are_told() -> None:
    trace = Trace("app.py", 0.0, SECOND)
    lane = Lane("MainThread", "thread", 1, 1)
    lane.add(0, State.SLEEP)
    trace.lanes.append(lane)
    trace.waits += [slept(0, 0.0, 0.3, "app.py:7 in poll"), slept(0, 0.4, 0.7, "app.py:7 in poll")]
    trace.waits.append(slept(0, 0.7, 0.75, "app.py:9 in rest"))
    told = [finding for finding in summarise(trace, [], [], 2) if finding.startswith("time.sleep")]
    assert told == ["time.sleep: 0.60 s, in 2 waits of 1 thread, at app.py:7 in poll"]


def test_a_sleep_has_its_line_in_a_trace() -> None:
    with plait.trace() as trace:
        time.sleep(0.02)
    (where,) = [wait.where for wait in trace.waits if wait.state is State.SLEEP]
    assert where.startswith("test_trace_servers.py:")
    assert where.endswith(" in test_a_sleep_has_its_line_in_a_trace")
    assert type(time.sleep) is types.BuiltinFunctionType


@pytest.mark.usefixtures("nothing_left")
def test_a_thread_of_a_library_that_sleeps_in_its_own_loop_is_idle(tmp_path: Path) -> None:
    file = tmp_path / "site-packages" / "scheduler.py"
    file.parent.mkdir()
    file.write_text("def loop(done):\n    while not done.is_set(): time.sleep(0.005)\n")
    names: dict[str, object] = {"time": time}
    exec(compile(file.read_text(), str(file), "exec"), names)
    with plait.trace() as trace:
        done = threading.Event()
        thread = threading.Thread(target=names["loop"], args=(done,), name="scheduler")  # type: ignore[arg-type]
        thread.start()
        time.sleep(0.05)
        done.set()
        thread.join()
    its = {wait.state for wait in trace.waits if trace.lanes[wait.lane].name == "scheduler"}
    assert its == {State.IDLE}


def test_what_a_program_has_replaced_meanwhile_stays() -> None:
    """As where gevent patches: what we have put there is gone already."""
    thing = types.SimpleNamespace(sleep=1, lock=2)
    replaced = Replaced()
    replaced.put(thing, "sleep", 10)
    replaced.put(thing, "lock", 20)
    thing.sleep = 100
    replaced.put_back()
    assert (thing.sleep, thing.lock) == (100, 2)


def test_of_a_loop_whose_tasks_are_not_seen_it_is_not_said_that_none_was_ready() -> None:
    trace = Trace("app.py", 0.0, SECOND)
    said = [
        blocked_words(trace, [Blocked(1, 0, SECOND // 2, name, "app.py:4 in main")], [], 0)[0][1]
        for name in (A_STEP, "main")
    ]
    assert ["no other task was ready" in one for one in said] == [False, True]
    assert said[0].startswith("the event loop was blocked for 0.50 s by a step at app.py:4 in main")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/bin/python3 -B -c from multiprocessing.spawn import spawn_main; spawn_main(3)", "multiprocessing.spawn"),
        ("/usr/bin/python3 app.py --now", "python3 app.py --now"),
    ],
)
def test_the_lane_of_another_process_is_called_by_what_it_runs(command: str, name: str) -> None:
    counted = Counted(9, 9, "", 0, 0.0, 0.0)
    assert _elsewhere(counted, "", command) == f"pid 9: {name}"
