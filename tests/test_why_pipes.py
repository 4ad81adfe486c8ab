"""``plait why`` where others than this process and its child have an end of a pipe, and who sleeps and looks again."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hanging import LONG, diagnosed

from plait._core.command_of import command_of
from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, OtherEnd, Thing, Thread
from plait._see.why.inside import look_inside
from plait._see.why.other_end import other_end
from plait._see.why.proc import caught, kernel_wait, waits_in

_ADOPTS = 36  # PR_SET_CHILD_SUBREAPER of prctl: processes whose parents have ended become ours

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
pytestmark = pytest.mark.usefixtures("nothing_left")


@linux
@pytest.mark.parametrize("polled", [True, False])
def test_a_child_has_ended_and_what_it_started_keeps_the_pipe_open(tmp_path: Path, polled: bool) -> None:
    """As ``daemon & echo started`` does, whose output is captured."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    shell = ["sh", "-c", f"sh -c 'read x < {gate}' & echo started"]
    with subprocess.Popen(shell, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert child.stdout is not None
        work = child.communicate if polled else child.stdout.read
        found = diagnosed(work, "A pipe is kept open by process ", lambda: gate.write_text("go on\n"))
        child.communicate()
    assert f"(sh -c read x < {gate})"[:30] in found.why
    assert "start_new_session=True" in found.cure


@linux
def test_who_comes_to_have_our_parent_when_its_own_ends_is_a_stranger(tmp_path: Path) -> None:
    """As in a program that was started by init, which adopts what has no parent any more."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    shell = ["sh", "-c", f"sh -c 'read x < {gate}' & echo started"]
    program = f"import subprocess; subprocess.check_output({shell})"
    ctypes.CDLL(None).prctl(_ADOPTS, 1, 0, 0, 0)
    try:
        with subprocess.Popen([sys.executable, "-c", program]) as reader:
            deadline = time.monotonic() + LONG
            try:
                end = None
                while end is None or not end.strangers:
                    assert time.monotonic() < deadline, end
                    end = other_end(reader.pid, reader.pid, waits_in(reader.pid, reader.pid))
            finally:
                gate.write_text("go on\n")
            (orphan,) = end.processes
        os.waitpid(orphan, 0)
    finally:
        ctypes.CDLL(None).prctl(_ADOPTS, 0, 0, 0, 0)


@linux
def test_a_pipe_from_a_parent_is_none_that_a_child_has_left_open() -> None:
    near, far = os.pipe()
    reads = Frame(__file__, 1, "reads")
    end = OtherEnd("pipe", str(near), (os.getppid(),))
    thread = Thread("MainThread", 1, 1, (reads,), where="pipe_read", other_end=end)
    found = diagnose(Dump(1, (thread,)))
    os.close(near)
    os.close(far)
    assert found is None or "kept open" not in found.title


@linux
def test_the_end_of_a_pipeline_that_does_not_read() -> None:
    """Who waits for it reads all it writes: it is not this process that keeps the first one waiting."""
    write = [sys.executable, "-S", "-c", "import os; os.write(1, bytes(200_000))"]
    with subprocess.Popen(write, stdout=subprocess.PIPE) as first:
        with subprocess.Popen(["sleep", "1000"], stdin=first.stdout, stdout=subprocess.PIPE) as second:
            title = f"Process {first.pid} waits for room in a pipe that process {second.pid} does not read"
            found = diagnosed(second.communicate, title, second.kill)
        assert first.stdout is not None
        first.stdout.close()
    assert f"process {second.pid} (sleep 1000)" in found.why
    assert "first.stdout.close()" in found.cure
    assert found.processes == (second.pid,)


@linux
def test_a_child_that_wants_the_file_that_its_parent_has_locked(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = f"import fcntl; fcntl.lockf(open({str(path)!r}, 'w'), fcntl.LOCK_EX)"
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        if not Path("/proc/locks").read_text():
            pytest.skip("the system does not tell who has locked files")
        with subprocess.Popen([sys.executable, "-S", "-c", program]) as child:
            title = "waits for a child that waits for a file which this process has locked"
            found = diagnosed(child.wait, title, lambda: fcntl.lockf(file, fcntl.LOCK_UN))
    assert found.processes == (child.pid,)


@linux
def test_who_waits_for_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        title = "waits waits for something to come through a socket"
        diagnosed(lambda: ours.recv(10), title, lambda: ours.sendto(b"x", ours.getsockname()))


@pytest.mark.parametrize("where", ["__do_sys_pause", "do_sigtimedwait.isra.0", "sigsuspend"])
def test_who_waits_for_a_signal(where: str) -> None:
    assert kernel_wait(where) == "waits for a signal"


@linux
def test_what_a_fork_waits_for_is_seen_from_inside() -> None:
    """It keeps the number that the system gave its thread in the parent."""
    program = """
import os, threading
from plait._see.why.inside import look_inside

read, write = os.pipe()

def looks():
    where = ""
    while "pipe_read" not in where:
        where = next(one for one in look_inside().threads if one.name == "MainThread").where
    print(where, flush=True)
    os.write(write, b"x")

child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    threading.Thread(target=looks).start()
    os.read(read, 1)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=LONG)
    assert "pipe_read" in run.stdout


def test_a_handler_for_the_size_of_the_terminal_ends_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = 1 << 28 - 1 | 1 << 10 - 1
    monkeypatch.setattr("plait._see.why.proc.text_of", lambda _: f"SigCgt:\t{mask:016x}\n")
    assert caught(1) == ("SIGUSR1",)


def test_what_a_process_was_started_as_is_cut_short() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", f"{' ' * 100}input()"], stdin=subprocess.PIPE) as child:
        said = command_of(child.pid)
        assert len(said) <= 63
        child.communicate(b"x\n")
    assert command_of(child.pid) == ""


def test_a_pool_whose_thread_for_results_has_ended() -> None:
    pool = "/usr/lib/python3.13/multiprocessing/pool.py"
    asks = Frame(pool, 451, "ApplyResult.get", {"timeout": Thing("", 0, "None")})
    main = Thread("MainThread", 1, 1, (asks, Frame(__file__, 1, "test")))
    services = [Thread(name, 2, 2, (Frame(pool, 1, name),)) for name in ("_handle_workers", "_handle_tasks")]
    children = ((7, "futex_wait"),)
    found = diagnose(Dump(1, (main, *services), "", children))
    assert found is not None
    assert found.title == "MainThread waits for a pool that takes no results any more"
    whole = Thread("_handle_results", 3, 3, (Frame(pool, 1, "_handle_results"),))
    found = diagnose(Dump(1, (main, *services, whole), "", children))
    assert found is not None
    assert found.title == "MainThread waits for another process"


def test_each_wait_for_another_process_has_its_own_cure() -> None:
    for kind, cure in (("Barrier", "parties"), ("Event", "set()"), ("Condition", "notify()")):
        library = Frame(
            "/usr/lib/python3.13/multiprocessing/synchronize.py", 1, f"{kind}.wait", {"self": Thing(kind, 5)}
        )
        main = Thread("MainThread", 1, 1, (library, Frame(__file__, 1, "test")))
        found = diagnose(Dump(1, (main,), "", ((7, "futex_wait"),)))
        assert found is not None
        assert cure in found.cure


def test_files_that_are_polled_together_are_looked_at() -> None:
    """The select.poll() of a program that reads no pipe of a child is not told as one."""
    near, far = socket.socketpair()
    with near, far:
        both = select.poll()
        both.register(near, select.POLLIN)
        thread = threading.Thread(target=both.poll, name="polls")
        thread.start()
        ends = [one.other_end for one in look_inside().threads if one.name == "polls"]
        far.send(b"x")
        thread.join()
    assert ends == [None]


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ("while not done():\n    time.sleep(0.01)", "goes on while `not done()`"),
        ("while True:\n    if done():\n        break\n    time.sleep(0.01)", "goes on until `done()`"),
    ],
)
def test_who_sleeps_and_looks_again_is_told_by_what_ends_that(tmp_path: Path, loop: str, said: str) -> None:
    file = tmp_path / "polls.py"
    file.write_text(f"import time\n{loop}\n")
    line = len(loop.splitlines()) + 1
    main = Thread("MainThread", 1, 1, (Frame(str(file), line, "ask"), Frame(__file__, 1, "main")))
    found = diagnose(Dump(1, (main,)))
    assert found is not None
    assert (found.title, found.certain) == ("MainThread sleeps, and looks again and again", False)
    assert said in found.why
    assert [one.place for one in found.steps] == [f"polls.py:{line}", "polls.py:2", "test_why_pipes.py:1"]


@pytest.mark.parametrize(
    "loop",
    [
        "while True:\n    work()\n    time.sleep(1)",
        "while True:\n    for one in all():\n        if one: break\n    time.sleep(1)",
        "for one in all():\n    time.sleep(1)",
    ],
)
def test_who_sleeps_in_a_loop_without_an_end_looks_for_nothing(tmp_path: Path, loop: str) -> None:
    file = tmp_path / "polls.py"
    file.write_text(f"import time\n{loop}\n")
    main = Thread("MainThread", 1, 1, (Frame(str(file), len(loop.splitlines()) + 1, "ask"),))
    assert diagnose(Dump(1, (main,))) is None


def test_who_looks_again_is_not_told_while_somebody_runs(tmp_path: Path) -> None:
    file = tmp_path / "polls.py"
    file.write_text("import time\nwhile not done:\n    time.sleep(1)\nwork()\n")
    main = Thread("MainThread", 1, 1, (Frame(str(file), 3, "ask"),))
    runs = Thread("other", 2, 2, (Frame(str(file), 4, "work"),), busy=True)
    found = diagnose(Dump(1, (main, runs)))
    assert found is None or "looks again" not in found.title


@pytest.mark.parametrize(
    ("function", "busy", "where", "told"),
    [
        ("_handle_tasks", True, "", "pickles the arguments"),
        ("_handle_tasks", None, "anon_pipe_write", "pickles the arguments"),
        ("_handle_results", True, "", "unpickles it"),
        ("_handle_workers", True, "", ""),
        ("_handle_tasks", False, "futex_do_wait", ""),
    ],
)
def test_who_carries_the_data_of_a_pool_is_told(function: str, busy: bool | None, where: str, told: str) -> None:
    """Its workers wait for that thread: nothing says that one of them was killed."""
    pool = "/usr/lib/python3.13/multiprocessing/pool.py"
    asks = Frame(pool, 451, "ApplyResult.get", {"timeout": Thing("", 0, "None")})
    main = Thread("MainThread", 1, 1, (asks, Frame(__file__, 1, "test")))
    names = ["_handle_workers", "_handle_tasks", "_handle_results"]
    services = [Thread(name, 2, 2, (Frame(pool, 1, name),)) for name in names]
    at = names.index(function)
    services[at] = services[at]._replace(busy=busy, where=where)
    found = diagnose(Dump(1, (main, *services), "", ((7, "futex_do_wait"),)))
    assert found is not None
    assert found.title.endswith("data are on their way") is bool(told)
    assert any(told in step.does for step in found.steps)
    assert ("was killed" in found.why or "is killed" in found.why) is not bool(told)
