"""The process engine with the means that every system has, forced on Linux: what it promises beyond the contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import wait
from pathlib import Path

import psutil
import pytest
from faulty import closes_all

import plait
from plait._engines import portable_posix
from plait._engines.portable_posix import PosixSystem
from plait.engines import ProcessEngine
from plait.errors import MemoryExceeded, PlaitError, TaskTimeout, WorkerDied

pytestmark = pytest.mark.usefixtures("nothing_left")

NO_TIME_AT_ALL = 1.0  # seconds that workers may outlive their driver
SOON = 30.0  # seconds after which something that should happen will not happen any more


@pytest.fixture
def engine():
    engine = ProcessEngine(portable=True)
    yield engine
    engine.close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for temporary files, which nobody else uses."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


# --- results


def test_results_come_in_order_and_in_full(engine):
    assert list(plait.map(lambda x: x * x, range(20_000), engine=engine, workers=3)) == [x * x for x in range(20_000)]


def test_the_same_workers_serve_the_next_map(engine):
    first = set(plait.map(lambda _: os.getpid(), range(50), engine=engine, workers=1))
    assert set(plait.map(lambda _: os.getpid(), range(50), engine=engine, workers=1)) == first


def test_arrays_go_in_and_out_through_shared_memory(engine):
    numpy = pytest.importorskip("numpy")
    arrays = [numpy.full((256, 256), float(number)) for number in range(20)]

    def add(array):
        return array + 1.0, array.flags.writeable

    for number, (result, writable) in enumerate(plait.map(add, arrays, engine=engine, workers=2)):
        assert not writable, "the argument is a copy, not a view of the driver's memory"
        assert (result == number + 1.0).all()
        result += 1.0  # results are the caller's own


def test_a_result_outlives_its_worker_and_its_engine(folder):
    engine = ProcessEngine(portable=True)
    (value,) = plait.map(lambda n: bytearray(b"x" * n), [1 << 20], engine=engine)
    engine.close()
    assert value == b"x" * (1 << 20)


def test_a_frame_larger_than_any_buffer_without_shared_memory(engine, monkeypatch):
    monkeypatch.setattr(PosixSystem, "arena", _no_memory)
    items = [os.urandom(5_000_000) for _ in range(4)]
    assert list(plait.map(lambda data: data[::-1], items, engine=engine, workers=2)) == [item[::-1] for item in items]


def test_an_arena_that_is_full_does_not_matter(engine, monkeypatch):
    monkeypatch.setattr(portable_posix, "_LARGEST", 1 << 21)
    items = [os.urandom(1 << 20) for _ in range(12)]
    assert list(plait.map(bytes.upper, items, engine=engine, workers=2)) == [item.upper() for item in items]


def test_prints_of_workers_reach_the_terminal():
    script = 'import plait; list(plait.map(print, "abc", engine=plait.engines.ProcessEngine(portable=True), workers=1))'
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=SOON, check=True)
    assert done.stdout == "a\nb\nc\n"
    assert done.stderr == ""


# --- what breaks


def test_a_worker_killed_by_a_signal_is_named(engine):
    outcomes = list(plait.map(_die, ["fine", "kill", "fine"], engine=engine, workers=2).outcomes())
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    error = outcomes[1].error
    assert isinstance(error, WorkerDied)
    assert error.signal == signal.SIGKILL
    assert "SIGKILL" in str(error)
    assert f"pid {error.pid}" in str(error)


def test_a_worker_that_leaves_is_named_with_its_exit_code(engine):
    (outcome,) = plait.map(_die, ["leave"], engine=engine).outcomes()
    assert isinstance(outcome.error, WorkerDied)
    assert outcome.error.exit_code == 7


def test_the_last_words_of_a_crash_are_told(engine):
    (outcome,) = plait.map(_die, ["crash"], engine=engine).outcomes()
    assert isinstance(outcome.error, WorkerDied)
    assert outcome.error.signal == signal.SIGSEGV
    assert "in _die" in str(outcome.error)
    assert f"plait{os.sep}_" not in str(outcome.error)  # not what is below: our own lines help nobody


def test_the_last_words_of_a_crash_have_none_of_our_lines():
    (outcome,) = plait.map(_die, ["crash"], engine="process").outcomes()
    assert "in _die" in str(outcome.error)
    assert f"plait{os.sep}_" not in str(outcome.error)
    assert "<string>" not in str(outcome.error)


FORKS = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # from CPython 3.15 on fork() raises it


@FORKS
def test_the_death_of_a_worker_is_noticed_although_its_child_holds_its_sockets(engine, tmp_path):
    (outcome,) = plait.map(_leave_a_child, [str(tmp_path / "child")], engine=engine).outcomes()
    assert isinstance(outcome.error, WorkerDied)
    assert outcome.error.exit_code == 9
    child = int((tmp_path / "child").read_text())
    _wait_until(lambda: not _lives(child))


def test_a_timeout_kills_the_worker_and_costs_one_item(engine):
    outcomes = list(plait.map(_sleep, [0, 600, 0], engine=engine, workers=2, timeout=0.3).outcomes())
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].error, TaskTimeout)


def test_cancel_stops_what_runs(engine, tmp_path):
    mark = tmp_path / "began"
    stream = plait.map(_mark_and_sleep, [str(mark)], engine=engine)
    canceller = threading.Thread(target=lambda: (_wait_until(mark.exists), stream.cancel()))
    canceller.start()
    with pytest.raises(plait.errors.Cancelled):
        list(stream)
    canceller.join()


def test_leaving_the_loop_ends_what_workers_have_started(engine, tmp_path):
    mark = tmp_path / "grandchild"
    for _ in plait.map(_start_a_sleeper, [str(mark), str(tmp_path / "never")], engine=engine, workers=2):
        break
    pid = int(mark.read_text())
    engine.close()
    _wait_until(lambda: not _lives(pid))


def test_memory_above_the_limit_is_found():
    engine = ProcessEngine(portable=True, memory_bytes=200 << 20)
    try:
        (outcome,) = plait.map(_fill_memory, [400 << 20], engine=engine).outcomes()
        assert isinstance(outcome.error, MemoryExceeded)
    finally:
        engine.close()


def test_a_system_that_refuses_processes_is_reported(engine, monkeypatch):
    monkeypatch.setattr(PosixSystem, "spawn", _refuse)
    with pytest.raises(PlaitError, match="Resource temporarily unavailable"):
        list(plait.map(abs, [1], engine=engine))


def test_a_system_that_refuses_more_processes_leaves_the_work_to_those_there_are(engine, monkeypatch):
    spawn = PosixSystem.spawn
    started = []

    def one_only(self, *arguments):
        if started:
            _refuse(self)
        started.append(spawn(self, *arguments))
        return started[0]

    monkeypatch.setattr(PosixSystem, "spawn", one_only)
    stream = plait.map(lambda x: x + 1, range(100), engine=engine, workers=3)
    assert list(stream) == list(range(1, 101))
    started.clear()


def test_an_interpreter_that_does_not_exist_is_an_error_that_says_so(engine, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(FileNotFoundError, match="/no/such/python"):
        list(plait.map(abs, [1], engine=engine))


@pytest.mark.parametrize("folder", ["is not there", "is a file"])
def test_a_folder_for_temporary_files_that_takes_none_is_said_with_its_cure(engine, monkeypatch, folder):
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder" if folder == "is not there" else __file__)
    with pytest.raises(PlaitError, match="no worker process could be started: .* set TMPDIR"):
        list(plait.map(abs, [1], engine=engine))


def test_a_worker_that_cuts_its_link_is_killed_and_told(engine, tmp_path):
    (outcome,) = plait.map(closes_all, [str(tmp_path / "pid")], engine=engine).outcomes()
    assert "os.closerange()" in str(outcome.error)
    _wait_until(lambda: not _lives(int((tmp_path / "pid").read_text())))


def test_a_worker_does_not_end_for_a_lifeline_that_was_cut_before_it_listened():
    """The driver is there, and is to tell that the link was cut."""
    script = """
import os, socket
from plait._engines.portable_worker import _end_with_driver

cut, reused = socket.socket(), socket.socket()
os.close(cut.fileno())
_end_with_driver(cut)
with open(os.devnull, "rb") as other:
    os.dup2(other.fileno(), reused.fileno())
    _end_with_driver(reused)
print("goes on")
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False, start_new_session=True
    )
    assert done.stdout == "goes on\n", done


def test_a_task_that_is_to_stop_ends_the_workers_whole_that_it_is_ending(engine, monkeypatch):
    (pid,) = plait.map(lambda _: os.getpid(), [1], engine=engine, workers=1)
    os.kill(pid, signal.SIGSTOP)  # it ends by being killed alone
    killed, kill, ended = [], PosixSystem.kill, []
    in_there = threading.Event()

    def slowly(self, process):
        killed.append(process)
        in_there.set()

    def close():
        engine.close()
        ended.append("whole")

    monkeypatch.setattr(PosixSystem, "kill", slowly)
    with plait.scope("thread") as s:
        task = s.submit(close)
        assert in_there.wait(SOON)
        task.cancel()
        wait([task], 0.5)  # in which an exception would be there
        for process in killed:
            kill(PosixSystem(), process)
    assert ended == ["whole"]


# --- what is left


def test_no_file_is_left_even_while_it_works(engine, folder):
    numpy = pytest.importorskip("numpy")
    for _ in plait.map(lambda a: a * 2, [numpy.ones(100_000)] * 6, engine=engine, workers=2):
        assert os.listdir(folder) == []


@FORKS
def test_a_forked_child_neither_ends_the_workers_nor_waits_for_them(engine):
    before = set(plait.map(lambda _: os.getpid(), range(50), engine=engine, workers=1))
    child = os.fork()
    if child == 0:
        try:
            engine.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert set(plait.map(lambda _: os.getpid(), range(50), engine=engine, workers=1)) == before


@pytest.mark.parametrize("work", ["time.sleep(600)", "while True: pass", "subprocess.run(['sleep', '600'])"])
def test_workers_end_with_a_driver_that_is_killed(folder, work):
    mark = folder / "began"
    script = f"""
        import os, subprocess, time, plait
        def work(path):
            open(path, "a").write(f"{{os.getpid()}}\\n")
            {work}
        if __name__ == "__main__":
            engine = plait.engines.ProcessEngine(portable=True)
            list(plait.map(work, [{str(mark)!r}] * 2, engine=engine, workers=2))
    """
    environment = {**os.environ, "TMPDIR": str(folder)}
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], env=environment)
    try:
        _wait_until(lambda: mark.exists() and mark.read_text().count("\n") == 2)
        pids = [int(line) for line in mark.read_text().split()]
        family = pids + [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]
    finally:
        driver.kill()
        driver.wait()
    killed = time.monotonic()
    _wait_until(lambda: not any(map(_lives, family)))
    assert time.monotonic() - killed < NO_TIME_AT_ALL
    assert os.listdir(folder) == ["began"]


# --- helpers


def _die(how):
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "leave":
        os._exit(7)
    elif how == "crash":
        import ctypes

        ctypes.string_at(0)
    return how


def _leave_a_child(path):
    child = os.fork()
    if child == 0:
        time.sleep(600)
    Path(path).write_text(str(child))
    os._exit(9)


def _sleep(seconds):
    time.sleep(seconds)


def _mark_and_sleep(path):
    Path(path).touch()
    time.sleep(600)


def _start_a_sleeper(path):
    if path.endswith("never"):
        time.sleep(600)
    Path(path).write_text(str(subprocess.Popen(["sleep", "600"]).pid))


def _fill_memory(size):
    data = bytearray(size)
    data[::4096] = b"x" * len(data[::4096])
    time.sleep(600)


def _no_memory(self):
    raise OSError("no memory to share")


def _refuse(self, *arguments):
    raise BlockingIOError(11, "Resource temporarily unavailable")


def _lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until(happened):
    """The processes in question cannot tell when they are gone: ask again and again."""
    end = time.monotonic() + SOON
    while not happened():
        assert time.monotonic() < end, f"it did not happen within {SOON} seconds"
        time.sleep(0.002)
