"""What per_worker promises beyond the contract: outside of tasks, by value, in threads and forks, when things go wrong."""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._core.worker_state import WorkerState
from plait._engines import parting, thread
from plait.engines import ProcessEngine
from plait.errors import PlaitError, StopTask, TaskTimeout, UsageError, WorkerDied

SOURCE = Path(__file__).resolve().parents[1] / "src"
ENGINES = ["inline", "thread", "process", *(["interpreter"] if sys.version_info >= (3, 14) else [])]
SLOW = 60.0  # seconds that a tear-down or an item takes which is not waited for

pytestmark = pytest.mark.usefixtures("nothing_left")


def note(file: str, event: str) -> None:
    with open(file, "ab", buffering=0) as opened:
        opened.write(f"{event}\n".encode())


def events(file: str | Path) -> list[str]:
    return Path(file).read_text().splitlines() if Path(file).exists() else []


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "events")


@plait.per_worker
def noted(file: str) -> Iterator[str]:
    """An instance that leaves a trace."""
    me = f"{os.getpid()}-{threading.get_ident()}"
    note(file, f"up {me}")
    yield me
    note(file, f"down {me}")


def use(file: str) -> str:
    return noted(file)


# --- outside of tasks


def test_outside_of_tasks_a_thread_has_its_own_instance_until_it_ends(file: str) -> None:
    found: list[str] = []

    def use_twice() -> None:
        found.extend((noted(file), noted(file)))

    for _ in range(2):
        other = threading.Thread(target=use_twice)
        other.start()
        other.join()
    mine = f"{os.getpid()}-{threading.get_ident()}"
    assert mine not in found
    assert found[0] == found[1]
    assert events(file) == [f"up {found[0]}", f"down {found[0]}", f"up {found[2]}", f"down {found[2]}"]


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"},
        timeout=30,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout + done.stderr


def test_the_instance_of_the_main_thread_is_torn_down_when_the_program_ends() -> None:
    out = run("""
        import plait

        @plait.per_worker
        def greeting():
            print("up")
            yield "hello"
            print("down")

        print(greeting(), greeting())
        """)
    assert out.splitlines() == ["up", "hello hello", "down"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_thread_that_ends_tears_down_what_others_use_last() -> None:
    """Also outside of tasks: the thread's own storage is gone by then, and with it the way to the other instance."""
    events: list[str] = []

    @plait.per_worker
    def inner() -> Iterator[str]:
        events.append("up inner")
        yield threading.current_thread().name
        events.append("down inner")

    @plait.per_worker
    def outer() -> Iterator[str]:
        yield inner()
        events.append(f"down outer, {inner()}, {threading.current_thread().name}")

    before = {thread.ident for thread in threading.enumerate()}
    thread = threading.Thread(target=outer, name="mine")
    thread.start()
    thread.join()
    gc.collect()
    assert events == ["up inner", "down outer, mine, mine", "down inner"]
    assert {thread.ident for thread in threading.enumerate()} <= before


def test_a_forked_child_has_an_instance_of_its_own_and_leaves_the_parents_alone() -> None:
    out = run("""
        import os, plait, sys

        @plait.per_worker
        def name():
            mine = "child" if inside else "parent"
            print("up", mine)
            yield mine
            print("down", mine)

        inside = False
        name()
        child = os.fork()
        if not child:
            inside = True
            print(name())
            sys.exit()
        os.waitpid(child, 0)
        print(name())
        """)
    assert out.splitlines() == ["up parent", "up child", "child", "down child", "parent", "down parent"]


def test_a_map_has_instances_of_its_own(file: str) -> None:
    def alone() -> None:
        mine = noted(file)
        assert list(plait.map(use, [file], engine="inline")) == [mine]  # the name of the same thread
        assert events(file) == [f"up {mine}", f"up {mine}", f"down {mine}"]

    other = threading.Thread(target=alone)
    other.start()
    other.join()
    assert len(events(file)) == 4


# --- what may be decorated, and called with what


def test_arguments_tell_instances_apart() -> None:
    made: list[tuple[object, ...]] = []

    @plait.per_worker
    def instance(*args: object, **kwargs: object) -> object:
        made.append((args, kwargs))
        return object()

    def ask(_: int) -> list[object]:
        return [instance(), instance(1), instance(2), instance(a=1, b=2), instance(b=2, a=1), instance(1), instance()]

    (found,) = plait.map(ask, [0], engine="thread")
    assert len(made) == len(set(map(id, found))) == 4
    assert found[0] is found[6]
    assert found[1] is found[5]
    assert found[3] is found[4]


def test_arguments_must_be_hashable() -> None:
    with pytest.raises(TypeError) as caught:
        noted([])  # type: ignore[arg-type]
    assert any("noted() is per_worker, so its arguments must be hashable" in line for line in caught.value.__notes__)


@pytest.mark.parametrize("wrong", [3, None, "text", int, noted, staticmethod(len)])
def test_only_functions_can_be_decorated(wrong: Any) -> None:
    with pytest.raises(UsageError, match="expected a function"):
        plait.per_worker(wrong)


def test_methods_cannot_be_decorated() -> None:
    with pytest.raises((UsageError, RuntimeError)) as caught:

        class Store:
            @plait.per_worker
            def connection(self) -> int:
                return 1

    error = caught.value if isinstance(caught.value, UsageError) else caught.value.__cause__
    assert "Store.connection: plait.per_worker decorates functions, not methods" in str(error)


def test_a_decorated_function_looks_like_itself() -> None:
    assert noted.__name__ == "noted"
    assert noted.__doc__ == "An instance that leaves a trace."
    assert repr(noted) == "<plait.per_worker noted()>"


def test_a_generator_function_must_yield() -> None:
    @plait.per_worker
    def nothing() -> Iterator[int]:
        if False:
            yield 1

    with pytest.raises(PlaitError, match=r"nothing\(\) ended without a yield"):
        list(plait.map(lambda _: nothing(), [0], engine="thread"))


def test_a_generator_function_must_yield_once() -> None:
    closed: list[bool] = []

    @plait.per_worker
    def twice() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    with pytest.warns(RuntimeWarning, match=r"twice\(\) yielded twice"):
        assert list(plait.map(lambda _: twice(), [0], engine="thread")) == [1]
    assert closed == [True]


def test_a_circle_is_found() -> None:
    @plait.per_worker
    def egg() -> object:
        return hen()

    @plait.per_worker
    def hen() -> object:
        return egg()

    with pytest.raises(PlaitError, match=r"egg\(\) needs itself to be set up: egg\(\) -> hen\(\) -> egg\(\)"):
        list(plait.map(lambda _: egg(), [0], engine="thread"))


def test_a_tear_down_may_use_what_was_set_up_before_and_nothing_new() -> None:
    seen: list[str] = []

    @plait.per_worker
    def early() -> str:
        return "early"

    @plait.per_worker
    def late() -> str:
        return "late"

    @plait.per_worker
    def main() -> Iterator[str]:
        yield early()
        seen.append(early())
        seen.append(late())

    with pytest.warns(RuntimeWarning, match=r"late\(\) was called for the first time on thread-1 when"):
        assert list(plait.map(lambda _: main(), [0], engine="thread")) == ["early"]
    assert seen == ["early"]


# --- by value


def defined(source: str, main: types.ModuleType) -> Callable[[str], str]:
    """A function of a notebook's cell."""
    exec(textwrap.dedent(source), main.__dict__)
    found: Callable[[str], str] = main.__dict__["use"]
    return found


CELL = """
import os, plait

@plait.per_worker
def instance(file):
    with open(file, "a") as opened:
        print("up", LABEL, file=opened)
    yield os.urandom(4).hex() + LABEL
    with open(file, "a") as opened:
        print("down", LABEL, file=opened)

LABEL = "a"

def use(file):
    return instance(file)
"""


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


def test_a_function_sent_by_value_is_set_up_once_in_a_warm_worker(main: types.ModuleType, file: str) -> None:
    with plait.Pool("process", workers=1) as pool:
        first, again = (set(plait.map(defined(CELL, main), [file] * 50, engine=pool)) for _ in range(2))
        assert len(first) == 1
        assert first == again  # the cell was run again, and says the same
        assert pool.submit(main.__dict__["use"], file).result() in first
        assert events(file) == ["up a"]
    assert events(file) == ["up a", "down a"]


def test_a_worker_that_is_one_too_many_tears_down(main: types.ModuleType, file: str) -> None:
    """Two runs at the same time have a worker each; the engine keeps no more than one of them asked for."""
    use = defined(CELL, main)

    def items(engine: ProcessEngine) -> Iterator[str]:
        yield file
        assert len(list(plait.map(use, [file], engine=engine, workers=1))) == 1

    with closing(ProcessEngine()) as engine:
        assert len(list(plait.map(use, items(engine), engine=engine, workers=1))) == 1
        assert sorted(events(file)) == ["down a", "up a", "up a"]
    assert sorted(events(file)) == ["down a", "down a", "up a", "up a"]


def test_a_function_that_was_changed_is_set_up_again(main: types.ModuleType, file: str) -> None:
    with plait.Pool("process", workers=1) as pool:
        first = set(plait.map(defined(CELL, main), [file] * 5, engine=pool))
        changed = set(plait.map(defined(CELL.replace("urandom(4)", "urandom(5)"), main), [file] * 5, engine=pool))
        assert len(first) == len(changed) == 1
        assert first != changed
        assert events(file) == ["up a"] * 2


def maker(path: object) -> Callable[[], object]:
    @plait.per_worker
    def instance() -> object:
        return path, os.urandom(4)

    return instance


def test_what_a_function_captured_tells_instances_apart() -> None:
    with plait.Pool("process", workers=1) as pool:

        def ask(path: object) -> object:
            made = maker(path)
            return set(plait.map(lambda _: made(), range(5), engine=pool))

        found = [ask("a"), ask("b"), ask("a"), ask(frozenset("a")), ask(frozenset("a"))]
        assert all(len(each) == 1 for each in found)  # type: ignore[arg-type]
        assert found[0] == found[2]
        assert len({frozenset(each) for each in found}) == 4  # type: ignore[call-overload]  # the last two cannot be told to be equal

        one, other = maker("a"), maker("b")
        pairs = set(plait.map(lambda _: (one(), other()), range(5), engine=pool))
        ((a, b),) = pairs
        assert (a[0], b[0]) == ("a", "b")


def test_a_function_that_names_itself_crosses(main: types.ModuleType, file: str) -> None:
    use = defined(CELL.replace("+ LABEL", "+ LABEL + instance.__name__"), main)
    with plait.Pool("process", workers=1) as pool:
        (found,) = plait.map(use, [file], engine=pool)
        assert found.endswith("ainstance")


def test_a_module_that_workers_cannot_import_goes_along(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    module = types.ModuleType("nowhere_to_be_found")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    use = defined(CELL, module)
    with plait.Pool("process", workers=1) as pool:
        found = {value for _ in range(2) for value in plait.map(use, [file] * 5, engine=pool)}
        assert len(found) == 1
    assert events(file) == ["up a", "down a"]


# --- threads and maps inside


def test_threads_that_a_task_starts_have_instances_of_their_own(file: str) -> None:
    from contextvars import copy_context

    def ask(file: str) -> tuple[str, str]:
        found: list[str] = []
        context = copy_context()
        other = threading.Thread(target=lambda: found.append(context.run(noted, file)))
        other.start()
        other.join()
        return noted(file), found[0]

    ((mine, others),) = plait.map(ask, [file], engine="thread")
    assert mine != others
    assert events(file) == [f"up {others}", f"down {others}", f"up {mine}", f"down {mine}"]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_inline_map_in_a_task_runs_on_the_worker_of_that_task(engine: str, file: str) -> None:
    def ask(file: str) -> list[str]:
        return [noted(file), *plait.map(use, [file] * 3, engine="inline"), noted(file)]

    (found,) = plait.map(ask, [file], engine=engine)
    assert len(set(found)) == 1
    assert events(file) == [f"up {found[0]}", f"down {found[0]}"]


# --- ends


@pytest.mark.parametrize("engine", ENGINES)
def test_tear_down_when_the_stream_is_dropped(engine: str, file: str) -> None:
    stream = plait.map(use, iter([file] * 1000), engine=engine, workers=2)
    next(stream)
    del stream
    gc.collect()
    up = [event for event in events(file) if event.startswith("up")]
    assert up
    assert len(events(file)) == 2 * len(up)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_goes_wrong_is_in_the_report_and_in_the_log(engine: str, caplog: pytest.LogCaptureFixture) -> None:
    @plait.per_worker
    def bad() -> Iterator[int]:
        yield 1
        raise OSError("no end")

    stream = plait.map(lambda _: bad(), range(3), engine=engine, workers=1)
    with caplog.at_level(logging.ERROR, "plait"), pytest.warns(RuntimeWarning, match=r"tear-down of bad\(\).* no end"):
        assert list(stream) == [1] * 3
    (text,) = stream.report.mishaps
    assert "the tear-down of bad() on " in text
    assert "raised OSError: no end" in text
    assert f"went wrong: {text}" in str(stream.report)
    (record,) = caplog.records
    assert record.getMessage() == text
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], OSError)
    frame = record.exc_info[2]
    assert frame is not None
    assert frame.tb_frame.f_code.co_name == "bad"


@pytest.mark.parametrize("engine", ENGINES)
def test_where_warnings_are_errors_the_end_of_the_map_raises(engine: str, file: str) -> None:
    @plait.per_worker
    def bad(number: int) -> Iterator[int]:
        yield 1
        note(file, f"down {number}")
        raise OSError("no end")

    with pytest.raises(RuntimeWarning, match="no end"):
        list(plait.map(lambda _: [bad(0), bad(1)], range(3), engine=engine, workers=1))
    assert events(file) == ["down 1", "down 0"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_end_of_a_pool_tears_down_and_tells(engine: str, file: str) -> None:
    @plait.per_worker
    def bad() -> Iterator[str]:
        yield noted(file)
        raise OSError("no end")

    pool = plait.Pool(engine, workers=1)
    found = {pool.submit(bad).result() for _ in range(4)}
    assert len(found) == 1
    assert len(events(file)) == 1
    with pytest.warns(RuntimeWarning, match=r"tear-down of bad\(\).* no end"):
        pool.shutdown()
    assert len(events(file)) == 2


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_set_up_that_is_interrupted_can_clean_up(engine: str, file: str) -> None:
    @plait.per_worker
    def slow(file: str) -> Iterator[None]:
        try:
            note(file, "begins")
            while True:
                time.sleep(0.001)
            yield
        finally:
            note(file, "cleaned")

    stream = plait.map(lambda file: slow(file), [file], engine=engine)
    canceller = threading.Thread(target=cancel_when, args=(stream, file, "begins"))
    canceller.start()
    with pytest.raises(plait.errors.Cancelled):
        list(stream)
    canceller.join()
    assert events(file) == ["begins", "cleaned"]


def test_what_was_set_up_at_the_moment_of_the_stop_is_torn_down() -> None:
    """The exception arrives between the yield and the place where the value would have been kept."""
    ended: list[bool] = []

    def generator() -> Iterator[int]:
        yield 1
        ended.append(True)

    class Interrupted(dict[object, Any]):
        def __setitem__(self, key: object, instance: Any) -> None:
            if not stopped:
                stopped.append(True)
                raise StopTask
            super().__setitem__(key, instance)

    stopped: list[bool] = []
    state = WorkerState("thread-1", threading.get_ident(), lambda: None, lambda _: None)
    state.instances = Interrupted()
    with pytest.raises(StopTask):
        state.set_up("key", "generator()", generator, generator=True)
    state.end(lambda mishap: pytest.fail(mishap.text))
    assert ended == [True]


def test_a_worker_that_is_killed_tears_nothing_down_and_the_next_one_sets_up(file: str) -> None:
    def ask(n: int) -> str:
        found = noted(file)
        while n == 1:
            pass
        return found

    outcomes = list(plait.map(ask, range(4), engine="process", workers=1, timeout=0.3).outcomes())
    assert isinstance(outcomes[1].error, TaskTimeout)
    killed, survivor = outcomes[0].value, outcomes[3].value
    assert outcomes[2].value == survivor != killed
    assert events(file) == [f"up {killed}", f"up {survivor}", f"down {survivor}"]


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("how", ["leaves", "is killed", "takes too long"])
def test_a_set_up_that_costs_the_worker_is_named(how: str, inner: bool) -> None:
    @plait.per_worker
    def model() -> int:
        return ends() if inner else end()

    @plait.per_worker
    def ends() -> int:
        return end()

    def end() -> int:
        if how == "leaves":
            os._exit(3)
        elif how == "is killed":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        while True:
            pass

    def ask(n: int) -> int:
        return model() if n else n

    limit = 0.3 if how == "takes too long" else None
    fine, lost = plait.map(ask, [0, 1], engine="process", workers=1, timeout=limit).outcomes()
    assert fine.value == 0
    assert isinstance(lost.error, TaskTimeout if limit else WorkerDied)
    assert f") in the set-up of {'ends()' if inner else 'model()'}" in str(lost.error)


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "inline"])
def test_only_a_set_up_that_runs_is_named(engine: str) -> None:
    @plait.per_worker
    def model(ready: bool) -> int:
        while not ready:
            pass
        return 1

    @plait.per_worker
    def broken() -> int:
        raise LookupError

    def ask(what: str) -> int:
        if what == "a slow set-up":
            return model(False)
        with suppress(LookupError):
            broken()
        while model(True):
            pass
        return 0

    slow, later = plait.map(ask, ["a slow set-up", "none"], engine=engine, workers=1, timeout=0.3).outcomes()
    assert isinstance(slow.error, TaskTimeout)
    assert "in the set-up of model()" in str(slow.error)
    assert isinstance(later.error, TaskTimeout)
    assert "in the set-up of" not in str(later.error)


def test_a_worker_that_outgrew_its_memory_tears_down_before_it_is_replaced(file: str) -> None:
    def ask(n: int) -> str:
        kept.append(bytearray(96 << 20 if n == 0 else 0))
        return noted(file)

    kept: list[bytearray] = []
    engine = plait.engines.ProcessEngine(
        memory_bytes=100 << 20
    )  # with the interpreter it is above, and by less than a quarter
    try:
        first, *others = plait.map(ask, range(8), engine=engine, workers=1)
    finally:
        engine.close()
    assert set(others) != {first}
    assert sorted(events(file)) == sorted(f"{what} {name}" for name in {first, *others} for what in ("up", "down"))


def test_a_thread_whose_item_was_given_up_tears_down_when_it_gets_there(file: str) -> None:
    go_on = threading.Event()
    ended = threading.Event()

    @plait.per_worker
    def instance() -> Iterator[str]:
        yield noted(file)
        ended.set()

    def ask(n: int) -> str:
        found = instance()
        if n:
            go_on.wait()  # without a timeout no exception gets in
        return found

    stream = plait.map(ask, range(2), engine="thread", workers=1)
    next(stream)
    stream.cancel()
    with pytest.warns(RuntimeWarning, match="could not stop 1 thread"):
        stream.close()
    assert len(events(file)) == 1
    go_on.set()
    assert ended.wait(SLOW)


# --- ends that take too long


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (parting, thread):
        monkeypatch.setattr(module, "TEAR_DOWN_SECONDS", 0.2)
    monkeypatch.setattr(parting, "_LATE", 0.1)


def test_a_slow_tear_down_in_a_thread_is_left_behind_and_named(impatient: None) -> None:
    go_on = threading.Event()

    @plait.per_worker
    def slow() -> Iterator[int]:
        yield 1
        go_on.wait(SLOW)

    began = time.monotonic()
    with pytest.warns(RuntimeWarning, match=r"tear-down of slow\(\) on thread-1 did not end within 0.2 s"):
        assert list(plait.map(lambda _: slow(), [0], engine="thread")) == [1]
    assert time.monotonic() - began < SLOW / 2
    go_on.set()


def test_a_tear_down_that_is_left_behind_is_told_to_end_where_it_waits_in_plait(
    impatient: None,
) -> None:
    ended = threading.Event()
    never = plait.channel(None)

    @plait.per_worker
    def slow() -> Iterator[int]:
        yield 1
        try:
            never.get()
        finally:
            ended.set()

    stream = plait.map(lambda _: slow(), [0, 1], engine="thread", workers=1)
    next(stream)
    stream.cancel()
    with pytest.warns(RuntimeWarning, match=r"tear-down of slow\(\) on thread-1 did not end within 0.2 s"):
        stream.close()
    assert ended.wait(SLOW)
    assert len(stream.report.mishaps) == 1, stream.report.mishaps


def test_a_tear_down_is_no_part_of_the_block_that_was_cancelled() -> None:
    out = plait.channel(None)

    @plait.per_worker
    def rows() -> Iterator[list[int]]:
        kept: list[int] = []
        yield kept
        out.put(len(kept))

    def fails(_: int) -> None:
        raise ValueError("it fails")

    with pytest.raises(ValueError, match="it fails"), plait.scope() as scope:
        for _ in plait.map(lambda x: rows().append(x), range(3), engine="thread", workers=1):
            scope.submit(fails, 1).exception()
    assert out.get(timeout=0) >= 1


def test_a_slow_tear_down_in_a_process_is_killed_and_named(impatient: None) -> None:
    @plait.per_worker
    def slow() -> Iterator[int]:
        yield 1
        time.sleep(SLOW)

    began = time.monotonic()
    with pytest.warns(RuntimeWarning, match=r"process-1 .* was killed before .*: that took longer than 0.2 s"):
        assert list(plait.map(lambda _: slow(), [0], engine="process")) == [1]
    assert time.monotonic() - began < SLOW / 2


def test_a_process_keeps_the_time_of_its_tear_down_itself() -> None:
    @plait.per_worker
    def slow() -> Iterator[int]:
        from plait._engines import worker_end

        worker_end.TEAR_DOWN_SECONDS = 0.1  # type: ignore[misc]  # in the worker's copy
        yield 1
        time.sleep(SLOW)

    with pytest.warns(RuntimeWarning, match=r"tear-down of slow\(\) on process-1 .* took longer than 0.1 s"):
        assert list(plait.map(lambda _: slow(), [0], engine="process")) == [1]


def test_an_item_that_cannot_be_stopped_is_killed_with_what_its_worker_holds(file: str) -> None:
    def ask(n: int) -> None:
        noted(file)
        while n:
            try:
                note(file, "stubborn")
                time.sleep(SLOW)
            except BaseException:
                continue

    began = time.monotonic()
    stream = plait.map(ask, range(2), engine="process", workers=1)
    canceller = threading.Thread(target=cancel_when, args=(stream, file, "stubborn"))
    canceller.start()
    with pytest.warns(RuntimeWarning, match="was killed before it had torn down what it holds: its item did not stop"):
        assert len(list(stream.outcomes())) == 2
    canceller.join()
    assert time.monotonic() - began < SLOW / 2
    assert events(file).count("stubborn") >= 2


def cancel_when(stream: plait.Stream[Any], file: str, event: str) -> None:
    end = time.monotonic() + SLOW
    while event not in events(file) and time.monotonic() < end:
        time.sleep(0.001)  # another process can tell only by the file
    stream.cancel()


def test_what_was_computed_is_not_lost_when_a_holding_worker_is_stopped(file: str) -> None:
    def ask(n: int) -> int:
        noted(file)
        if n == 3:
            note(file, "waits")
            time.sleep(SLOW)
        return n

    stream = plait.map(ask, range(6), engine="process", workers=1)
    canceller = threading.Thread(target=cancel_when, args=(stream, file, "waits"))
    canceller.start()
    outcomes = list(stream.outcomes())
    assert len(events(file)) == 3
    canceller.join()
    assert [outcome.value for outcome in outcomes[:3]] == [0, 1, 2]
    assert all(isinstance(outcome.error, plait.errors.Cancelled) for outcome in outcomes[3:])
    assert len(outcomes) >= 4


# --- Ctrl-C, printing and logging: whole programs


PROGRAM = """
import logging, os, plait, sys, time
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)

@plait.per_worker
def instance():
    yield 1
    logging.info("logged")
    print("down")
    if len(sys.argv) > 2:
        time.sleep(60)

def ask(n):
    instance()
    if n:
        print("ready", flush=True)
        while True:
            time.sleep(0.01)

try:
    for _ in plait.map(ask, range(2), engine=sys.argv[1], workers=1):
        pass
except KeyboardInterrupt:
    print("interrupted")
"""


def interrupted(times: int, *arguments: str) -> list[str]:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    assert program.stdout is not None
    lines: list[str] = []
    try:
        for line in program.stdout:
            lines.append(line.strip())
            if lines[-1] in ("ready", "down") and times:
                times -= 1
                program.send_signal(signal.SIGINT)
        assert program.wait(20) == 0
    finally:
        program.kill()
        program.stdout.close()
        program.wait()
    return lines


@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_once_tears_down(engine: str) -> None:
    """What a worker process prints goes straight to the terminal, what it logs through this one: in either order."""
    ready, *ending, interrupted_ = interrupted(1, engine)
    assert (ready, interrupted_) == ("ready", "interrupted")
    assert sorted(ending) == ["down", "logged"]


@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_twice_does_not_wait_for_the_tear_down(engine: str) -> None:
    began = time.monotonic()
    lines = interrupted(2, engine, "slow")
    assert {"ready", "down", "interrupted"} <= set(lines)  # what it logged may have been on its way
    assert time.monotonic() - began < SLOW / 2


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    status: int


def test_a_tear_down_may_raise_an_error_that_cannot_be_changed() -> None:
    @plait.per_worker
    def session() -> Iterator[int]:
        yield 1
        raise Frozen(404)

    stream = plait.map(lambda x: x + session(), range(3), engine="thread", workers=1)
    with pytest.warns(RuntimeWarning, match="the tear-down of .*session"):
        assert list(stream) == [1, 2, 3]
    (mishap,) = stream.report.mishaps
    assert "raised Frozen" in mishap
