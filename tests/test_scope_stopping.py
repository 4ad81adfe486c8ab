"""Stopping what a scope has started: one task, all of them, at a deadline, by Ctrl-C; and what is said meanwhile."""

from __future__ import annotations

import _thread
import io
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import plait
from plait._run.scopes import scope_words
from plait.errors import Cancelled, StopTask, TaskTimeout, WaitTimeout

pytestmark = pytest.mark.usefixtures("nothing_left")

CONCURRENT = ["thread", "process"]
PATIENCE = 20.0


def spin_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def forever(begun: str = "") -> None:
    if begun:
        Path(begun).touch()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(0.001)


def fail(text: str) -> None:
    raise ValueError(text)


@pytest.fixture
def stubborn() -> Iterator[Callable[[], None]]:
    """A function that no exception can get out of, until the test is over."""
    end = threading.Event()

    def stay() -> None:
        while not end.is_set():
            try:
                end.wait(PATIENCE)
            except StopTask:
                continue

    before = set(threading.enumerate())
    yield stay
    end.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)


# --- one task


@pytest.mark.parametrize("engine", CONCURRENT)
def test_a_running_task_is_cancelled_and_the_others_go_on(engine: str, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with plait.scope(engine, workers=2) as s:
        doomed, other = s.submit(forever, str(begun)), s.submit(time.sleep, 0.05)
        spin_until(begun.exists)
        assert doomed.cancel()
        with pytest.raises(Cancelled, match=r"forever\(.*\) was cancelled while it ran on "):
            doomed.result(PATIENCE)
        assert doomed.cancelled()
        assert doomed.cancel()
        with pytest.raises(Cancelled):
            doomed.exception()
        assert other.result(PATIENCE) is None
        assert not other.cancel()
        assert s.submit(int, "3").result(PATIENCE) == 3  # a killed worker is replaced


@pytest.mark.parametrize("engine", CONCURRENT)
def test_a_waiting_task_is_cancelled_and_never_begins(engine: str) -> None:
    with plait.scope(engine, workers=1) as s:
        running = s.submit(forever)
        spin_until(running.running)
        waiting = s.submit(forever)
        assert waiting.cancel()
        assert waiting.cancelled()
        with pytest.raises(Cancelled, match=r"forever\(\) was cancelled before it began"):
            waiting.result()
        running.cancel()


def test_a_task_that_asks_ends_with_what_it_returns() -> None:
    def ask() -> str:
        spin_until(lambda: plait.current().cancelled)
        return "told to stop"

    with plait.scope() as s:
        task = s.submit(ask)
        spin_until(task.running)
        task.cancel()
        assert task.result(PATIENCE) == "told to stop"


def test_cancelling_races_with_the_end() -> None:
    with plait.scope() as s:
        for _ in range(200):
            task = s.submit(int, "3")
            task.cancel()
            try:
                assert task.result(PATIENCE) == 3
            except Cancelled:
                assert task.cancelled()


def test_cancelling_many_tasks_one_by_one() -> None:
    with plait.scope() as s:
        tasks = [s.submit(plait.channel(0).get) for _ in range(60)]
        survivor = s.submit(time.sleep, 0.02)
        for task in tasks:
            assert task.cancel()
        survivor.result(PATIENCE)
    assert all(task.cancelled() for task in tasks)


# --- all of them


@pytest.mark.parametrize("engine", CONCURRENT)
def test_cancel_ends_tasks_and_the_waits_of_the_body_and_raises_nothing(engine: str) -> None:
    reached = []
    with plait.scope(engine, workers=2) as s:
        tasks = [s.submit(forever) for _ in range(4)]
        spin_until(lambda: sum(task.running() for task in tasks) == 2)
        s.cancel()
        s.cancel()
        tasks[0].result()
        reached.append(True)
    assert not reached
    assert all(task.cancelled() for task in tasks)


def test_a_cancelled_scope_takes_no_more_tasks() -> None:
    errors: list[BaseException] = []

    def submit_elsewhere(s: plait.Scope) -> None:
        try:
            s.submit(int)
        except BaseException as error:
            errors.append(error)

    with plait.scope() as s:
        s.cancel()
        stranger = threading.Thread(target=submit_elsewhere, args=(s,))
        stranger.start()
        stranger.join()
        submit_elsewhere(s)
    assert [type(error) for error in errors] == [Cancelled, StopTask]


def test_cancel_from_another_thread() -> None:
    with plait.scope() as s:
        task = s.submit(forever)
        canceller = threading.Thread(target=lambda: (spin_until(task.running), s.cancel()))
        canceller.start()
        task.result()
    canceller.join()
    assert task.cancelled()


def test_a_map_of_the_scope_is_stopped_with_it() -> None:
    with plait.scope() as s:
        stream = s.map(lambda _: forever(), range(3))
        canceller = threading.Thread(target=lambda: (spin_until(lambda: stream.running), s.cancel()))
        canceller.start()
        list(stream)
    canceller.join()
    assert stream.report.cancelled


def test_a_thread_that_cannot_be_stopped_is_left_behind_and_named(stubborn: Callable[[], None]) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with plait.scope() as s:
            task = s.submit(stubborn)
            spin_until(task.running)
            s.cancel()
    (warning,) = seen
    assert "could not stop 1 thread, now left behind: " in str(warning.message)
    assert "stay() on thread-1 for " in str(warning.message)
    assert warning.filename == __file__
    assert task.cancelled()


def test_one_task_that_cannot_be_stopped_is_left_behind_and_the_scope_goes_on(stubborn: Callable[[], None]) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with plait.scope() as s:
            task = s.submit(stubborn)
            spin_until(task.running)
            task.cancel()
            with pytest.raises(Cancelled):
                task.result(PATIENCE)
            assert s.submit(int, "3").result(PATIENCE) == 3
    assert "stay() on thread-1 for " in str(seen[0].message)


# --- deadlines


@pytest.mark.parametrize("engine", CONCURRENT)
def test_a_deadline_cancels_and_names_what_was_running(engine: str) -> None:
    names = r"forever\(\)( on .* for 0\..| about to begin)"
    with pytest.raises(TaskTimeout, match=rf"plait.scope\(deadline=0.2\).*still running: {names}") as caught:
        with plait.scope(engine, deadline=0.2) as s:
            task = s.submit(forever)
    assert task.cancelled()
    assert isinstance(caught.value, TimeoutError)


def test_a_deadline_ends_the_waits_of_the_body() -> None:
    with pytest.raises(TaskTimeout, match="still running: nothing but the block itself"):
        with plait.scope(deadline=0.05):
            plait.channel(0).get()


def test_a_block_that_ends_before_its_deadline_is_not_late() -> None:
    with plait.scope(deadline=PATIENCE) as s:
        task = s.submit(int, "3")
    assert task.result() == 3


def test_a_body_that_is_late_without_a_wait_is_late() -> None:
    with pytest.raises(TaskTimeout):
        with plait.scope(deadline=0.02):
            time.sleep(0.1)


def test_a_late_block_whose_task_fails_raises_both() -> None:
    def tidy() -> None:
        try:
            plait.channel(0).get()
        finally:
            raise KeyError("while tidying")

    with pytest.raises(ExceptionGroup) as caught:
        with plait.scope(deadline=0.5) as s:
            s.submit(tidy)  # which must have begun by then
    assert [type(error) for error in caught.value.exceptions] == [TaskTimeout, KeyError]


def test_an_error_of_the_body_goes_before_the_deadline() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        with plait.scope(deadline=0.02):
            time.sleep(0.1)
            1 // 0
    assert "deadline=0.02" in caught.value.__notes__[0]


# --- Ctrl-C


def press(when: Callable[[], object]) -> threading.Thread:
    def wait_and_press() -> None:
        spin_until(when)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait_and_press)
    thread.start()
    return thread


@pytest.mark.parametrize("engine", CONCURRENT)
@pytest.mark.parametrize("where", ["in the body", "at the end"])
def test_ctrl_c_cancels_and_says_what_was_running(engine: str, where: str, tmp_path: Path) -> None:
    tasks: list[plait.Future[None]] = []
    begun = [tmp_path / "1", tmp_path / "2"]
    presser = press(lambda: all(path.exists() for path in begun))
    with pytest.raises(KeyboardInterrupt) as caught:
        with plait.scope(engine, workers=2) as s:
            tasks += [s.submit(forever, str(path)) for path in begun]
            if where == "in the body":
                tasks[0].result()
    presser.join()
    assert [task for task in tasks if not task.cancelled()] == []
    (note,) = caught.value.__notes__
    assert note.startswith("plait: stopped; 2 tasks were running\n  forever('/")
    assert note.count(" on ") == 2


def test_ctrl_c_twice_does_not_wait_any_longer(stubborn: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    from plait._engines import thread, timeouts

    for module in (thread, timeouts):
        monkeypatch.setattr(module, "GRACE", PATIENCE)  # the first one is still being patient
    tasks: list[plait.Future[None]] = []
    presser = press(lambda: tasks and tasks[0].running())
    scopes: list[plait.Scope] = []
    again = press(lambda: scopes and scopes[0]._life.cancelled)
    with pytest.raises(KeyboardInterrupt):
        with plait.scope() as s:
            scopes.append(s)
            tasks.append(s.submit(stubborn))
    presser.join()
    again.join()


def test_ctrl_c_inside_an_inline_task() -> None:
    with pytest.raises(KeyboardInterrupt):
        with plait.scope("inline") as s:
            s.submit(_thread.interrupt_main)
            s.submit(forever)


# --- what is said


def test_what_the_end_waits_for_is_said_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scope_words, "_FIRST", 0.02)
    gate = threading.Event()
    with caplog.at_level(logging.INFO, "plait"):
        with plait.scope(workers=1) as s:
            s.submit(gate.wait, PATIENCE)
            s.submit(int, "3")
            stranger = threading.Thread(target=lambda: (spin_until(lambda: caplog.records), gate.set()))
            stranger.start()
    stranger.join()
    assert caplog.records[0].getMessage().startswith("plait.scope waits for 2 tasks: Event.wait(20.0) on thread-1 for ")
    assert caplog.records[0].getMessage().endswith(", 1 not begun")


def test_in_a_terminal_it_is_said_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(scope_words, "_FIRST", 0.02)
    gate = threading.Event()
    with plait.scope() as s:
        s.submit(gate.wait, PATIENCE)
        stranger = threading.Thread(target=lambda: (spin_until(terminal.getvalue), gate.set()))
        stranger.start()
    stranger.join()
    assert terminal.getvalue().startswith("plait.scope waits for 1 task: Event.wait(20.0) on thread-1 for ")


def test_nothing_is_said_of_a_short_wait(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
        warnings.simplefilter("error")
        with plait.scope() as s:
            s.submit(time.sleep, 0.01)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


# --- futures


def test_a_wait_for_a_result_has_its_limit() -> None:
    with plait.scope() as s:
        gate = threading.Event()
        task = s.submit(gate.wait, PATIENCE)
        spin_until(task.running)
        for _ in range(3):
            with pytest.raises(WaitTimeout, match=r"Event.wait\(20.0\) had not ended after 0.001 s; it goes on"):
                task.result(timeout=0.001)
        with pytest.raises(TimeoutError):
            task.exception(timeout=0)
        assert not task._waiters
        gate.set()
        assert task.result(PATIENCE)


def test_a_task_that_waits_for_another_is_cancelled_at_once() -> None:
    with plait.scope() as s:
        first = s.submit(forever)
        second = s.submit(lambda: first.result())
        spin_until(lambda: first._waiters)
        began = time.perf_counter()
        second.cancel()
        with pytest.raises(Cancelled):
            second.result(PATIENCE)
        assert time.perf_counter() - began < 0.5
        assert first.running()
        first.cancel()
