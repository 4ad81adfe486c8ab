"""What a program leaves of multiprocessing ends with its execution: processes, finalizers, the threads of its pools."""

from __future__ import annotations

import io
import multiprocessing.util
from collections.abc import Iterator
from contextlib import redirect_stderr
from multiprocessing import resource_tracker
from pathlib import Path

import pytest
from test_check_outside import explore, told

FORKS = "import multiprocessing.pool, threading, time\nmp = multiprocessing.get_context('fork')\n"


@pytest.fixture(scope="module", autouse=True)
def _no_tracker_is_left() -> Iterator[None]:
    """What `multiprocessing` starts for the names of its locks, from Python 3.14 on; the names go before it."""
    resource_tracker.ensure_running()
    registry = multiprocessing.util._finalizer_registry
    before = set(registry)
    yield
    for key in registry.keys() - before:
        registry[key]()
    resource_tracker._resource_tracker._stop()


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
