"""Processes that a program forks are its own: what they do, how they end, what of multiprocessing is left."""

from __future__ import annotations

import io
import multiprocessing.util
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from test_check_outside import explore, told

FORKS = "import multiprocessing.pool, threading, time\nmp = multiprocessing.get_context('fork')\n"


pytestmark = pytest.mark.usefixtures("no_tracker_is_left")


def test_a_process_that_never_ends_is_killed_when_the_execution_has_failed(tmp_path: Path, nothing_left: None) -> None:
    source = FORKS + "mp.Process(target=time.sleep, args=(600,)).start()\nassert False"
    before = set(multiprocessing.active_children())
    assert told(explore(tmp_path, source, runs=1))[0] == "failed"
    assert set(multiprocessing.active_children()) == before


def test_the_end_waits_for_processes_and_ends_daemons(tmp_path: Path, nothing_left: None) -> None:
    source = (
        FORKS
        + """
here, there = mp.Pipe()
mp.Process(target=here.send, args=("sent",)).start()
mp.Process(target=time.sleep, args=(600,), daemon=True).start()
threading.Thread(target=len, args=("",)).start()
"""
    )
    assert told(explore(tmp_path, source, runs=2)) == ("passed", "2 schedules, not a proof")


FORKS_BESIDE_THREADS = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # as these programs do
HELD = """
import multiprocessing, os, sys, threading
mp = multiprocessing.get_context("fork")
go, held, mine, again = threading.Event(), threading.Lock(), threading.Lock(), threading.RLock()
def hold():
    with held:
        go.wait()
def status(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
other = threading.Thread(target=hold)
other.start()
while not held.locked():
    pass
"""
OVER = "go.set()\nother.join()"


@FORKS_BESIDE_THREADS
def test_a_forked_child_is_alone_and_not_under_control(tmp_path: Path, nothing_left: None) -> None:
    """Nobody is there who could give it the baton: it waited for ever for threads that a fork does not copy."""
    source = f"""{HELD}
def work():
    assert threading.main_thread() is threading.current_thread() and threading.active_count() == 1
    assert not other.is_alive() and not held.acquire(timeout=0.01)
    other.join()
    thread = threading.Thread(target=threading.Event().wait, args=(0.01,))
    thread.start()
    thread.join()
    with again:
        mine.release()
with mine, again, again:
    process = mp.Process(target=work)
    process.start()
process.join()
assert process.exitcode == 0
{OVER}
"""
    result = explore(tmp_path, source, runs=3)
    assert told(result) == ("passed", "3 schedules, not a proof"), result.record and result.record.output


@FORKS_BESIDE_THREADS
@pytest.mark.parametrize(
    ("ends", "expected"),
    [("sys.exit(4)", 4), ("sys.exit()", 0), ("sys.exit('no')", 1), ("1 / 0", 1), ("os._exit(3)", 3), ("", 0)],
)
def test_a_forked_child_ends_as_it_would(ends: str, expected: int, tmp_path: Path, nothing_left: None) -> None:
    source = f"""{HELD}
child = os.fork()
if not child:
    {ends or "pass"}
else:
    assert status(child) == {expected}
    {OVER.replace(chr(10), "; ")}
"""
    result = explore(tmp_path, source, runs=2)
    assert told(result) == ("passed", "2 schedules, not a proof"), result.record and result.record.output


@FORKS_BESIDE_THREADS
def test_a_function_that_is_called_in_a_forked_child_may_take_locks(tmp_path: Path, nothing_left: None) -> None:
    source = f"""{HELD}
import subprocess
def before():
    with mine, threading.Condition():
        pass
subprocess.run(["true"], preexec_fn=before, check=True)
{OVER}
"""
    assert told(explore(tmp_path, source, runs=2)) == ("passed", "2 schedules, not a proof")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python does not warn")
def test_the_threads_of_the_search_are_not_those_that_a_fork_is_warned_of(tmp_path: Path, nothing_left: None) -> None:
    source = f"""
import subprocess, warnings
def warned():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        subprocess.run(["true"], preexec_fn=os.getpid, check=True)
    return bool(seen)
import os
assert not warned()
{HELD}
assert warned()
{OVER}
assert not warned()
"""
    result = explore(tmp_path, source, runs=2)
    assert told(result) == ("passed", "2 schedules, not a proof")


def test_the_fork_server_serves_all_executions(tmp_path: Path) -> None:
    """Each execution took away the folder where it listens, so that the second one found nobody."""
    source = """
import multiprocessing, threading
if __name__ == "__main__":
    process = multiprocessing.get_context("forkserver").Process(target=len, args=("",))
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    process.join()
    assert process.exitcode == 0
"""
    file = tmp_path / "program.py"
    file.write_text(source)
    command = [sys.executable, "-m", "plait", "check", "--runs", "3", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ended.stdout.startswith("passed: 2 schedules"), ended.stdout + ended.stderr


@pytest.mark.parametrize("last", ["", "assert False"])
def test_pools_that_nobody_closes_say_nothing_later(tmp_path: Path, last: str) -> None:
    source = f"""
from multiprocessing.pool import ThreadPool
ThreadPool.__del__ = lambda self, **_: None  # which warns
pool = ThreadPool(2)
assert pool.map(len, ["a", "bb"]) == [1, 2]
{last}
"""
    before = set(multiprocessing.util._finalizer_registry)
    with redirect_stderr(io.StringIO()) as errors:
        result = explore(tmp_path, source, runs=2)
        multiprocessing.util._run_finalizers(1_000_000)
    assert told(result)[0] == ("failed" if last else "passed")
    left = multiprocessing.util._finalizer_registry.keys() - before
    called = {multiprocessing.util._finalizer_registry[key]._callback.__name__ for key in left}
    assert called <= {"_cleanup"}  # of the names of its locks, which go with the pool
    assert errors.getvalue() == ""


def test_a_pool_starts_no_new_workers_when_those_of_a_failed_execution_are_killed(tmp_path: Path) -> None:
    source = (
        FORKS
        + "multiprocessing.pool.Pool.__del__ = lambda self, **_: None\npool = mp.Pool(2)\nassert pool.map(abs, [-1]) == [2]"
    )
    before = set(multiprocessing.active_children())
    assert told(explore(tmp_path, source, runs=1))[0] == "failed"
    assert set(multiprocessing.active_children()) == before
