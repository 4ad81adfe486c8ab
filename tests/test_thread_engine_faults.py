"""The thread engine when functions fail, do not end, or are stopped."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import plait
from plait._engines import halting, timeouts
from plait._engines.halting import interruptible
from plait._engines.line_output import LineThread
from plait._engines.patience import HELD_UP, UNWIND
from plait._engines.stealing import DequePortion, Portion, TruncatedPortion
from plait._engines.thread import ThreadEngine
from plait.errors import Cancelled, StopTask, TaskTimeout

PORTIONS = [DequePortion] if not getattr(sys, "_is_gil_enabled", lambda: True)() else [TruncatedPortion, DequePortion]
LONG = 30.0  # seconds after which a test that waits has failed
SLACK = 5.0  # seconds on top of every bound, for machines that are busy with something else


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("plait-")]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = threads()
    yield
    for thread in threads():
        if thread not in before:
            thread.join(LONG)  # those that were abandoned end with their function
    assert threads() == before


@pytest.fixture(params=PORTIONS)
def engine(request: pytest.FixtureRequest) -> ThreadEngine:
    made = ThreadEngine()
    portion: type[Portion] = request.param
    made.portion = portion
    return made


class Oops(BaseException):
    """Not an Exception."""


def recurse(x: int) -> int:
    return recurse(x + 1) + 1


def spin_until(event: threading.Event) -> None:
    while not event.is_set():
        pass


def nap_until(event: threading.Event) -> None:
    while not event.is_set():
        time.sleep(0.001)


@pytest.mark.parametrize(
    "error",
    [ValueError, Oops, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, StopAsyncIteration, StopTask],
)
@pytest.mark.parametrize("timeout", [None, LONG])
def test_an_error_is_its_items_own(engine: ThreadEngine, error: type[BaseException], timeout: float | None) -> None:
    def run(x: int) -> int:
        if x % 7 == 3:
            raise error(x)
        return x

    found = list(plait.map(run, range(1000), engine=engine, timeout=timeout).outcomes())
    assert [outcome.index for outcome in found] == list(range(1000))
    for x, outcome in enumerate(found):
        if x % 7 == 3:
            assert type(outcome.error) is error
            assert outcome.error.args == (x,)
        else:
            assert outcome.error is None
            assert outcome.value == x


@pytest.mark.parametrize("error", [ValueError, Oops, SystemExit])
def test_the_first_error_is_raised_and_stops_the_rest(engine: ThreadEngine, error: type[BaseException]) -> None:
    def run(x: int) -> int:
        if x == 20:
            raise error("twenty")
        return x

    found: list[int] = []
    with pytest.raises(error, match="twenty") as raised:
        found.extend(plait.map(run, range(10_000), engine=engine, workers=2))
    assert "item 20, 20, on thread-" in "".join(raised.value.__notes__)
    assert found == list(range(20))


def test_a_builtin_that_raises_stop_iteration(engine: ThreadEngine) -> None:
    ends = [iter([1]), iter([]), iter([2])]
    found = list(plait.map(next, ends, engine=engine).outcomes())
    assert [outcome.value for outcome in found] == [1, None, 2]
    assert type(found[1].error) is StopIteration


def test_recursion_without_end_is_its_items_own(engine: ThreadEngine) -> None:
    found = list(plait.map(lambda x: recurse(x) if x == 3 else x, range(10), engine=engine).outcomes())
    assert type(found[3].error) is RecursionError
    assert [outcome.value for outcome in found if outcome.index != 3] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


# --- timeouts


def test_a_timeout_frees_the_thread_of_python_code(engine: ThreadEngine) -> None:
    never = threading.Event()

    def run(x: int) -> int:
        if x == 5:
            spin_until(never)
        return x

    began = time.perf_counter()
    stream = plait.map(run, range(50), engine=engine, timeout=0.2, workers=4)
    found = list(stream.outcomes())
    assert time.perf_counter() - began < 0.2 + 0.2 + 2 * SLACK
    error = found[5].error
    assert type(error) is TaskTimeout
    assert str(error).startswith("item 5, 5, ran longer than timeout=0.2 s on thread-")
    assert [outcome.value for outcome in found if outcome.index != 5] == [x for x in range(50) if x != 5]
    assert 0.2 <= found[5].seconds < 0.4 + SLACK


def test_a_timeout_abandons_the_thread_of_c_code_and_drops_its_result(engine: ThreadEngine) -> None:
    go = threading.Event()

    def run(x: int) -> int:
        if x == 5:
            go.wait(LONG)
        return x

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stream = plait.map(run, range(50), engine=engine, timeout=0.1, workers=2)
        found = list(stream.outcomes())
    go.set()
    assert type(found[5].error) is TaskTimeout
    assert "could not be stopped" in str(found[5].error)
    assert [outcome.value for outcome in found if outcome.index != 5] == [x for x in range(50) if x != 5]
    assert 0.1 <= found[5].seconds < 0.3 + SLACK
    assert len(stream.report.abandoned) == 1
    assert "item 5, 5" in stream.report.abandoned[0]
    assert any("could not stop 1 thread" in str(warning.message) for warning in caught)


def test_a_task_that_polls_ends_by_itself_and_still_timed_out(engine: ThreadEngine) -> None:
    def run(x: int) -> int:
        while x == 2 and not plait.current().cancelled:
            pass
        return x

    found = list(plait.map(run, range(5), engine=engine, timeout=0.05).outcomes())
    assert type(found[2].error) is TaskTimeout
    assert "could not be stopped" not in str(found[2].error)
    assert [outcome.value for outcome in found if outcome.index != 2] == [0, 1, 3, 4]


def test_a_function_that_swallows_everything_is_timed_out_all_the_same(engine: ThreadEngine) -> None:
    never = threading.Event()
    swallowed: list[type[BaseException]] = []

    def run(x: int) -> int:
        while x == 1 and len(swallowed) < 1:
            try:
                spin_until(never)
            except BaseException as error:
                swallowed.append(type(error))
        return x

    found = list(plait.map(run, range(20), engine=engine, timeout=0.05, workers=2).outcomes())
    assert type(found[1].error) is TaskTimeout
    assert swallowed == [StopTask]
    assert [outcome.value for outcome in found if outcome.index != 1] == [x for x in range(20) if x != 1]


def test_every_other_item_times_out_and_none_of_the_rest(engine: ThreadEngine) -> None:
    never = threading.Event()

    def run(x: int) -> int:
        if x % 2:
            spin_until(never)
        return x

    found = list(plait.map(run, range(12), engine=engine, timeout=0.1, workers=3).outcomes())
    assert [type(outcome.error) for outcome in found] == [type(None), TaskTimeout] * 6
    assert [outcome.value for outcome in found] == [None if x % 2 else x for x in range(12)]


def test_a_driver_that_looks_late_interrupts_an_item_before_it_gives_it_up(
    engine: ThreadEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "UNWIND", -1.0)  # as if all the time for it had passed before the first step
    never = threading.Event()
    (outcome,) = plait.map(spin_until, [never], engine=engine, timeout=0.05).outcomes()
    assert isinstance(outcome.error, TaskTimeout)
    assert "left behind" not in str(outcome.error)


@pytest.mark.parametrize("kept", ["without a core", "still without a core", "without the GIL", "no"])
@pytest.mark.parametrize("how", ["timeout", "stop"])
def test_a_thread_that_others_keep_from_running_is_given_more_time(
    engine: ThreadEngine, monkeypatch: pytest.MonkeyPatch, how: str, kept: str
) -> None:
    """Where others have the cores or the GIL an exception cannot arrive in time; a thread that sleeps is given up."""
    go, inside = threading.Event(), threading.Event()
    step = {"without a core": (0.0, 1.0, 1), "without the GIL": (0.001, 0.0, 24)}.get(kept, (0.0, 0.0, 0))
    looks = itertools.count()
    monkeypatch.setattr(halting, "core_use", lambda _: tuple(next(looks) * part for part in step))
    monkeypatch.setattr(halting, "is_runnable", lambda _: kept == "still without a core")
    monkeypatch.setattr(halting, "_LATE", -1.0)

    def run(_: int) -> None:
        inside.set()
        go.wait(LONG)

    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream = plait.map(run, [0], engine=engine, timeout=0.05 if how == "timeout" else None)
            if how == "stop":
                threading.Thread(target=lambda: inside.wait(LONG) and stream.cancel()).start()
            (outcome,) = stream.outcomes()
            took = time.perf_counter() - began
    finally:
        go.set()
    assert isinstance(outcome.error, TaskTimeout if how == "timeout" else Cancelled)
    if kept != "no":
        assert took >= halting.ROUNDS * UNWIND
    else:
        assert took < halting.ROUNDS * UNWIND + SLACK


def test_a_timeout_error_of_the_function_stays_what_it_was(engine: ThreadEngine) -> None:
    def run(_: int) -> None:
        raise TimeoutError("the server's")

    (outcome,) = plait.map(run, [0], engine=engine, timeout=LONG).outcomes()
    assert type(outcome.error) is TimeoutError
    assert outcome.error.args == ("the server's",)


def test_injections_hit_their_item_or_nothing(engine: ThreadEngine) -> None:
    """Items that end at about the time at which the exception is injected, many times over."""
    due = 0.02 + 0.05

    def run(x: int) -> int:
        end = time.perf_counter() + due + (x % 21 - 10) * 0.0002
        while time.perf_counter() < end:
            pass
        return x

    def quick(x: int) -> int:
        return run(x) if x % 50 == 0 else x

    found = list(plait.map(quick, range(1500), engine=engine, timeout=0.02, workers=2).outcomes())
    assert [outcome.index for outcome in found] == list(range(1500))
    for x, outcome in enumerate(found):
        assert outcome.value == x or (type(outcome.error) is TaskTimeout and outcome.value is None)
        assert x % 50 == 0 or outcome.error is None


def test_retries_after_a_timeout(engine: ThreadEngine) -> None:
    never = threading.Event()
    tries = []

    def run(x: int) -> int:
        tries.append(x)
        if tries.count(1) == 1 and x == 1:
            spin_until(never)
        return x

    retry = plait.Retry(1, on=TaskTimeout)
    assert list(plait.map(run, range(3), engine=engine, timeout=0.1, retry=retry)) == [0, 1, 2]
    assert sorted(tries) == [0, 1, 1, 2]


# --- stops


def ways_to_stop() -> list[object]:
    def close(stream: plait.Stream[int]) -> None:
        next(stream)
        stream.close()

    def leave(stream: plait.Stream[int]) -> None:
        for _ in stream:
            break

    def drop(stream: plait.Stream[int]) -> None:
        consumer = iter(stream)
        next(consumer)

    def raise_in_body(stream: plait.Stream[int]) -> None:
        with pytest.raises(LookupError), stream:
            next(stream)
            raise LookupError

    def cancel(stream: plait.Stream[int]) -> None:
        next(stream)
        threading.Thread(target=stream.cancel).start()
        with pytest.raises(Cancelled):
            list(stream)

    return [close, leave, drop, raise_in_body, cancel]


@pytest.mark.parametrize("stop", ways_to_stop())
@pytest.mark.parametrize("kind", ["polls", "python", "c code", "swallows"])
def test_stop_means_now(engine: ThreadEngine, stop: Callable[[object], None], kind: str) -> None:
    _stops(engine, stop, kind)


def test_threads_that_swallow_and_keep_the_gil_do_not_hold_it_up(engine: ThreadEngine) -> None:
    _stops(engine, ways_to_stop()[0], "swallows and computes")


def _stops(engine: ThreadEngine, stop: Callable[[object], None], kind: str) -> None:
    go = threading.Event()
    inside = threading.Semaphore(0)

    def run(x: int) -> int:
        if x == 0:
            for _ in range(3):
                assert inside.acquire(timeout=LONG)
            return x
        inside.release()
        if kind == "polls":
            while not plait.current().cancelled:
                pass
        elif kind == "python":
            spin_until(go)
        elif kind == "c code":
            go.wait(LONG)
        else:
            while not go.is_set():
                try:
                    spin_until(go) if kind == "swallows and computes" else nap_until(go)
                except StopTask:
                    continue
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = plait.map(run, range(100), engine=engine, workers=4)
        box = [stream]
        began: list[float] = []
        halted = stream._run.halt

        def halt() -> None:
            began.append(time.perf_counter())
            halted()

        stream._run.halt = halt  # type: ignore[method-assign]
        report = stream._run
        del stream
        stop(box.pop())
        gc.collect()
    took = time.perf_counter() - began[0]
    go.set()
    assert took < (HELD_UP if kind == "swallows and computes" else 0.3) + SLACK  # they keep us from the GIL, too
    lost = report.job.tally.abandoned
    assert (len(lost) > 0) == (kind == "c code" or kind.startswith("swallows"))
    assert all(running.worker.startswith("thread-") and running.item in range(100) for running in lost)


def test_after_cancel_the_outcomes_account_for_every_item_once(engine: ThreadEngine) -> None:
    go = threading.Event()

    def run(x: int) -> int:
        if x >= 40:
            spin_until(go)
        return x

    stream = plait.map(run, range(60), engine=engine, workers=4)
    outcomes = iter(stream.outcomes())
    found = [next(outcomes) for _ in range(40)]
    stream.cancel()
    found += outcomes
    seen = [outcome.index for outcome in found]
    assert len(set(seen)) == len(seen)
    assert set(range(40)) <= set(seen)
    assert all(outcome.value == outcome.index for outcome in found if outcome.error is None)
    assert all(isinstance(outcome.error, (Cancelled, StopTask)) for outcome in found if outcome.index >= 40)


def test_stopping_an_outer_map_stops_the_inner_one(engine: ThreadEngine) -> None:
    never = threading.Event()
    inside = threading.Event()

    def inner(x: int) -> int:
        inside.set()
        spin_until(never)
        return x

    def outer(x: int) -> int:
        if x == 0:
            assert inside.wait(LONG)
            return x
        return sum(plait.map(inner, range(4), engine=engine, workers=2))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = plait.map(outer, range(10), engine=engine, workers=2)
        assert next(stream) == 0
        began = time.perf_counter()
        stream.close()
    assert time.perf_counter() - began < 0.3 + SLACK


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread")
@pytest.mark.parametrize("kind", ["waits", "computes"])
def test_ctrl_c_stops_and_says_what_was_running(engine: ThreadEngine, kind: str) -> None:
    never = threading.Event()

    def run(x: int) -> int:
        if x == 10:
            signal.raise_signal(signal.SIGINT)
        if x >= 10:
            while not plait.current().cancelled:
                if kind == "waits":
                    never.wait(0.001)
        return x

    with pytest.raises(KeyboardInterrupt) as raised:
        list(plait.map(run, range(100), engine=engine, workers=2))
    note = "\n".join(raised.value.__notes__)
    assert "stopped after" in note
    assert "on thread-" in note
    assert len(note.splitlines()) <= 5


def test_no_exception_is_injected_into_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could leave a lock of the import system locked for the rest of the program."""
    inside, go = threading.Event(), threading.Event()
    (tmp_path / "plait_slow_module.py").write_text("import sys\nsys.plait_slow_module()\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def body() -> None:
        inside.set()
        spin_until(go)

    monkeypatch.setattr(sys, "plait_slow_module", body, raising=False)
    thread = threading.Thread(target=importlib.import_module, args=("plait_slow_module",))
    thread.start()
    assert inside.wait(LONG)
    try:
        assert not interruptible(thread)
    finally:
        go.set()
        thread.join(LONG)
    sys.modules.pop("plait_slow_module", None)


def test_a_run_may_be_closed_by_one_of_its_own_threads(engine: ThreadEngine) -> None:
    """As the garbage collector does when the run is part of a cycle and it happens to work in that thread."""
    box: list[Iterator[int]] = []
    stored, closed = threading.Event(), threading.Event()

    def run(x: int) -> int:
        if x == 1:
            assert stored.wait(LONG)
            box.pop()
            closed.set()
        return x

    consumer = iter(plait.map(run, range(10), engine=engine, workers=1))
    assert next(consumer) == 0
    box.append(consumer)
    del consumer
    stored.set()
    assert closed.wait(LONG)


# --- threads that cannot be started


def test_without_threads_the_caller_runs_the_items(engine: ThreadEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    stream = plait.map(lambda _: threading.get_ident(), range(100), engine=engine, timeout=LONG)
    assert set(stream) == {threading.get_ident()}
    text = str(stream.report)
    assert "no more than 0 threads could be started: can't start new thread" in text
    assert "the timeout was not kept" in text


def test_a_pool_without_threads_runs_what_comes_later_in_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(LineThread, "start", refuse)
    with plait.Pool("thread", workers=2) as pool:
        assert [pool.submit(abs, -n).result(LONG) for n in range(5)] == list(range(5))


def test_with_fewer_threads_than_wanted_those_do_the_work(
    engine: ThreadEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def refuse(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)

    def run(x: int) -> int:
        time.sleep(0.002)
        return x

    stream = plait.map(run, range(50), engine=engine, workers=8)
    assert list(stream) == list(range(50))
    assert stream.report.peak_workers == 2
    assert "no more than 2 threads could be started" in str(stream.report)


# --- whole programs


def program(text: str, *, wait: float = LONG) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, timeout=wait, check=False
    )


def test_a_map_at_interpreter_exit() -> None:
    done = program(
        """
        import atexit, plait
        def last():
            stream = plait.map(lambda x: 2 * x, range(1000), engine="thread", workers=4)
            print(sum(stream), stream.report.items)
        atexit.register(last)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "999000 1000\n", "")


def test_a_program_ends_although_threads_were_abandoned_and_runs_are_open() -> None:
    began = time.perf_counter()
    done = program(
        """
        import time, warnings, plait
        warnings.simplefilter("ignore")
        def run(x):
            if x:
                time.sleep(3600)
            return x
        for value in plait.map(run, range(10), engine="thread", workers=3):
            break
        keep = iter(plait.map(run, range(10), engine="thread", workers=3))
        print(value, next(keep))
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 0\n", "")
    assert time.perf_counter() - began < 5.0


INTERRUPTED = """
import sys, time, warnings, plait
warnings.simplefilter("ignore")
def run(x):
    if x == 3:
        print("running", flush=True)
    while x >= 3:
        try:
            {body}
        except {swallowed}:
            pass
    return x
try:
    list(plait.map(run, range(100), engine="thread", workers=4))
finally:
    print("over", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs POSIX signals")
@pytest.mark.parametrize("body", ["pass", "time.sleep(3600)", "time.sleep(0.001)"])
@pytest.mark.parametrize("swallowed", ["ZeroDivisionError", "BaseException"])
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_from_outside(body: str, swallowed: str, times: int) -> None:
    text = INTERRUPTED.format(body=body, swallowed=swallowed)
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        began = time.perf_counter()
        for _ in range(times):
            child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "over\n"
        took = time.perf_counter() - began
        _, errors = child.communicate(timeout=LONG)
    assert took < 0.3 + 2 * SLACK
    assert child.returncode in (-signal.SIGINT, 130, 1)
    assert "KeyboardInterrupt" in errors
    assert "on thread-" in errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_that_was_open_at_a_fork_can_be_closed_in_the_child() -> None:
    done = program(
        """
        import os, sys, warnings, plait
        warnings.simplefilter("ignore")
        consumer = iter(plait.map(lambda x: x, range(1_000_000), engine="thread", workers=2))
        assert next(consumer) == 0
        child = os.fork()
        if not child:
            del consumer
            assert list(plait.map(lambda x: x, range(100), engine="thread")) == list(range(100))
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), sum(consumer))
        """
    )
    assert (done.returncode, done.stdout) == (0, f"7 {sum(range(1_000_000))}\n"), done.stderr


TRACED = """
import sys, time, plait

def nap(x):
    while x:
        time.sleep(0.001)
    return x

outcomes = list(plait.map(nap, [0, 1, 0], engine="thread", workers=2, timeout=0.05).outcomes())
print([type(one.error).__name__ for one in outcomes])
sys.settrace(lambda *_: None)
print(nap(0))
sys.settrace(None)
"""


def test_a_debugger_works_on_after_a_thread_was_interrupted(tmp_path: Path) -> None:
    """In CPython 3.11 an exception that was taken back leaves a flag up with which tracing a call never ends."""
    program = tmp_path / "program.py"
    program.write_text(TRACED)
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout, run.stderr) == ("['NoneType', 'TaskTimeout', 'NoneType']\n0\n", "")
