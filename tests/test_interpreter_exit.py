"""Programs that end while interpreters are idle, busy, or left behind: never a hang, always their own exit status."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

if sys.version_info < (3, 14):
    pytest.skip("CPython 3.14 and later have interpreters with a GIL of their own", allow_module_level=True)

SOURCE = Path(__file__).resolve().parents[1] / "src"
LIMIT = 40  # seconds: a program that hangs would last for ever

STUBBORN = {
    "sleep": "time.sleep(600)",
    "read": "os.read(os.pipe()[0], 1)",
    "lock": "threading.Lock().acquire() and threading.Event().wait()",
    "native": "sum(itertools.repeat(1))",
    "regex": "re.match('(a+)+b', 'a' * 60)",
    "swallow": "swallow()",
    "threads": "[threading.Thread(target=time.sleep, args=(600,)).start() for _ in range(3)] and 1",
}

PROGRAM = """
    import itertools, os, plait, re, sys, tempfile, threading, time, warnings

    warnings.simplefilter("ignore", RuntimeWarning)

    def swallow():
        while True:
            try:
                while True:
                    [str(n) for n in range(100)]
            except BaseException:
                pass

    def work(path):
        if path:
            open(path, "w").close()
            {stubborn}
        return 1
    """


def program(stubborn: str, rest: str) -> str:
    return textwrap.dedent(PROGRAM).replace("{stubborn}", stubborn) + textwrap.dedent(rest)


def run(text: str) -> tuple[str, str, int]:
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        timeout=LIMIT,
        check=False,
    )
    return done.stdout, done.stderr, done.returncode


@pytest.mark.parametrize("kind", STUBBORN)
def test_what_a_timeout_left_behind_does_not_hold_up_the_end(kind: str, tmp_path: Path) -> None:
    rest = f"""
        stream = plait.map(work, [r"{tmp_path}/a", "", ""], engine="interpreter", workers=2, timeout=0.3)
        outcomes = list(stream.outcomes())
        print([type(outcome.error).__name__ for outcome in outcomes], outcomes[1].value)
        sys.exit(7)
        """
    out, err, status = run(program(STUBBORN[kind], rest))
    expected = "NoneType" if kind == "threads" else "TaskTimeout"
    assert (out, status) == (f"['{expected}', 'NoneType', 'NoneType'] 1\n", 7), err
    assert err == ""


def test_before_the_process_goes_on_nothing_runs_in_what_was_left_behind(tmp_path: Path) -> None:
    """Neither the function nor the halter: CPython takes apart what they run on, and crashes then."""
    rest = f"""
        import gc
        from plait._engines.board import HALT, MODE, PARKED, RESTING
        from plait._engines.interpreters.interpreter_thread import InterpreterThread

        list(plait.map(work, [r"{tmp_path}/a"], engine="interpreter", workers=1, timeout=0.1).outcomes())
        (child,) = (each for each in gc.get_objects() if isinstance(each, InterpreterThread) and each.alive)
        while not child.park():
            time.sleep(0.001)
        words = child._board.words
        print(words[MODE] == PARKED, words[HALT] == RESTING)
        sys.exit(7)
        """
    assert run(program(STUBBORN["swallow"], rest)) == ("True True\n", "", 7)


@pytest.mark.parametrize("kind", ["native", "swallow", "sleep"])
def test_what_runs_at_the_end_does_not_hold_it_up(kind: str, tmp_path: Path) -> None:
    """A map in a daemon thread, which nobody stops."""
    rest = f"""
        def consume():
            list(plait.map(work, [r"{tmp_path}/a"] * 4, engine="interpreter", workers=2))

        threading.Thread(target=consume, daemon=True).start()
        while not os.path.exists(r"{tmp_path}/a"):
            time.sleep(0.001)
        sys.exit(7)
        """
    out, err, status = run(program(STUBBORN[kind], rest))
    assert (out, err, status) == ("", "", 7)


def test_an_engine_that_nobody_closed_ends_with_the_program() -> None:
    rest = """
        engine = plait.engines.make_engine("interpreter")
        print(sum(plait.map(work, [""] * 100, engine=engine, workers=3)))
        """
    assert run(program("", rest)) == ("100\n", "", 0)


def test_a_pool_that_nobody_closed_finishes_its_calls() -> None:
    rest = """
        pool = plait.Pool("interpreter", workers=2)
        futures = [pool.submit(print, n, flush=True) for n in range(3)]
        """
    out, err, status = run(program("", rest))
    assert (sorted(out.split()), err, status) == (["0", "1", "2"], "", 0)


def test_an_exception_ends_the_program_as_ever(tmp_path: Path) -> None:
    rest = f"""
        with plait.map(work, [r"{tmp_path}/a", ""], engine="interpreter", workers=2, order="completion") as stream:
            print(next(iter(stream)))
            while not os.path.exists(r"{tmp_path}/a"):
                time.sleep(0.001)
            raise LookupError("mine")
        """
    out, err, status = run(program(STUBBORN["native"], rest))
    assert (out, status) == ("1\n", 1)
    assert err.rstrip().endswith("LookupError: mine")


def test_exit_handlers_and_output_come_out() -> None:
    rest = """
        import atexit
        atexit.register(print, "goodbye")
        outcomes = list(plait.map(work, [os.devnull], engine="interpreter", timeout=0.2).outcomes())
        atexit.register(print, "at first")
        print("last line", end="")
        """
    out, err, status = run(program(STUBBORN["native"], rest))
    assert (out, err, status) == ("last lineat first\ngoodbye\n", "", 0)


def test_when_the_list_cannot_be_read_the_program_ends_at_once_and_says_so() -> None:
    rest = """
        from plait._engines.interpreters import unlinking
        unlinking._COOKIE = b"anything"
        print("kept")
        list(plait.map(work, [os.devnull], engine="interpreter", timeout=0.2).outcomes())
        """
    out, err, status = run(program(STUBBORN["native"], rest))
    assert (out, status) == ("kept\n", 1)
    assert "cannot be stopped and CPython would wait for it: the process ends here" in err


def test_ctrl_c_names_what_was_running(tmp_path: Path) -> None:
    rest = f"""
        import signal
        def interrupt():
            while not os.path.exists(r"{tmp_path}/a"):
                time.sleep(0.001)
            time.sleep(0.05)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=interrupt, daemon=True).start()
        list(plait.map(work, [r"{tmp_path}/a"], engine="interpreter", workers=1))
        """
    _, err, status = run(program("while True: pass", rest))
    assert status != 0
    assert "KeyboardInterrupt" in err
    assert "plait: stopped after 0 items; 1 was running" in err
    assert "on interpreter-1" in err


def test_nothing_is_left_open_that_a_warning_would_tell_of() -> None:
    script = """
        import plait
        def work(n):
            import warnings
            return n, input.__name__
        print(list(plait.map(work, [1], engine="interpreter")))
        """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.stdout, done.stderr) == ("[(1, 'input')]\n", "")
