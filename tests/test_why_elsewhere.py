"""``plait why`` where the cause is another process, a locked file or the other end of a connection."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hanging import LONG, diagnosed

import plait
from plait._see.sampler import samples
from plait._see.why import ask as why
from plait._see.why import outside as why_outside
from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, OtherEnd, Thing, Thread
from plait._see.why.inside import look_inside
from plait._see.why.known import examine, step
from plait._see.why.other_end import other_end
from plait._see.why.proc import _helper, forked, waits_in
from plait._see.why.words import NOTHING

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]


def test_a_child_that_waits_for_the_rest_of_its_input() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        found = diagnosed(child.stdout.read, "A child waits for the rest of its input", child.stdin.close)
    assert f"child {child.pid}" in [step.who for step in found.steps]
    assert "p.stdin.close()" in found.cure
    assert "p.stdin.flush()" in found.cure


def test_a_process_that_has_ended_and_was_not_asked_for() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(plait.errors.PlaitError, match="this process has ended"):
            why_outside.look(child.pid)


def test_a_named_pipe_of_which_nobody_has_the_other_end(tmp_path: Path) -> None:
    pipe = tmp_path / "events"
    os.mkfifo(pipe)
    ends: list[int] = []
    found = diagnosed(
        lambda: pipe.write_text("x"),
        "waits opens a named pipe alone",
        lambda: ends.append(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)),
    )
    os.close(ends[0])
    assert found.steps[0].does == "waits until somebody opens the other end of a named pipe"
    assert found.steps[0].place.startswith("test_why_elsewhere.py:")
    assert not found.certain


def test_a_child_that_is_stopped() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.send_signal(signal.SIGSTOP)
        found = diagnosed(child.wait, "waits waits for a process that is stopped", child.kill)
    assert [(step.who, step.does) for step in found.steps[1:]] == [(f"child {child.pid}", "is stopped")]
    assert f"kill -CONT {child.pid}" in found.cure


def test_a_process_that_is_stopped_itself() -> None:
    waiting = Thread("a", 1, 1, (Frame("/home/app.py", 3, "f"),), where="do_signal_stop")
    found = diagnose(Dump(77, (waiting,)))
    assert found is not None
    assert (found.title, found.steps[0].does) == ("The process is stopped", "is stopped")
    assert "kill -CONT 77" in found.cure


@pytest.mark.parametrize(("end", "cure"), [("pipe", "See what is to write"), ("terminal", "Type it and press Enter")])
def test_standard_input_that_nobody_writes_to(end: str, cure: str) -> None:
    reads = Thread("a", 1, 1, (Frame("/home/app.py", 3, "f"),), where="wait_woken", other_end=OtherEnd(end, "0", (9,)))
    found = diagnose(Dump(77, (reads,)))
    assert found is not None
    assert (found.title, found.processes) == ("a waits for its standard input", (9,))
    assert found.cure.startswith(cure)


def test_a_terminal_is_told_from_a_socket() -> None:
    program = "import os; os.read(0, 1)"
    ours, theirs = os.openpty()
    with subprocess.Popen([sys.executable, "-S", "-c", program], stdin=theirs) as child:
        deadline = time.monotonic() + LONG
        while not (where := waits_in(child.pid, child.pid)).startswith(("wait_woken", "n_tty")):
            assert time.monotonic() < deadline, where
        assert other_end(child.pid, child.pid, where) == OtherEnd("terminal", "0")
        os.write(ours, b"x\n")
    os.close(ours)
    os.close(theirs)


def test_a_pipe_of_a_child_that_is_read_while_another_one_is_full() -> None:
    program = "import os; os.write(2, bytes(100_000)); os.write(1, b'done')"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        found = diagnosed(child.stdout.read, "A pipe is full that nobody reads", child.stderr.read)
    assert "waits for room in its standard error" in [step.does for step in found.steps]


def test_a_file_that_this_process_itself_has_locked(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as first, path.open("w") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        found = diagnosed(
            lambda: fcntl.flock(second, fcntl.LOCK_EX),
            "The file lock is locked",
            lambda: fcntl.flock(first, fcntl.LOCK_UN),
        )
    if Path("/proc/locks").read_text():
        assert "This process itself has locked it" in found.why or "Somebody" in found.why


def test_the_other_side_of_a_socket_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        found = diagnosed(lambda: ours.recv(1), "waits for", theirs.close)
        port = server.getsockname()[1]
    assert found.title.endswith(f"from 127.0.0.1:{port}")
    assert "timeout" in found.cure


def test_who_sends_to_one_who_does_not_read_comes_before_who_waits_for_clients() -> None:
    """With the lock that it keeps meanwhile."""
    lock = threading.Lock()

    def send() -> None:
        with lock:
            while True:
                try:
                    ours.sendall(b"x" * 1_000_000)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        found = diagnosed(send, "waits waits for room in a socket to 127.0.0.1:", theirs.close)
    assert "does not read" in found.why


def test_the_order_of_sockets() -> None:
    frames = {name: Frame(f"/home/{name}.py", 1, name) for name in ("accept", "read")}
    accepts = Thread(
        "MainThread", 1, 1, (frames["accept"],), False, where="inet_csk_accept", other_end=OtherEnd("socket", "")
    )
    reads = Thread(
        "reader", 2, 2, (frames["read"],), False, where="wait_woken", other_end=OtherEnd("socket", "1.2.3.4:5")
    )
    found = diagnose(Dump(1, (accepts, reads)))
    assert found is not None
    assert found.title.startswith("reader waits for")


def test_what_a_proxy_of_a_manager_waits_for(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("with lock: pass\n")
    asks = Frame("/usr/lib/python3.11/multiprocessing/connection.py", 378, "Connection._recv", {})
    proxy = Frame("/usr/lib/python3.11/multiprocessing/managers.py", 820, "BaseProxy._callmethod", {})
    main = Thread("MainThread", 1, 1, (asks, proxy, Frame(str(file), 1, "<module>")), False, where="unix_stream_read")
    found = diagnose(Dump(1, (main,), "", ((7, "futex_wait"),)))
    assert found is not None
    assert "the process of its manager" in found.cure


def test_a_queue_within_a_library_is_not_called_by_what_the_line_calls(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("root.warning('full')\n")
    put = Frame("/usr/lib/python3.11/queue.py", 140, "Queue.put", {"timeout": Thing("", 0, "None")})
    emit = Frame("/usr/lib/python3.11/logging/handlers.py", 1500, "QueueHandler.emit", {})
    found = diagnose(Dump(1, (Thread("MainThread", 1, 1, (put, emit, Frame(str(file), 1, "<module>"))),)))
    assert found is not None
    assert found.title == "Nobody takes from a queue"


def test_the_other_process_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        1: "it waits\n\nall of process 1:\n\nthe other process: plait why 2\n",
        2: "why\n\ncure\n\nall of process 2:",
    }
    monkeypatch.setattr(why, "ask", answers.get)
    assert why.why(1) == "it waits\n\nall of process 1:\n\nprocess 2: why\n\ncure\n\n"


def test_where_nothing_was_found_the_threads_of_the_other_process_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = f"{NOTHING}\n\nall of process 2:\n  a  runs at b.py:3\n       x\n\nthe other process: plait why 3"
    answers = {1: "it waits\n\nall of process 1:\n\nthe other process: plait why 2\n", 2: nothing}
    monkeypatch.setattr(why, "ask", answers.get)
    assert why.why(1).endswith(f"process 2: {NOTHING}\n\n  a  runs at b.py:3\n       x\n\n")


def test_a_worker_of_plait_is_told_from_a_child() -> None:
    """Whatever thread has started it; it is no fork with locks of its parent's threads either."""
    with plait.Pool("process", workers=1) as pool, subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        worker = pool.submit(os.getpid).result()
        dump = look_inside()
        assert worker in [pid for pid, _ in dump.workers]
        assert child.pid not in [pid for pid, _ in dump.workers]
        assert worker not in [pid for pid, _ in dump.children]
        assert child.pid in [pid for pid, _ in dump.children]
        assert not forked(worker)


def test_the_children_of_any_thread_are_seen() -> None:
    started, go = threading.Event(), threading.Event()
    children: list[int] = []

    def start() -> None:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
            children.append(child.pid)
            started.set()
            go.wait()

    thread = threading.Thread(target=start)
    thread.start()
    started.wait()
    try:
        assert children[0] in [pid for pid, _ in look_inside().children]
    finally:
        go.set()
        thread.join()


def test_a_pool_of_plait_on_processes_may_still_give_its_result() -> None:
    future = Frame("/usr/lib/python3.11/concurrent/futures/_base.py", 451, "result", {"timeout": Thing("", 0, "None")})
    drives = Frame("/lib/plait/_engines/remote_run.py", 93, "drive", {})
    threads = (
        Thread("MainThread", 1, 1, (future, Frame(__file__, 1, "test"))),
        Thread("plait-pool", 2, 2, (drives,)),
    )
    found = diagnose(Dump(1, threads, workers=((7, "hrtimer_nanosleep"),)))
    assert found is not None
    assert (found.title, found.certain, found.processes) == ("MainThread waits for worker processes", False, (7,))


def test_children_that_have_ended_do_not_count() -> None:
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert child.pid not in [pid for pid, _ in look_inside().children]


def test_a_pool_of_processes_may_still_give_its_result() -> None:
    """Its own threads wait, too, and that says nothing."""
    future = Frame("/usr/lib/python3.11/concurrent/futures/_base.py", 451, "result", {"timeout": Thing("", 0, "None")})
    manager = Frame("/usr/lib/python3.11/concurrent/futures/process.py", 346, "run", {})
    threads = (
        Thread("MainThread", 1, 1, (future, Frame(__file__, 1, "test"))),
        Thread("Thread-1", 2, 2, (manager,)),
    )
    found = diagnose(Dump(1, threads, "", ((7, "hrtimer_nanosleep"),)))
    assert found is not None
    assert (found.title, found.certain) == ("MainThread waits for another process", False)
    assert found.processes == (7,)


def test_who_sends_on_what_is_put_into_a_queue_gives_nothing_to_its_own_process() -> None:
    waits = Frame(threading.__file__, 1, "Event.wait", {"self": Thing("Event", 5), "timeout": Thing("", 6, "None")})
    feeds = Frame("/usr/lib/python3.11/multiprocessing/queues.py", 239, "_feed", {})
    main = Thread("MainThread", 1, 1, (waits, Frame(__file__, 1, "test")))
    found = diagnose(Dump(1, (main, Thread("QueueFeederThread", 2, 2, (feeds,))), "", ((7, "hrtimer_nanosleep"),)))
    assert found is not None
    assert found.title.startswith("Nobody sets")
    assert found.certain


def test_callers_that_a_fork_has_left_behind_are_no_lines() -> None:
    frames = [
        {"filename": name, "line": line, "name": "f", "locals": None} for name, line in (("a.py", 3), ("__init__", 0))
    ]
    entry = {"thread_id": 1, "active": False, "owns_gil": False, "frames": frames}
    assert [frame.place for frame in why_outside._thread(os.getpid(), entry).frames] == ["a.py:3"]


def test_callers_of_the_fork_that_multiprocessing_made_are_no_lines() -> None:
    """What a worker of a pool does is not what the thread of its parent does that has started it."""
    frames = [
        {"filename": f"/lib/multiprocessing/{name}.py", "line": 3, "name": function, "locals": None}
        for name, function in (("pool", "worker"), ("process", "_bootstrap"), ("pool", "_handle_workers"))
    ]
    entry = {"thread_id": 1, "active": False, "owns_gil": False, "frames": frames}
    assert [frame.name for frame in why_outside._thread(os.getpid(), entry).frames] == ["worker", "_bootstrap"]


@pytest.mark.parametrize(
    ("library", "lost"), [("multiprocessing/pool.py", True), ("concurrent/futures/_base.py", False)]
)
def test_that_a_pool_forgets_what_a_killed_worker_had_is_said_of_that_pool_only(library: str, lost: bool) -> None:
    name = "ApplyResult.get" if lost else "Future.result"
    future = Frame(f"/usr/lib/python3.11/{library}", 451, name, {"timeout": Thing("", 0, "None")})
    manager = Frame("/usr/lib/python3.11/concurrent/futures/process.py", 346, "run", {})
    threads = Thread("MainThread", 1, 1, (future, Frame(__file__, 1, "test"))), Thread("Thread-1", 2, 2, (manager,))
    found = diagnose(Dump(1, threads, "", ((7, "futex_wait"),)))
    assert found is not None
    assert found.title == "MainThread waits for another process"
    assert ("multiprocessing.Pool waits for that item for ever" in found.why) is lost


@pytest.mark.parametrize(
    ("line", "idle", "where", "does"),
    [
        (1, True, "do_sys_poll", "waits for events"),
        (2, True, "do_sys_poll", "waits for events, again and again,"),
        (2, False, "do_sys_poll", "runs"),
        (2, True, "futex_wait", "runs"),  # it may wait for the GIL
        (2, True, "", "runs"),
    ],
)
def test_who_waits_again_and_again_does_not_run(line: int, idle: bool, where: str, does: str) -> None:
    """As a server that looks every half second whether it is to end."""
    looks = [
        Thread("a", 1, 5, (Frame("/lib/selectors.py", number, "select"),), busy=False, where=where)
        for number in (1, line)
    ]
    thread = why_outside._over_time(looks[0], looks[1], set(), {5} if idle else set())
    assert step(examine(Dump(1, (thread,)))[0]).does == does


@pytest.mark.skipif(sys.platform != "linux", reason="it is started on Linux only")
def test_what_looks_at_the_threads_for_a_trace_is_known_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = []
    start = samples.Aside
    monkeypatch.setattr(samples, "Aside", lambda program, *rest: programs.append(program) or start(program, *rest))
    with plait.trace():
        pass
    assert [bool(_helper(program)) for program in programs] == [True]
