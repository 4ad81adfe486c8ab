"""Stopping what runs in an interpreter: told, interrupted, left behind; by a timeout, by leaving, by cancelling."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import plait
from plait.errors import Cancelled, TaskTimeout

if sys.version_info < (3, 14):
    pytest.skip("CPython 3.14 and later have interpreters with a GIL of their own", allow_module_level=True)

from concurrent import interpreters

pytestmark = pytest.mark.usefixtures("nothing_left")

BOUND = 8.0  # seconds in which any of this has ended, on a loaded machine


def cooperative(go: str) -> str:
    while not plait.current().cancelled:
        time.sleep(0.001)
    return "told to stop"


def python_loop(go: str) -> None:
    while True:
        pass


def tidy_loop(go: str) -> None:
    try:
        while True:
            pass
    finally:
        Path(go + ".tidied").touch()


def stubborn_loop(go: str) -> None:
    """Swallows everything until the file is there."""
    while not os.path.exists(go):
        try:
            while not os.path.exists(go):
                pass
        except BaseException:
            pass


def blocked(go: str) -> None:
    fd = os.open(go + ".pipe", os.O_RDWR)
    try:
        os.read(fd, 1)
    finally:
        os.close(fd)


def native_with_gil(go: str) -> int:
    return sum(itertools.repeat(1, 400_000_000))  # longer than the limit and the patience after it


STOPPED = [cooperative, python_loop, tidy_loop]
LEFT_BEHIND = [stubborn_loop, blocked, native_with_gil]

Work = Callable[[str], object]


class Mark:
    """The function, and a file that says that it has begun."""

    def __init__(self, function: Work, go: str) -> None:
        self.function = function
        self.go = go

    def __call__(self, item: str) -> object:
        if item != "work":
            return item
        Path(self.go + ".began").touch()
        return self.function(self.go)


@pytest.fixture
def go(tmp_path: Path) -> Iterator[str]:
    """A path; what could not be stopped ends when a file is there, or something can be read from its pipe."""
    path = str(tmp_path / "go")
    os.mkfifo(path + ".pipe")
    yield path
    Path(path).touch()
    os.close(os.open(path + ".pipe", os.O_RDWR | os.O_NONBLOCK))
    deadline = time.monotonic() + BOUND
    while len(interpreters.list_all()) > 1 and time.monotonic() < deadline:
        _let_go(path)
        time.sleep(0.01)  # nobody tells when an interpreter is gone
    assert len(interpreters.list_all()) == 1


def _let_go(path: str) -> None:
    try:
        fd = os.open(path + ".pipe", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # nobody reads
    os.write(fd, b"!")
    os.close(fd)


def wait_for(path: str) -> None:
    deadline = time.monotonic() + BOUND
    while not os.path.exists(path):
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.001)


@pytest.mark.parametrize("function", [*STOPPED, *LEFT_BEHIND])
def test_a_timeout_costs_one_item(function: Work, go: str) -> None:
    with closing(plait.engines.make_engine("interpreter")) as engine, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        began = time.monotonic()
        stream = plait.map(Mark(function, go), ["a", "work", "b", "c"], engine=engine, workers=2, timeout=0.3)
        outcomes = list(stream.outcomes())
        assert time.monotonic() - began < BOUND
        assert [outcome.value for outcome in outcomes] == ["a", None, "b", "c"]
        assert isinstance(outcomes[1].error, TaskTimeout)
        text = str(outcomes[1].error)
        assert "item 1, 'work', ran longer than 0.3 s on interpreter-" in text
        assert ("left behind" in text) is (function in LEFT_BEHIND)
        assert ("was stopped" in text) is (function in STOPPED)
        assert len(stream.report.abandoned) == (function in LEFT_BEHIND)
        assert list(plait.map(abs, range(-50, 0), engine=engine, workers=2)) == list(range(50, 0, -1))
    assert os.path.exists(go + ".tidied") is (function is tidy_loop)


@pytest.mark.parametrize("function", [*STOPPED, *LEFT_BEHIND])
def test_leaving_stops_what_runs_or_names_it(function: Work, go: str) -> None:
    with plait.Pool("interpreter", workers=2) as pool, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with plait.map(Mark(function, go), ["a", "work", "b"], engine=pool, order="completion") as stream:
            assert next(iter(stream)) in ("a", "b")
            wait_for(go + ".began")
            began = time.monotonic()
        assert time.monotonic() - began < BOUND / 2
        assert len(stream.report.abandoned) == (function in LEFT_BEHIND)
        assert len(caught) == (function in LEFT_BEHIND)
        for warning in caught:
            assert "plait could not stop 1 thread, now left behind: item 1, 'work', on interpreter-" in str(
                warning.message
            )
        assert list(plait.map(abs, range(-50, 0), engine=pool)) == list(range(50, 0, -1))


def test_a_function_that_heeds_keeps_its_worker_and_its_value(go: str) -> None:
    with plait.Pool("interpreter", workers=2) as pool:
        list(plait.map(abs, range(100), engine=pool))
        before = interpreters.list_all()
        stream = plait.map(Mark(cooperative, go), ["work"], engine=pool)
        canceller = threading.Thread(target=lambda: (wait_for(go + ".began"), stream.cancel()))
        canceller.start()
        (outcome,) = stream.outcomes()
        canceller.join()
        assert outcome.value == "told to stop"
        assert set(before) <= set(interpreters.list_all())


def test_a_timeout_that_is_heeded_is_a_timeout(go: str) -> None:
    (outcome,) = plait.map(Mark(cooperative, go), ["work"], engine="interpreter", timeout=0.1).outcomes()
    assert isinstance(outcome.error, TaskTimeout)
    assert 0.05 < outcome.seconds < BOUND


def test_a_stopped_function_sees_stop_task(go: str) -> None:
    def work(go: str) -> None:
        try:
            while True:
                pass
        except BaseException as error:
            Path(go + ".seen").write_text(f"{isinstance(error, plait.errors.StopTask)} {type(error).__name__}")
            raise

    list(plait.map(Mark(work, go), ["work"], engine="interpreter", timeout=0.1).outcomes())
    assert Path(go + ".seen").read_text() == "True StopTask"


def test_many_timeouts_cost_their_items_only() -> None:
    def work(x: int) -> int:
        while x % 10 == 3:
            pass
        return x

    outcomes = list(plait.map(work, range(50), engine="interpreter", workers=3, timeout=0.15).outcomes())
    assert [outcome.value for outcome in outcomes] == [None if x % 10 == 3 else x for x in range(50)]
    assert all(isinstance(outcome.error, TaskTimeout) for outcome in outcomes if not outcome.ok)


def test_a_stop_that_comes_where_nothing_can_be_raised_is_not_told() -> None:
    program = """
        import plait

        class Last:
            def __init__(self, error):
                self.error = error

            def __del__(self):
                raise self.error

        def work(error):
            Last(error)

        list(plait.map(work, [plait.errors.StopTask("stopped"), ValueError("told")], engine="interpreter", workers=1))
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert "ValueError: told" in done.stderr
    assert "StopTask" not in done.stderr


def test_what_ended_before_an_item_ran_out_of_time_is_not_run_again(tmp_path: Path) -> None:
    def work(x: int) -> int:
        with open(tmp_path / "ran", "a") as ran:
            ran.write(f"{x} ")
        while x % 20 == 16:
            pass
        return x

    outcomes = list(plait.map(work, range(120), engine="interpreter", workers=2, timeout=0.3).outcomes())
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [16, 36, 56, 76, 96, 116]
    assert sorted(map(int, (tmp_path / "ran").read_text().split())) == list(range(120))


def test_a_result_at_the_edge_of_its_time_is_a_value_or_a_timeout() -> None:
    def work(seconds: float) -> float:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
        return seconds

    items = [0.05 + 0.002 * (n % 7) for n in range(40)]
    for outcome in plait.map(work, items, engine="interpreter", workers=2, timeout=0.055).outcomes():
        assert outcome.value == outcome.input if outcome.ok else isinstance(outcome.error, TaskTimeout)


def test_revoking_stops_one_item(go: str) -> None:
    stream = plait.map(Mark(python_loop, go), ["a", "work", "b"], engine="interpreter", workers=2)
    revoker = threading.Thread(target=lambda: (wait_for(go + ".began"), stream._run.job.revoke(1)))
    revoker.start()
    outcomes = list(stream.outcomes())
    revoker.join()
    assert [outcome.value for outcome in outcomes] == ["a", None, "b"]
    assert isinstance(outcomes[1].error, Cancelled)
    assert "was stopped" in str(outcomes[1].error)


def test_a_batch_of_tiny_items_is_left_at_once() -> None:
    with plait.Pool("interpreter", workers=2) as pool:
        list(plait.map(abs, range(100_000), engine=pool))
        before = interpreters.list_all()
        began = time.monotonic()
        for number, _ in enumerate(plait.map(lambda x: x + 1, itertools.count(), engine=pool)):
            if number == 200_000:
                break
        assert time.monotonic() - began < BOUND
        assert set(before) <= set(interpreters.list_all())


def test_a_nested_map_is_told_that_it_is_not_wanted(go: str) -> None:
    def outer(go: str) -> list[object]:
        return list(plait.map(Mark(cooperative, go), ["work"], engine="thread"))

    with plait.Pool("interpreter", workers=1) as pool:
        with plait.map(Mark(outer, go), ["a", "work"], engine=pool, order="completion") as stream:
            assert next(iter(stream)) == "a"
            wait_for(go + ".began")
            time.sleep(0.05)
        assert stream.report.abandoned == []


def test_threads_of_the_function_are_waited_for(go: str) -> None:
    """They end with their interpreter: an executor that the function made and keeps is shut down with it."""

    def work(x: int) -> int:
        from concurrent.futures import ThreadPoolExecutor

        module = sys.modules["__main__"]
        if not hasattr(module, "executor"):
            module.executor = ThreadPoolExecutor(2)  # type: ignore[attr-defined]  # kept by this worker
        return int(module.executor.submit(abs, x).result())  # type: ignore[attr-defined]

    assert list(plait.map(work, range(-20, 0), engine="interpreter", workers=2)) == list(range(20, 0, -1))
