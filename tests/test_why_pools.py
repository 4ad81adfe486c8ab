"""``plait why`` on pools all of whose workers wait, with calls behind them; and on the process of a manager."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from told import EITHER_WAY, said_of

from plait._see.why_diagnosis import diagnose
from plait._see.why_dump import Dump, Frame, Thing, Thread

TO_THREAD = """
import asyncio, threading
from concurrent.futures import ThreadPoolExecutor
ready = threading.Event()
async def main():
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2, "asyncio"))
    await asyncio.gather(*[asyncio.to_thread(ready.wait) for _ in range(2)], asyncio.to_thread(ready.set))
asyncio.run(main())
"""
SUBMITTED = """
import plait, threading
from concurrent.futures import ThreadPoolExecutor
ready = threading.Event()
pool = ThreadPoolExecutor(1)
calls = [pool.submit(ready.wait), pool.submit(ready.set)]
calls[0].result()
"""
MANAGER = """
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Manager() as manager:
        lock = manager.Lock()
        lock.acquire()
        with lock: pass
"""

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]


@EITHER_WAY
def test_threads_of_a_loop_that_wait_for_a_call_behind_them(tmp_path: Path, watchdog: str) -> None:
    if not watchdog.strip() and sys.version_info >= (3, 14):
        pytest.skip("its own reader of tasks has other frames")
    said = said_of(tmp_path, watchdog + TO_THREAD, "All 2 workers of a pool wait, and 1 call waits for a worker\n")
    assert "app.py:8" in said.partition("cure:")[0], said


def test_a_worker_that_waits_for_the_call_behind_it(tmp_path: Path) -> None:
    said = said_of(tmp_path, SUBMITTED, "The only worker of a pool waits, and 1 call waits for a worker\n")
    assert "app.py:6" in said.partition("cure:")[0], said


@EITHER_WAY
def test_what_the_process_of_a_manager_does_for_a_proxy(tmp_path: Path, watchdog: str) -> None:
    own = ("app.py:8",) if watchdog.strip() else ()  # a fork has a watchdog of its own
    also = ("waits in acquire(), which a proxy", *own)
    said = said_of(tmp_path, watchdog + MANAGER, "MainThread waits for another process\n", also)
    assert all(words in said for words in own), said
    theirs = said.partition("cure:")[2]
    assert "waits in acquire(), which a proxy" in theirs, said
    assert "serves whoever connects" in theirs, said


@pytest.mark.parametrize(
    ("other", "title"),
    [
        ((), "All 2 workers of a pool wait, and 3 calls wait for a worker"),
        ((Thread("slow", 9, 9, (Frame("/home/app.py", 3, "work"),), busy=False, where="sk_wait_data"),), ""),
    ],
    ids=["nobody", "who may do it"],
)
def test_a_pool_is_not_taken_where_another_thread_may_do_it(other: tuple[Thread, ...], title: str) -> None:
    """A slow producer elsewhere feeds workers that all wait, and have work behind them."""
    found = diagnose(Dump(1, (*_workers("3"), *other)))
    assert (found.title if found is not None and "pool" in found.title else "") == title
    assert found is None or not title or found.certain


def test_a_pool_without_calls_behind_its_workers_is_not_taken() -> None:
    found = diagnose(Dump(1, _workers("0")))
    assert found is not None
    assert found.title.startswith("Nobody sets")


def _workers(behind: str) -> tuple[Thread, ...]:
    waits = Frame(
        "/lib/python3.13/threading.py",
        5,
        "Event.wait",
        {"self": Thing("Event", 7), "timeout": Thing("NoneType", 1, "None")},
    )
    works = Frame(
        "/lib/python3.13/concurrent/futures/thread.py", 90, "_worker", {"work_queue": Thing("SimpleQueue", 6, behind)}
    )
    own = Frame("/home/app.py", 2, "task")
    return tuple(Thread(f"pool_{n}", n, n, (waits, own, works), busy=False, where="futex_wait") for n in (2, 3))
