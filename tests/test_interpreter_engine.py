"""Interpreters: what crosses, what a worker takes over from this process, what stays warm, and what is never touched."""

from __future__ import annotations

import array
import contextvars
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

import plait
from plait.engines import InterpreterEngine, make_engine

if sys.version_info < (3, 14):
    pytest.skip("CPython 3.14 and later have interpreters with a GIL of their own", allow_module_level=True)

from concurrent import interpreters

SOURCE = Path(__file__).resolve().parents[1] / "src"

variable: contextvars.ContextVar[str] = contextvars.ContextVar("interpreter_variable", default="unset")


@pytest.fixture
def pool(nothing_left: None) -> Iterator[plait.Pool]:
    before = interpreters.list_all()
    with plait.Pool("interpreter", workers=2) as pool:
        yield pool
    assert interpreters.list_all() == before


def identity(_: object = None) -> int:
    from concurrent import interpreters

    return int(interpreters.get_current().id)


def count_calls(_: object) -> int:
    module = sys.modules["__main__"]
    module.calls = getattr(module, "calls", 0) + 1  # type: ignore[attr-defined]  # state of this worker
    return int(module.calls)  # type: ignore[attr-defined]


def meet(item: tuple[str, int]) -> int:
    folder, number = item
    Path(f"{folder}/{number}").touch()
    while not Path(f"{folder}/{1 - number}").exists():
        time.sleep(0.001)
    return identity()


def test_items_run_in_as_many_interpreters_as_there_are_workers(pool: plait.Pool, tmp_path: Path) -> None:
    found = set(plait.map(meet, [(str(tmp_path), 0), (str(tmp_path), 1)], engine=pool))
    assert len(found) == 2
    assert interpreters.get_main().id not in found


def test_workers_stay_warm_between_runs(pool: plait.Pool) -> None:
    first = plait.map(count_calls, range(100), engine=pool, workers=1)
    assert list(first) == list(range(1, 101))
    assert list(plait.map(count_calls, range(3), engine=pool, workers=1)) == [101, 102, 103]
    assert pool.submit(count_calls, 0).result() in (104, 1)


def test_a_loop_that_is_left_keeps_its_workers(pool: plait.Pool) -> None:
    list(plait.map(identity, range(20), engine=pool))
    before = interpreters.list_all()
    for value in plait.map(lambda x: x * 2, iter(range(10**9)), engine=pool):
        if value > 5000:
            break
    assert set(before) <= set(interpreters.list_all())


def test_closing_leaves_no_interpreter(nothing_left: None) -> None:
    before = interpreters.list_all()
    for _ in range(3):
        with closing(make_engine("interpreter")) as engine:
            assert list(plait.map(abs, range(100), engine=engine, workers=3)) == list(range(100))
            assert len(interpreters.list_all()) > len(before)
        assert interpreters.list_all() == before
    assert list(plait.map(abs, [-1], engine="interpreter")) == [1]
    assert interpreters.list_all() == before


def test_an_engine_that_nobody_refers_to_ends(nothing_left: None) -> None:
    before = interpreters.list_all()
    engine = make_engine("interpreter")
    assert list(plait.map(abs, range(10), engine=engine)) == list(range(10))
    del engine
    assert interpreters.list_all() == before


# --- what crosses


def test_functions_cross_by_value(pool: plait.Pool) -> None:
    offset = 7

    def local(x: int) -> int:
        return x + offset

    assert list(plait.map(local, range(3), engine=pool)) == [7, 8, 9]
    assert list(plait.map(lambda x: local(x) * 2, range(3), engine=pool)) == [14, 16, 18]
    assert list(plait.map(partial(pow, 2), range(4), engine=pool)) == [1, 2, 4, 8]


def test_a_script_without_a_main_guard_works() -> None:
    program = """
        import plait

        class Point:
            def __init__(self, x):
                self.x = x

        def double(point):
            return Point(2 * point.x)

        print([point.x for point in plait.map(double, map(Point, range(4)), engine="interpreter", workers=2)])
        """
    assert run(program) == ("[0, 2, 4, 6]\n", "", 0)


def test_large_buffers_go_through_shared_memory(pool: plait.Pool) -> None:
    data = bytearray(os.urandom(1 << 20))

    def look(view: memoryview) -> tuple[bool, int, memoryview]:
        return view.readonly, view.nbytes, memoryview(bytes(view[:100_000]))

    for readonly, size, head in plait.map(look, [memoryview(data)] * 4, engine=pool):
        assert (readonly, size) == (True, 1 << 20)
        assert head == data[:100_000]


def test_large_values_come_back_equal(pool: plait.Pool) -> None:
    values = [
        b"x" * 3_000_000,
        bytearray(500_000),
        array.array("d", range(100_000)),
        "ü" * 1_000_000,
        list(range(200_000)),
    ]
    assert list(plait.map(lambda value: value, values, engine=pool)) == values


def test_a_large_result_outlives_its_worker_and_its_engine() -> None:
    with closing(make_engine("interpreter")) as engine:
        (view,) = plait.map(lambda n: memoryview(bytes(range(256)) * n), [1000], engine=engine)
    assert bytes(view[-256:]) == bytes(range(256))


def test_context_variables_cross_on_request() -> None:
    variable.set("mine")
    try:
        with closing(InterpreterEngine(context=[variable])) as engine:
            assert set(plait.map(read_variable, range(50), engine=engine, workers=2)) == {"mine"}
        assert set(plait.map(read_variable, range(3), engine="interpreter", workers=2)) == {"unset"}
    finally:
        variable.set("unset")


def read_variable(_: int) -> str:
    return variable.get()


# --- what a worker finds


def test_the_search_path_of_this_process_is_taken_over(pool: plait.Pool, tmp_path: Path) -> None:
    (tmp_path / "found_by_interpreters.py").write_text("def f(x): return x + 40")
    assert list(plait.map(abs, [1, 2], engine=pool)) == [1, 2]  # workers that began before the path was changed
    sys.path.insert(0, str(tmp_path))
    try:
        import found_by_interpreters  # type: ignore[import-not-found]

        assert list(plait.map(found_by_interpreters.f, [1, 2], engine=pool)) == [41, 42]
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("found_by_interpreters", None)


def test_the_working_folder_belongs_to_the_process(
    pool: plait.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(plait.map(lambda _: os.getcwd(), range(3), engine=pool)) == {os.getcwd()}
    monkeypatch.chdir(tmp_path)
    assert set(plait.map(lambda _: os.getcwd(), range(3), engine=pool)) == {str(tmp_path)}
    assert os.getcwd() == str(tmp_path)


def test_the_environment_is_seen_and_the_share_of_cores_stays_inside(
    nothing_left: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAIT_TEST_VARIABLE", "seen")

    def look(_: int) -> tuple[str | None, str | None]:
        return os.environ.get("PLAIT_TEST_VARIABLE"), os.environ.get("PLAIT_CORES")

    with closing(make_engine("interpreter")) as engine:
        (found,) = set(plait.map(look, range(4), engine=engine, workers=2))
    assert found[0] == "seen"
    assert (found[1] or "").isdecimal()
    printed = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ.get('PLAIT_CORES'))"], capture_output=True, check=True
    )
    assert printed.stdout.split() == [b"None"]
    assert "PLAIT_CORES" not in os.environ


def test_options_that_change_warnings_hold_there_too() -> None:
    program = """
        import plait, warnings

        def work(x):
            warnings.warn("old", DeprecationWarning)

        (outcome,) = plait.map(work, [1], engine="interpreter").outcomes()
        print(type(outcome.error).__name__)
        """
    assert run(program, "-W", "error::DeprecationWarning") == ("DeprecationWarning\n", "", 0)


def test_prints_come_in_whole_lines() -> None:
    program = """
        import plait

        def work(x):
            for n in range(300):
                print(f"line {x} {n}", "x" * 50)

        print("before")
        list(plait.map(work, range(4), engine="interpreter", workers=2))
        print("after")
        """
    out, err, status = run(program)
    lines = out.splitlines()
    assert (err, status) == ("", 0)
    assert (lines[0], lines[-1]) == ("before", "after")
    assert sorted(lines[1:-1]) == sorted(f"line {x} {n} {'x' * 50}" for x in range(4) for n in range(300))


def test_prints_go_where_this_process_prints(pool: plait.Pool, capsys: pytest.CaptureFixture[str]) -> None:
    list(plait.map(print, ["one", "two"], engine=pool, workers=1))
    assert capsys.readouterr().out == "one\ntwo\n"


def test_log_records_reach_the_handlers_here(pool: plait.Pool, caplog: pytest.LogCaptureFixture) -> None:
    def work(x: int) -> None:
        logging.getLogger("interpreter.test").warning("seen %d", x)

    with caplog.at_level(logging.WARNING, "interpreter.test"):
        list(plait.map(work, range(3), engine=pool, workers=1))
    assert [record.getMessage() for record in caplog.records] == ["seen 0", "seen 1", "seen 2"]


def test_a_worker_is_named_without_a_process(pool: plait.Pool) -> None:
    (outcome,) = plait.map(lambda _: plait.current().worker, [0], engine=pool).outcomes()
    assert outcome.value == outcome.worker
    assert outcome.worker.startswith("interpreter-")
    assert "pid" not in outcome.worker


def test_functions_may_start_threads_processes_loops_and_maps(pool: plait.Pool) -> None:
    def work(engine: str) -> object:
        import asyncio
        import subprocess

        if engine == "subprocess":
            return subprocess.run(["echo", "hi"], capture_output=True, check=True).stdout
        if engine == "asyncio":
            return asyncio.run(asyncio.sleep(0.001, "slept"))
        return sum(plait.map(abs, range(-10, 0), engine=engine, workers=2))

    kinds = ["thread", "process", "interpreter", "inline", "auto", "subprocess", "asyncio"]
    assert list(plait.map(work, kinds, engine=pool)) == [55, 55, 55, 55, 55, b"hi\n", "slept"]


# --- what goes wrong


def test_a_fork_is_warned_of() -> None:
    program = """
        import os, plait, warnings

        warnings.filterwarnings("ignore", category=DeprecationWarning)
        with plait.Pool("interpreter", workers=1) as pool:
            pool.submit(abs, 1).result()
            pid = os.fork()
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
        pid = os.fork()
        if not pid:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """
    _, err, status = run(program)
    assert status == 0
    assert err.count("RuntimeWarning: plait: os.fork() was called while subinterpreters are open") == 1


def test_an_error_of_the_worker_itself_is_told(pool: plait.Pool) -> None:
    """Something that no function can do by itself."""

    def sabotage(_: int) -> None:
        from plait._core.current import current_task

        current_task.get()._words.release()  # type: ignore[attr-defined]

    (outcome,) = plait.map(sabotage, [1], engine=pool).outcomes()
    assert isinstance(outcome.error, plait.errors.WorkerDied)
    assert "an error that was not the function's ended it" in str(outcome.error)
    assert "ValueError: operation forbidden on released memoryview" in str(outcome.error)
    assert list(plait.map(abs, [-1], engine=pool)) == [1]


def test_a_system_that_refuses_interpreters_is_reported(nothing_left: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise interpreters.InterpreterError("no more")

    monkeypatch.setattr(interpreters, "create", refuse)
    with pytest.raises(
        plait.errors.PlaitError, match="no worker interpreter could be started: InterpreterError: no more"
    ):
        list(plait.map(abs, range(10), engine="interpreter"))


def test_a_system_that_refuses_threads_is_reported(nothing_left: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with closing(make_engine("interpreter")) as engine:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(plait.errors.PlaitError, match="no worker interpreter could be started: .*can't start new"):
            list(plait.map(abs, range(10), engine=engine))
        monkeypatch.undo()


def test_an_option_that_means_nothing_is_refused() -> None:
    with pytest.raises(plait.errors.UsageError, match="fallback='dask'"):
        InterpreterEngine(fallback="dask")
    with pytest.raises(plait.errors.UsageError, match="context="):
        InterpreterEngine(context=["name"])  # type: ignore[list-item]


def run(program: str, *options: str) -> tuple[str, str, int]:
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        timeout=30,
        check=False,
    )
    return done.stdout, done.stderr, done.returncode
