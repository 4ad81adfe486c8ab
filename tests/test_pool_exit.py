"""Pool at the end of a program, and when Ctrl-C is pressed: whole programs, run as a user runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
ENGINES = ["inline", "thread", "process"]

# Presses Ctrl-C when the main thread has come to wait inside a function of that name, and again until it is awake:
# Python overlooks a signal that comes when a thread is about to wait, until it has waited. Two that come together are one.
INTERRUPT = """
        import plait, signal, sys, threading, time

        def interrupt_in(function):
            def waits(frame):
                return frame.f_code.co_name in ("wait", "_wait") and function in callers(frame)

            def interrupt():
                while not waits(frame := sys._current_frames()[main]):
                    time.sleep(0.001)
                while sys._current_frames()[main] is frame:
                    signal.pthread_kill(main, signal.SIGINT)
                    time.sleep(0.001)

            main = threading.main_thread().ident
            threading.Thread(target=interrupt).start()

        def callers(frame):
            while frame := frame.f_back:
                yield frame.f_code.co_name
        """


@contextmanager
def start(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A running program, killed with its workers at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def run(program: str, *arguments: str) -> tuple[str, str, int]:
    with start(program, *arguments) as process:
        out, err = process.communicate(timeout=20)
        return out, err, process.returncode


@pytest.mark.parametrize("engine", ENGINES)
def test_pending_calls_are_finished_before_the_program_exits(engine: str) -> None:
    out, err, status = run(
        """
        import plait, sys, time
        pool = plait.Pool(sys.argv[1], workers=2)
        for number in range(8):
            pool.submit(time.sleep, 0.02)
        pool.submit(print, "last")
        """,
        engine,
    )
    assert (out, err, status) == ("last\n", "", 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_also_after_shutdown_without_waiting(engine: str) -> None:
    out, err, status = run(
        """
        import plait, sys, time
        pool = plait.Pool(sys.argv[1], workers=2)
        pool.submit(time.sleep, 0.2)
        pool.submit(print, "last")
        pool.shutdown(wait=False)
        """,
        engine,
    )
    assert (out, err, status) == ("last\n", "", 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_also_when_nobody_refers_to_the_pool(engine: str) -> None:
    out, err, status = run("import plait, sys; plait.Pool(sys.argv[1]).submit(print, 'last')", engine)
    assert (out, err, status) == ("last\n", "", 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_submitting_after_the_end_is_refused_in_the_words_of_the_standard_library(engine: str) -> None:
    out, err, status = run(
        """
        import atexit, plait, sys
        used, unused = plait.Pool(sys.argv[1]), plait.Pool(sys.argv[1])
        used.submit(int).result()

        @atexit.register
        def late():
            for pool in (used, unused, plait.Pool(sys.argv[1])):
                try:
                    pool.submit(int)
                except RuntimeError as error:
                    print(error)
        """,
        engine,
    )
    assert out == "cannot schedule new futures after interpreter shutdown\n" * 3
    assert (err, status) == ("", 0)


def test_calls_that_run_at_the_end_may_not_submit_more() -> None:
    out, err, status = run(
        """
        import plait, threading, time
        pool = plait.Pool("thread", workers=2)
        both = threading.Barrier(2)  # CPython 3.12.0 and 3.12.1 start no thread at exit
        list(pool.map(lambda _: both.wait(), range(2)))

        def late():
            while True:
                try:
                    pool.submit(int).result()
                except RuntimeError as error:
                    print(error)
                    return

        pool.submit(late)
        """
    )
    assert (out, err, status) == ("cannot schedule new futures after interpreter shutdown\n", "", 0)


def test_a_pool_imported_at_exit_says_so() -> None:
    out, err, status = run(
        """
        import atexit, threading

        @atexit.register
        def late():
            import plait
            try:
                plait.Pool("thread").submit(int)
            except RuntimeError as error:
                print(error)
        """
    )
    assert (out, err, status) == ("cannot schedule new futures after interpreter shutdown\n", "", 0)


def test_a_program_that_kills_itself_leaves_no_worker() -> None:
    out, _, status = run(
        """
        import os, plait, signal
        pool = plait.Pool("process", workers=2)
        print(pool.submit(os.getpid).result())
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert status == -signal.SIGKILL
    worker = Path("/proc") / out.strip()
    for _ in range(100_000):
        if not worker.exists():
            return
        os.sched_yield()
    assert not worker.exists() or "zombie" in (worker / "status").read_text()


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_ctrl_c_interrupts_waiting_for_a_future(engine: str) -> None:
    """The exception reaches the program at once; the calls that run are waited for, those that wait are cancelled."""
    out, err, _ = run(
        INTERRUPT
        + """
        with plait.Pool(sys.argv[1], workers=1) as pool:
            running = pool.submit(time.sleep, 1.0)
            waiting = [pool.submit(time.sleep, 60) for _ in range(5)]
            interrupt_in("result")
            try:
                waiting[-1].result()
            except KeyboardInterrupt:
                print("interrupted")
                raise
        """,
        engine,
    )
    assert out == "interrupted\n"
    assert err.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_second_ctrl_c_stops_what_runs(engine: str) -> None:
    out, err, status = run(
        INTERRUPT
        + """
        def forever():
            while True:
                time.sleep(0.01)

        pool = plait.Pool(sys.argv[1], workers=1)
        running, waiting = pool.submit(forever), pool.submit(forever)
        for time_ in ("once", "twice"):
            interrupt_in("join")
            try:
                pool.shutdown()
            except KeyboardInterrupt:
                print(time_, waiting.cancelled())
        print(type(running.exception()).__name__)
        """,
        engine,
    )
    assert (out, status) == ("once True\ntwice True\nCancelled\n", 0), err


@pytest.mark.parametrize("engine", ENGINES)
def test_nested_pools_and_maps_at_exit(engine: str) -> None:
    out, err, status = run(
        """
        import plait, sys

        def work(n):
            with plait.Pool("thread", workers=2) as inner:
                return sum(inner.map(int, range(n)))

        with plait.Pool(sys.argv[1], workers=2) as pool:
            print([future.result() for future in [pool.submit(work, n) for n in range(5)]])
            print(list(plait.map(work, range(5), engine=pool)))
        """,
        engine,
    )
    assert (out, err, status) == ("[0, 0, 1, 3, 6]\n" * 2, "", 0)
