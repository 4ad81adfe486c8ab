"""A program under ``plait trace`` prints, returns and dies as it does without; its trace is whole, or there is a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import plait

pytestmark = pytest.mark.usefixtures("nothing_left")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

PROGRAMS = {
    "a thread that goes on": """
import atexit, threading
begun = threading.Event()
main = threading.main_thread()
def late():
    main.join()
    print("thread", main.is_alive())
threading.Thread(target=late).start()
atexit.register(print, "at exit")
print("main")
""",
    "an executor that goes on": """
import threading
from concurrent.futures import ThreadPoolExecutor
pool, said = ThreadPoolExecutor(1), threading.Event()
pool.submit(lambda: (said.wait(), threading.main_thread().join(0.05), print("item")))
print("main")
said.set()
""",
    "a log in the place of the streams": """
import sys
class Log:
    def write(self, text):
        print(text, end="", file=sys.__stdout__)
    def flush(self):
        pass
print("before")
sys.stdout = sys.stderr = Log()
print("after")
""",
    "words for an exit": "import sys; print(1); sys.exit('words')",
    "another folder": "import os, sys; print(__file__, sys.argv); os.chdir('/'); print(os.path.exists(__file__))",
    "an error": "def fail():\n    raise KeyError('lost')\n\ntry:\n    fail()\nfinally:\n    1 / 0\n",
    "an error in what is recorded": """
import asyncio, queue, threading
def fail():
    queue.Queue().get(timeout=-1)
async def main():
    try:
        fail()
    except ValueError as error:
        raise ExceptionGroup("both", [error, KeyError("lost")]) from error
thread = threading.Thread(target=fail)
thread.start()
thread.join()
asyncio.run(main())
""",
    "no Python": "print('a'\nx = )\n",
    "a hook": "import sys\nsys.excepthook = lambda *error: print('hook', error[0])\nraise KeyError\n",
    "Ctrl-C": """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupted():
    signal.raise_signal(signal.SIGINT)
    print("never")
interrupted()
""",
}


def plait_trace(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "plait", "trace", *words)


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True)


def same(folder: Path, *words: str) -> None:
    """What Python makes of a program is what we make of it, but for the summary behind it."""
    plain, traced = python(folder, *words), plait_trace(folder, "-o", "run.html", *words)
    assert traced.stdout == plain.stdout
    assert traced.stderr.startswith(plain.stderr)
    assert "plait" not in plain.stderr
    assert traced.stderr.removeprefix(plain.stderr).count("Traceback") == 0
    assert traced.returncode in (plain.returncode, 128 - plain.returncode)  # which is how a shell tells a signal
    assert "MainThread" in plait.show(folder / "run.html")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_as_without_us(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_text(PROGRAMS[name])
    same(tmp_path, "app.py", "a", "b")


@pytest.mark.parametrize("name", ["an error", "no Python"])
def test_a_module_is_as_without_us(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_text(PROGRAMS[name])
    same(tmp_path, "-m", "app")
    same(tmp_path, "-m", "nobody")


def test_an_archive_is_as_without_us(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", PROGRAMS["an error"])
    same(tmp_path, "app.zip")


def test_threads_that_go_on_are_traced(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        PROGRAMS["a thread that goes on"].replace("target=late", "target=late, name='late'")
    )
    done = plait_trace(tmp_path, "app.py")
    assert done.stdout == "main\nthread False\nat exit\n"
    assert "late" in plait.show(tmp_path / "trace.html")


def test_a_wait_for_threads_that_is_cut_short_is_not_begun_again(tmp_path: Path) -> None:
    program = (
        "import threading\ndef wait():\n    print('wait')\n    raise KeyboardInterrupt\nthreading._shutdown = wait\n"
    )
    (tmp_path / "app.py").write_text(program)
    done = plait_trace(tmp_path, "app.py")
    assert done.stdout == "wait\n"
    assert done.returncode == 0
    assert "Exception ignored in: <module 'threading'" in done.stderr
    assert done.stderr.endswith("written: trace.html\n")


@forks
@pytest.mark.parametrize("end", ["sys.exit(3)", "raise KeyError('child')", "pass"])
def test_a_forked_child_leaves_the_trace_alone(tmp_path: Path, end: str) -> None:
    program = (
        f"import os, sys\nchild = os.fork()\nif child == 0:\n    {end}\nelse:\n    print(os.waitpid(child, 0)[1])\n"
    )
    (tmp_path / "app.py").write_text(program)
    same(tmp_path, "app.py")
    assert plait_trace(tmp_path, "app.py").stderr.count("written:") == 1


@forks
def test_a_child_that_is_forked_in_the_block_writes_nothing(tmp_path: Path) -> None:
    program = """
import os, plait
with plait.trace("run.html") as trace:
    child = os.fork()
    if child:
        print(os.waitpid(child, 0)[1])
if child:
    print(bool(trace.summary), not trace.missing)
else:
    assert not trace.summary
    with plait.trace() as own:
        pass
    assert own.summary
"""
    (tmp_path / "app.py").write_text(program)
    done = python(tmp_path, "-X", "dev", "-W", "error", "app.py")
    assert done.stderr == ""
    assert done.stdout.startswith("0\nTrue ")
    assert "MainThread" in plait.show(tmp_path / "run.html")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_deadly_signal_ends_the_trace_first(tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    program = f"import os, signal\nsignal.signal({int(number)}, signal.SIG_DFL)\n"
    (tmp_path / "plain.py").write_text(f"import os\nos.kill(os.getpid(), {int(number)})\nprint('never')\n")
    done = plait_trace(tmp_path, "plain.py")
    assert done.returncode == -number
    assert done.stdout == ""
    assert done.stderr.endswith("written: trace.html\n")
    assert "MainThread" in plait.show(tmp_path / "trace.html")
    (tmp_path / "own.py").write_text(program + f"os.kill(os.getpid(), {int(number)})\n")
    assert plait_trace(tmp_path, "own.py").stderr == ""  # who asks for the default gets it


@forks
def test_a_forked_child_dies_of_a_signal_at_once(tmp_path: Path) -> None:
    program = "import os, signal\nchild = os.fork()\nif child == 0:\n    signal.raise_signal(signal.SIGTERM)\n    os._exit(1)\n"
    (tmp_path / "app.py").write_text(program + "print(os.waitpid(child, 0)[1])\n")
    same(tmp_path, "app.py")


def test_an_old_page_does_not_pass_for_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import os; os._exit(4)")
    for file in ("run.html", "run.json", "run.txt"):
        (tmp_path / file).write_text("old")
        assert plait_trace(tmp_path, "-o", file, "app.py").returncode == 4
        assert "nothing has been traced into this file" in (tmp_path / file).read_text()
        with pytest.raises(plait.errors.UsageError, match="nothing has been traced into this file"):
            plait.show(tmp_path / file)


@pytest.mark.parametrize(
    ("file", "said"), [("no/run.html", "there is no folder"), ("run.html", "is a folder"), ("loop.html", "be written")]
)
def test_where_nothing_can_be_written_nothing_is_run(tmp_path: Path, file: str, said: str) -> None:
    (tmp_path / "run.html").mkdir()
    (tmp_path / "loop.html").symlink_to("loop.html")
    (tmp_path / "app.py").write_text("print('ran')")
    done = plait_trace(tmp_path, "-o", file, "app.py")
    assert (done.stdout, done.returncode) == ("", 255)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(plait.errors.UsageError, match=said), plait.trace(tmp_path / file):
        pytest.fail("the block has begun")
    with plait.trace():
        pass  # which can be recorded: nothing is left of the one before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
@pytest.mark.parametrize(("ended", "status"), [(0, 255), (7, 7)])
def test_a_disk_that_is_full_in_the_end_costs_the_place_of_the_picture_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: int, status: int
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "other"))
    (tmp_path / "run.html").symlink_to("/dev/full")
    (tmp_path / "app.py").write_text(f"import sys; sys.exit({ended})")
    done = plait_trace(tmp_path, "-o", "run.html", "app.py")
    assert done.returncode == status
    assert done.stderr.startswith("app.py: ")
    assert "plait trace: run.html cannot be written: No space left on device; it is in " in done.stderr
    instead = Path(done.stderr.rpartition("it is in ")[2].strip())
    assert instead.is_relative_to(tmp_path / "other")
    assert "MainThread" in plait.show(instead)
    assert os.path.exists("/dev/full")


def test_the_file_is_where_it_was_when_the_program_began(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "app.py").write_text("import os; os.chdir('elsewhere')")
    assert plait_trace(tmp_path, "-o", "run.html", "app.py").returncode == 0
    (tmp_path / "block.py").write_text("import os, plait\nwith plait.trace('block.html'):\n    os.chdir('elsewhere')\n")
    assert python(tmp_path, "block.py").returncode == 0
    assert {file.name for file in tmp_path.glob("**/*.html")} == {"run.html", "block.html"}
    assert not list((tmp_path / "elsewhere").iterdir())


def test_who_does_not_wait_for_the_picture_is_told_that_there_is_none(tmp_path: Path) -> None:
    """Ctrl-C when the program has ended; here the program has it come at the right moment, half the file being there."""
    (tmp_path / "app.py").write_text(
        "import pathlib, plait._cli.trace as command\n"
        "def save(trace, path):\n"
        "    path.write_text('<!doctype html>half')\n"
        "    raise KeyboardInterrupt\n"
        "command.save = save\n"
        "print('done')\n"
    )
    done = plait_trace(tmp_path, "-o", "run.html", "app.py")
    assert (done.returncode, done.stdout) == (130, "done\n")
    assert done.stderr == "plait trace: stopped by Ctrl-C while the trace was put together; there is none in run.html\n"
    with pytest.raises(plait.errors.UsageError, match="nothing has been traced into this file"):
        plait.show(tmp_path / "run.html")


def test_whoever_has_closed_the_stream_for_errors_keeps_his_status(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys\nprint(1)\nsys.stderr.close()\nsys.exit(3)\n")
    done = plait_trace(tmp_path, "-o", "run.html", "app.py")
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 3)
    assert "MainThread" in plait.show(tmp_path / "run.html")


FORKS = """
import os, signal, sys
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))  # in the first moment of the child
from plait._cli.trace_end import LastAct
with LastAct(lambda: os.write(1, b"ended by a child")):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    pid = os.fork()
    if not pid:
        os._exit(3)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), signal.pthread_sigmask(signal.SIG_BLOCK, []) == before)
"""


@forks
def test_a_signal_in_the_first_moment_of_a_forked_child_ends_it() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{-signal.SIGTERM} True\n", "")
