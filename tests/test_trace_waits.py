"""Waits of the standard library that the system shows as others, and those that have not ended when the trace does."""

from __future__ import annotations

import concurrent.futures.process
import importlib
import multiprocessing
import multiprocessing.pool
import os
import pty
import queue
import select
import selectors
import socket
import subprocess
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

import plait
from plait._core.once_imported import forget, once_imported
from plait._core.trace import State, Trace
from plait._see.recorder.library import LibraryRecorder
from plait._see.recorder.unfinished import Unfinished
from plait._see.recorder.waits import Noted
from plait._see.services import is_service

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what threads do between noted waits")


def times(trace: Trace, name: str = "MainThread") -> dict[State, float]:
    return trace.times(next(at for at, lane in enumerate(trace.lanes) if lane.name == name))


def states(trace: Trace) -> set[State]:
    return {wait.state for wait in trace.waits}


@pytest.mark.parametrize("words", [{"capture_output": True}, {"timeout": 60}], ids=["communicate", "timeout"])
def test_who_reads_what_a_child_writes_waits_for_a_process(words: dict[str, object]) -> None:
    with plait.trace() as trace:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.2)"], check=True, **words)  # type: ignore[call-overload]
    found = times(trace)
    assert found[State.CHILD] > 0.1
    assert found.get(State.SOCKET, 0.0) + found.get(State.SLEEP, 0.0) < found[State.CHILD]


def test_who_waits_until_all_items_of_a_queue_are_done_waits_for_a_queue() -> None:
    jobs: queue.Queue[int] = queue.Queue()
    jobs.put(1)
    with plait.trace() as trace:
        timer = threading.Timer(0.02, jobs.task_done)
        timer.start()
        jobs.join()
        timer.join()
    assert (State.QUEUE, "Queue.join") in [(wait.state, wait.name) for wait in trace.waits if wait.lane == 0]


@pytest.mark.parametrize("waits", [concurrent.futures.wait, lambda some: list(concurrent.futures.as_completed(some))])
def test_who_waits_for_several_futures_waits_for_a_result(waits: Callable[[list[object]], object]) -> None:
    def until_waited_for() -> None:
        while not any(waiter.event._cond._waiters for one in some for waiter in one._waiters):  # type: ignore[attr-defined]  # nobody tells when a program waits
            time.sleep(0.001)
        time.sleep(0.001)

    some: list[object] = []
    with plait.trace() as trace, concurrent.futures.ThreadPoolExecutor(1) as pool:
        some.append(pool.submit(until_waited_for))
        waits(some)
    found = [(wait.state, wait.name) for wait in trace.waits if trace.lanes[wait.lane].name == "MainThread"]
    assert (State.FUTURE, "Future") in found
    assert State.EVENT not in [state for state, _ in found]  # which it is made of


@linux
def test_who_selects_among_no_files_sleeps() -> None:
    with plait.trace() as trace:
        select.select([], [], [], 0.2)
    found = times(trace)
    assert found.get(State.SLEEP, 0.0) > found.get(State.SOCKET, 0.0) + found.get(State.FILE, 0.0)


def test_an_item_of_another_process_is_waited_for_as_one_of_a_queue() -> None:
    items: multiprocessing.Queue[int] = multiprocessing.get_context("fork").Queue()
    with plait.trace() as trace, pytest.raises(queue.Empty):
        items.get(timeout=0.05)
    assert [(wait.state, wait.name) for wait in trace.waits] == [(State.QUEUE, "Queue.get")]
    assert " in test_an_item_of_another_process" in trace.waits[0].where


@pytest.mark.parametrize("kind", [selectors.PollSelector, selectors.SelectSelector])
def test_a_loop_of_selectors_is_idle(kind: type[selectors.BaseSelector]) -> None:
    near, far = socket.socketpair()
    with near, far, kind() as found:
        found.register(near, selectors.EVENT_READ)
        with plait.trace() as trace:
            found.select(0.05)
    assert states(trace) == {State.IDLE}
    assert selectors.PollSelector.select.__module__ == "selectors"  # as it was


def test_who_waits_for_one_file_is_not_idle() -> None:
    near, far = socket.socketpair()
    with near, far:
        with plait.trace() as trace:
            select.select([near], [], [], 0.05)
        assert not trace.waits
        with plait.trace() as trace:
            select.select([near, far], [], [], 0.05)
        assert states(trace) == {State.IDLE}


def test_threads_that_the_library_has_for_itself_are_known() -> None:
    pool = multiprocessing.pool.Pool
    assert is_service(threading.Thread(target=pool._handle_tasks))  # type: ignore[attr-defined]
    assert is_service(threading.Thread(target=pool._handle_workers))  # type: ignore[attr-defined]
    kind = concurrent.futures.process._ExecutorManagerThread  # type: ignore[attr-defined]
    assert is_service(kind.__new__(kind))
    assert not is_service(threading.Thread(target=print))
    assert not is_service(threading.Thread())


@linux
def test_threads_of_a_pool_are_idle_while_processes_work() -> None:
    """In a process of its own: `multiprocessing` leaves one running."""
    program = """
import multiprocessing, plait, time
if __name__ == "__main__":
    with plait.trace() as trace:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(time.sleep, (0.2,))
        pool.join()
    for at, lane in enumerate(trace.lanes):
        times = {state.name: seconds for state, seconds in trace.times(at).items()}
        print(lane.name, max(times.keys() - {"CORE"}, key=times.get))  # others may keep it as long as they like
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    main, *others = run.stdout.splitlines()
    assert main == "MainThread FUTURE"
    assert [one.rpartition(" ")[2] for one in others] == ["IDLE"] * 3


def test_the_loop_of_windows_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def mainloop(_: int = 0) -> str:
        return "over"

    window = type("Misc", (), {"mainloop": mainloop})
    fake = types.ModuleType("tkinter")
    fake.Misc, fake.mainloop = window, mainloop  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tkinter", fake)
    noted: deque[Noted] = deque()
    recorder = LibraryRecorder(noted, Unfinished())
    recorder.install()
    try:
        assert window().mainloop() == "over"
    finally:
        recorder.remove()
    assert [one.tid for one in recorder.windows] == [threading.get_native_id()]
    assert recorder.windows[0].began <= recorder.windows[0].ended < sys.maxsize
    assert window.mainloop is mainloop


@linux
def test_who_waits_for_a_key_is_idle() -> None:
    keys, terminal = pty.openpty()
    with plait.trace() as trace:
        reader = threading.Thread(target=os.read, args=(terminal, 10), name="reader")
        reader.start()
        time.sleep(0.2)  # what is to be seen
        os.write(keys, b"x\n")
        reader.join()
    os.close(keys)
    os.close(terminal)
    found = times(trace, "reader")
    assert found[State.IDLE] > 0.1
    assert State.FILE not in found


def test_what_has_not_ended_is_known_when_the_trace_ends() -> None:
    """As of a program that hangs, and is stopped."""
    with plait.trace() as trace:
        lock, event, items = threading.Lock(), threading.Event(), queue.Queue[int]()
        simple, permits = queue.SimpleQueue[int](), threading.Semaphore(1)
        permits.acquire()

        def has() -> None:
            with lock:
                event.wait()

        def wants() -> None:
            with lock:
                pass

        def asks() -> None:
            permits.acquire()

        waiting = {
            "has": threading.Thread(target=has, name="has", daemon=True),
            "wants": threading.Thread(target=wants, name="wants", daemon=True),
            "asks": threading.Thread(target=asks, name="asks", daemon=True),
            "takes": threading.Thread(target=items.get, name="takes", daemon=True),
            "simple": threading.Thread(target=simple.get, name="simple", daemon=True),
        }
        for thread in waiting.values():
            thread.start()
            until_it_waits(thread)
    event.set()
    permits.release()
    items.put(1)
    simple.put(1)
    for thread in waiting.values():
        thread.join()
    found = {trace.lanes[wait.lane].name: wait for wait in trace.waits if wait.ended == trace.microseconds}
    assert {name: wait.state for name, wait in found.items()} == {
        "has": State.EVENT,
        "wants": State.LOCK,
        "asks": State.SEMAPHORE,
        "takes": State.QUEUE,
        "simple": State.QUEUE,
    }
    assert trace.lanes[found["wants"].holder].name == "has"
    assert not found["wants"].got
    assert " in wants" in found["wants"].where


def until_it_waits(thread: threading.Thread) -> None:
    """Until its innermost frame is one of those that wait, for long enough that it has gone to sleep there."""
    while True:
        frame = sys._current_frames().get(thread.ident or 0)
        if frame is not None and frame.f_code.co_name in ("wait", "get", "acquire") and "began" in _variables(frame):
            time.sleep(0.001)
            return
        time.sleep(0.001)


def _variables(frame: types.FrameType | None) -> set[str]:
    found: set[str] = set()
    while frame is not None:
        found |= set(frame.f_locals)
        frame = frame.f_back
    return found


def test_what_is_imported_later_is_seen_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("came_later", "came_never"):
        (tmp_path / f"{name}.py").write_text("value = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[object] = []

    def sees(name: str) -> Callable[[], None]:
        return lambda: seen.append(sys.modules[name].value)

    before = list(sys.meta_path)
    once_imported("came_later", sees("came_later"), "test")
    once_imported("came_never", sees("came_never"), "test")
    once_imported("came_later", sees("came_later"), "another")
    try:
        module = importlib.import_module("came_later")
        assert seen == [3, 3]
        assert module.__spec__ is not None
        assert module.__spec__.loader is module.__loader__
        assert type(module.__loader__).__module__ == "_frozen_importlib_external"
        forget("test")
        importlib.import_module("came_never")
        assert seen == [3, 3]
        assert sys.meta_path == before
        once_imported("came_never", sees("came_never"), "test")
        assert seen == [3, 3, 3]
    finally:
        for name in ("came_later", "came_never"):
            sys.modules.pop(name, None)
