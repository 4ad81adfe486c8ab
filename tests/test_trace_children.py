"""What a trace knows of the processes that a program has: who runs what, what they share, and whose waits are whose."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import pytest

import plait
from plait._core.trace import Lane, State, Trace, Wait
from plait._see.lines import Lines
from plait._see.recorder.lines import Look
from plait._see.recorder.processes import ProcessRecorder
from plait._see.recorder.shared import SharedRecorder
from plait._see.recorder.unfinished import Unfinished
from plait._see.recorder.waits import Noted
from plait._see.sampler.process import Sampler
from plait._see.sampler.target import Process
from plait._see.states import await_results
from plait._see.summary.lines import tell_lines

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # where another test has left a thread
]
SECOND = 1_000_000
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def _hold(lock: Any, told: Connection, until: Connection) -> None:
    with lock, lock if "RLock" in type(lock).__name__ else until:
        told.send(None)
        until.recv()
    told.send(None)
    told.recv()


@on_linux
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_who_has_a_lock_that_processes_share(kind: str) -> None:
    fork, noted = get_context("fork"), deque[Noted]()
    recorder = SharedRecorder(noted, Unfinished())
    recorder.install()
    try:
        lock: Any = getattr(fork, kind)()
        (told, tell), (end, until) = fork.Pipe(), fork.Pipe()
        holder = fork.Process(target=_hold, args=(lock, tell, until))
        holder.start()
        told.recv()
        assert not lock.acquire(timeout=0.001)
        end.send(None)
        told.recv()
        with lock:
            pass
        told.send(None)
        holder.join()
    finally:
        recorder.remove()
    assert [(one.state, one.holder, one.got) for one in noted] == [(State.LOCK, holder.pid, False)]
    assert noted[0].name.startswith("lock (test_trace_children.py:")


def test_what_multiprocessing_has_for_itself_is_no_lock_of_the_program() -> None:
    recorder = SharedRecorder(deque(), Unfinished())
    recorder.install()
    try:
        own, within = get_context("fork").Semaphore(), get_context("fork").Event()
    finally:
        recorder.remove()
    assert own.acquire.__module__ == "plait._see.recorder.shared"
    assert within._cond._lock.acquire.__module__ != own.acquire.__module__  # type: ignore[attr-defined]


@on_linux
def test_forks_are_told_from_programs_of_their_own() -> None:
    fork = get_context("fork")
    end, until = fork.Pipe()
    seen = ProcessRecorder()
    seen.install()
    try:
        forked = fork.Process(target=until.recv, name="listener")
        forked.start()
    finally:
        seen.remove()
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        sampler = Sampler(os.getpid(), None, None, {}, [], [], [], [])  # type: ignore[arg-type]  # it notes nothing
        sampler._look_for_children()
        other = Process(program.pid, None)
        program.kill()
        os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
        other.know(None)
    end.send(None)
    forked.join()
    assert forked.pid in sampler._forks
    assert program.pid not in sampler._forks
    assert "input()" in other.words  # which nobody can ask any more
    assert seen.names == {forked.pid: "listener"}


def test_who_waits_for_a_lock_before_a_map_waits_for_its_results_too() -> None:
    trace = Trace("app.py", 0.0, 3 * SECOND)
    lane = Lane("Thread-1", "thread", 1, 7)
    for at, state in enumerate((State.LOCK, State.SOCKET, State.LOCK)):
        lane.add(at * SECOND, state)
    trace.lanes.append(lane)
    trace.waits.append(Wait(0, 0, SECOND, State.LOCK, "import of app", "app.py:3"))
    await_results(trace, [(7, 0, 3 * SECOND)], 0)
    assert [*lane.states] == [State.LOCK, State.FUTURE, State.FUTURE]


def test_lines_are_of_this_process_alone() -> None:
    trace = Trace("app.py", 0.0, 2 * SECOND)
    for pid, state in ((1, State.CHILD), (2, State.SOCKET), (2, State.SOCKET)):
        trace.lanes.append(Lane(f"pid {pid}", "thread", pid, pid))
        trace.lanes[-1].add(0, state)
    looks = [Look(n * SECOND // 10, 1, "app.py:3 in main") for n in range(20)]
    found = tell_lines(trace, Lines(trace, looks, 0), 6.0, [], frozenset())
    assert [text for _, text in found] == ["waiting for a process: 2.00 s, 100% of it at app.py:3 in main"]


def _when(_: int) -> tuple[float, float]:
    return time.perf_counter(), time.perf_counter()


@on_linux
def test_items_are_where_they_ran_however_late_their_results_are_taken() -> None:
    tracing = plait.trace()
    with tracing as trace:
        stream = plait.map(_when, range(8), engine="process", workers=1)
        ran = []
        for one in stream:
            ran.append(one)
            time.sleep(0.01)  # the caller is elsewhere, and reads no results meanwhile
    spans = [(one.began, one.ended) for one in trace.slices]
    for began, ended in ran:
        low, high = (int(moment * 1e6) - tracing._origin for moment in (began, ended))
        assert any(first <= low + 1 and high <= last + 1 for first, last in spans), (low, high, spans)
