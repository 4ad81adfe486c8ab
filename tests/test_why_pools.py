"""``plait why`` on pools all of whose workers wait, with calls behind them; and on the process of a manager."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from told import EITHER_WAY, said_of

from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread

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
        queue = manager.Queue()
        taken = manager.list()
        taken.append(queue.get())
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
    also = ("waits in get(), which a proxy", *own)
    said = said_of(tmp_path, watchdog + MANAGER, "MainThread waits for another process\n", also)
    assert all(words in said for words in own), said
    theirs = said.partition("cure:")[2]
    assert "waits in get(), which a proxy" in theirs, said
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


LIBRARY = "/lib/python3.13"
POOL, EXECUTOR = f"{LIBRARY}/multiprocessing/pool.py", f"{LIBRARY}/concurrent/futures/process.py"
NO_TIMEOUT = {"timeout": Thing("NoneType", 1, "None")}
OWN = Frame("/home/app.py", 2, "done")


@pytest.mark.parametrize(
    ("waits", "serves", "title"),
    [
        (Frame(POOL, 1, "ApplyResult.get", NO_TIMEOUT), Frame(POOL, 2, "Pool._handle_results"), "for a result"),
        (Frame(f"{LIBRARY}/concurrent/futures/_base.py", 1, "Future.result", NO_TIMEOUT),
         Frame(EXECUTOR, 2, "_ExecutorManagerThread.run"), "for a result"),
        (Frame(f"{LIBRARY}/queue.py", 1, "Queue.put", NO_TIMEOUT), Frame(POOL, 2, "Pool._handle_results"), ""),
    ],
)  # fmt: skip
def test_a_callback_that_waits_in_the_thread_that_hands_out_results(waits: Frame, serves: Frame, title: str) -> None:
    main = Thread("MainThread", 1, 1, (Frame(POOL, 1, "ApplyResult.get", NO_TIMEOUT), OWN), busy=False)
    hands_out = Thread("results", 2, 2, (waits, OWN, serves), busy=False)
    found = diagnose(Dump(1, (main, hands_out), children=((7, "futex_wait"),)))
    assert found is not None
    assert found.title.startswith(f"A callback waits {title}".strip())
    assert found.certain is bool(title)
    assert found.steps[0].place == "app.py:2"


ITEMS = """
import queue, threading
from multiprocessing.pool import ThreadPool
{watchdog}
todo = queue.Queue()
def source():
    while (one := todo.get()) is not None: yield one
todo.put(3)
with ThreadPool(2) as pool:
    for one in pool.imap(abs, source()): pass
"""


@EITHER_WAY
def test_a_pool_whose_items_come_of_its_own_results(tmp_path: Path, watchdog: str) -> None:
    program = ITEMS.replace("{watchdog}", watchdog)
    said = said_of(
        tmp_path, program, "A pool waits for its items, and Thread-4 (_handle_tasks) waits in what gives them"
    )
    assert "todo at app.py:8" in said.partition("MainThread")[0], said
    assert "cure: Let no iterable of a map wait for results of it" in said, said


AWAITS = """
{watchdog}
import threading
from concurrent.futures import ThreadPoolExecutor, wait
ready = threading.Event()
def work(): ready.wait()
pool = ThreadPoolExecutor(2)
wait([pool.submit(work)])
"""


@EITHER_WAY
def test_who_runs_the_call_comes_before_who_waits_for_its_result(tmp_path: Path, watchdog: str) -> None:
    said = said_of(tmp_path, AWAITS.replace("{watchdog}", watchdog), "Nobody sets ready\n", ("waits for futures",))
    assert said.index("waits until ready is set at app.py:7") < said.index("waits for futures at app.py:9"), said
    assert "there is none" not in said


def test_items_that_another_thread_may_give_are_waited_for() -> None:
    gets = Frame(f"{LIBRARY}/queue.py", 1, "Queue.get", NO_TIMEOUT), OWN, Frame(POOL, 2, "Pool._handle_tasks")
    main = Thread("MainThread", 1, 1, (Frame(POOL, 1, "ApplyResult.get", NO_TIMEOUT), OWN), busy=False)
    reads = Thread("reads", 3, 3, (OWN,), busy=False, where="tcp_recvmsg")
    found = diagnose(Dump(1, (main, Thread("tasks", 2, 2, gets, busy=False), reads)))
    assert found is None or not found.title.startswith("A pool waits for its items"), found


def test_a_callback_that_has_returned_keeps_nobody() -> None:
    main = Thread("MainThread", 1, 1, (Frame(POOL, 1, "ApplyResult.get", NO_TIMEOUT), OWN), busy=False)
    hands_out = Thread("results", 2, 2, (Frame(POOL, 2, "Pool._handle_results"),), busy=False)
    found = diagnose(Dump(1, (main, hands_out), children=((7, "futex_wait"),)))
    assert found is not None
    assert found.title == "MainThread waits for another process"


def test_a_loop_that_ends_waits_for_the_thread_of_a_task_that_was_cancelled(tmp_path: Path) -> None:
    program = """
import asyncio, threading
stop = threading.Event()
async def main():
    task = asyncio.create_task(asyncio.to_thread(stop.wait))
    await asyncio.sleep(0.1)
    task.cancel()
asyncio.run(main())
"""
    said = said_of(tmp_path, program, "asyncio.run() has ended its tasks, and waits for asyncio_0\n")
    assert "waits until stop is set at app.py:5" in said.partition("cure:")[0], said


def test_the_only_worker_that_is_at_work_is_who_to_look_at() -> None:
    """Though a thread that wakes up now and then may do anything."""
    result = Frame(f"{LIBRARY}/concurrent/futures/_base.py", 1, "Future.result", NO_TIMEOUT)
    event = {"self": Thing("Event", 7), "timeout": Thing("float", 1, "10.0")}
    monitor = Thread("monitor", 4, 4, (Frame(f"{LIBRARY}/threading.py", 5, "Event.wait", event),
                                       Frame("/lib/site-packages/tqdm/_monitor.py", 3, "run")), busy=False)  # fmt: skip
    main = Thread("MainThread", 1, 1, (result, OWN), busy=False)
    idle = Thread("idle", 3, 3, _workers("0")[0].frames[-1:], busy=False)
    found = diagnose(Dump(1, (main, _workers("0")[0], idle, monitor)))
    assert found is not None
    assert found.title == '"pool_2" is waited for, and does not end'


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
