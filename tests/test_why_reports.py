"""``plait why`` on programs that hang as people have reported it: the title, the line and the cure are those that helped."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from told import EITHER_WAY, said_of

SECOND_SIGNAL = """
import os, signal, threading
halting = threading.Lock()
def halt():
    with halting: os.kill(os.getpid(), signal.SIGTERM)
def on_signal(number, frame): halt()
signal.signal(signal.SIGTERM, on_signal)
halt()
"""
SHUTDOWN = """
import os, signal, threading
class Pool:
    def __init__(self): self._lock = threading.Lock()
    def submit(self):
        with self._lock: os.kill(os.getpid(), signal.SIGTERM)
    def shutdown(self):
        with self._lock: pass
pool = Pool()
signal.signal(signal.SIGTERM, lambda number, frame: pool.shutdown())
pool.submit()
"""
EVENT_OF_PROCESSES = """
import multiprocessing, os, signal
stop = multiprocessing.Event()
def on_signal(number, frame): stop.set()
signal.signal(signal.SIGTERM, on_signal)
with stop._cond: os.kill(os.getpid(), signal.SIGTERM)
"""
FINALIZED = """
import gc, threading, weakref
lock, live = threading.Lock(), {}
class Token:
    def __init__(self): self.me = self; weakref.finalize(self, forget, 1)
def forget(key):
    with lock: live.pop(key)
def register():
    Token()
    with lock: gc.collect()
gc.disable()
register()
"""
LOGGED_BY_A_FINALIZER = """
import queue
outbox = queue.PriorityQueue()
class Record:
    def __lt__(self, other): garbage.clear(); return True
class Garbage:
    def __del__(self): outbox.put(Record())
garbage = [Garbage()]
outbox.put(Record())
outbox.put(Record())
"""
LOOP_AT_THE_END = """
import asyncio, threading
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, name="io").start()
asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
"""
READER_AT_THE_END = """
import subprocess, threading
child = subprocess.Popen(["sleep", "1000"], stderr=subprocess.PIPE)
def log():
    for line in child.stderr: print(line)
threading.Thread(target=log, name="log").start()
"""
TICKER_AT_THE_END = """
import threading, time
def tick():
    while not stopped: time.sleep(1)
stopped = False
threading.Thread(target=tick, name="ticker").start()
"""
TIMER_AT_THE_END = """
import threading
threading.Timer(1000, print).start()
"""
EVENT_AT_THE_END = """
import threading
stop = threading.Event()
threading.Thread(target=lambda: stop.wait(), name="waits").start()
"""
UNREAD = """
import multiprocessing
if __name__ == "__main__":
    queue = multiprocessing.Queue()
    for _ in range(100): queue.put(bytes(10_000))
"""
NO_LOOP = """
import asyncio
loop = asyncio.new_event_loop()
async def tools(): return 1
def call(coroutine):
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    return future.result()
call(tools())
"""
SET_BY_A_THREAD = """
import asyncio, threading, time
async def main():
    while True:  # whoever is stopped for a look is woken by that
        event = asyncio.Event()
        threading.Thread(target=lambda: (time.sleep(0.1), event.set())).start()
        await event.wait()
asyncio.run(main())
"""
PUT_BY_A_THREAD = """
import asyncio, threading, time
async def main():
    frames = asyncio.Queue()
    while True:
        threading.Thread(target=lambda: (time.sleep(0.1), frames.put_nowait(1))).start()
        await frames.get()
asyncio.run(main())
"""
AWAITS_WHO_AWAITS_IT = """
import asyncio
class Service:
    async def work(self): await asyncio.create_task(self.stop())
    async def stop(self): await self.task
async def main():
    service = Service()
    service.task = asyncio.create_task(service.work())
    await service.task
asyncio.run(main())
"""
GATHERS_WHO_AWAITS_IT = AWAITS_WHO_AWAITS_IT.replace("asyncio.create_task(", "asyncio.gather(asyncio.sleep(0), ")
STAYS_CONNECTED = """
import asyncio
async def serve(reader, writer): await reader.read()
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await asyncio.sleep(0.1)
        server.close()
        await server.wait_closed()
asyncio.run(main())
"""
CRAWLS = """
import queue, threading
jobs = queue.Queue(2)
def crawl():
    while True:
        job = jobs.get()
        for part in range(9): jobs.put((job, part))
        jobs.task_done()
jobs.put(0)
threading.Thread(target=crawl, daemon=True).start()
jobs.join()
"""
CRAWLS_ASYNC = """
import asyncio
async def crawl(jobs):
    while True:
        job = await jobs.get()
        for part in range(9): await jobs.put((job, part))
        jobs.task_done()
async def main():
    jobs = asyncio.Queue(2)
    task = asyncio.create_task(crawl(jobs))
    await jobs.put(0)
    await jobs.join()
asyncio.run(main())
"""
FILLS_FIRST = """
import queue, threading
def main():
    jobs = queue.Queue(9)
    for job in range(100): jobs.put(job)
    threading.Thread(target=take, args=(jobs,)).start()
def take(jobs): jobs.get()
main()
"""
OWN_POOL = """
import queue
class Connections:
    def __init__(self): self._free = queue.Queue()
    def acquire(self):
        return self._free.get()
Connections().acquire()
"""
OWN_POOL_ASYNC = """
import asyncio
class Pool:
    def __init__(self): self.free = asyncio.Queue()
    async def acquire(self):
        return await self.free.get()
async def main(): await Pool().acquire()
asyncio.run(main())
"""
ENDLESS_MAP = """
import itertools
from concurrent.futures import Future, Executor
class Now(Executor):
    def submit(self, fn, /, *args):
        for _ in range(10**6): pass
        return self
for value in Now().map(abs, itertools.count()): break
"""
TWICE_OF_A_MANAGER = """
import multiprocessing
def total(lock):
    with lock: pass
def work(lock):
    with lock: total(lock)
if __name__ == "__main__":
    work(multiprocessing.Manager().Lock())
"""
LOOKS_WITH_A_LOCK = """
import threading, time
lock, done = threading.Lock(), []
def work():
    with lock: done.append(1)
with lock:
    threading.Thread(target=work, name="worker").start()
    while not done: time.sleep(0.5)
"""
DEAD_HOLDER = """
import multiprocessing, os
def work(lock, first):
    if first: lock.acquire(); os._exit(1)
    lock.acquire()
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    lock = context.Lock()
    for first in (True, False):
        child = context.Process(target=work, args=(lock, first))
        child.start()
        child.join()
"""
BY_A_SIGNAL = "was interrupted by the handler of a signal, "
CASES = {
    "signal": (SECOND_SIGNAL, "MainThread waits for itself", BY_A_SIGNAL + "on_signal(), at app.py:6"),
    "shutdown": (SHUTDOWN, "MainThread waits for itself", BY_A_SIGNAL + "<lambda>(), at app.py:7"),
    "event of processes": (EVENT_OF_PROCESSES, "", "waits for stop at app.py:5", BY_A_SIGNAL),
    "finalizer": (FINALIZED, "MainThread waits for itself", "was interrupted by a finalizer", "cure: Objects are final"),
    "finalizer in a queue": (
        LOGGED_BY_A_FINALIZER, "MainThread waits for itself", "has the lock of the PriorityQueue (queue.py:",
        "was interrupted by a finalizer, __del__(), at app.py:6",
    ),
    "loop at the end": (LOOP_AT_THE_END, "The program has come to its end, and waits for io\n", "loop.stop"),
    "reader at the end": (READER_AT_THE_END, "The program has come to its end, and waits for log\n", "app.py:6", "daemon"),
    "ticker at the end": (TICKER_AT_THE_END, "The program has come to its end, and waits for ticker\n", "app.py:5"),
    "timer at the end": (TIMER_AT_THE_END, "The program has come to its end, and waits for Thread-1\n", "Call cancel()"),
    "event at the end": (EVENT_AT_THE_END, "Nobody sets stop\n", "The main thread has nothing more to do"),
    "unread": (UNREAD, "What was put into a multiprocessing.Queue is not read\n", "queue.cancel_join_thread()"),
    "no loop": (NO_LOOP, "MainThread waits for an event loop that does not run\n", "app.py:8"),
    "set by a thread": (SET_BY_A_THREAD, "Task-1 (main) could go on, but its event loop was not woken", "app.py:8"),
    "put by a thread": (PUT_BY_A_THREAD, "Task-1 (main) could go on, but its event loop", "call_soon_threadsafe"),
    "awaits who awaits it": (AWAITS_WHO_AWAITS_IT, 'Deadlock: "Task-', "app.py:5", "app.py:6", "asyncio.current_task()"),
    "stays connected": (STAYS_CONNECTED, "Task-1 (main) waits for server.wait_closed()\n", "server.close_clients()"),
    "crawls": (CRAWLS, "Nobody takes from jobs\n", "is one that takes from it, at app.py:7", "must not wait for room"),
    "crawls async": (CRAWLS_ASYNC, "Task-2 (crawl) waits for jobs.put(", "must not wait for room"),
    "fills first": (FILLS_FIRST, "Nobody takes from jobs\n", "would start others, but only afterwards, at app.py:7"),
    "own pool": (OWN_POOL, "Nothing comes back to self._free\n", "cure: Give back what was taken"),
    "own pool async": (OWN_POOL_ASYNC, "Task-1 (main) waits for", "cure: Give back what was taken"),
    "endless map": (ENDLESS_MAP, '"MainThread" runs\n', "takes all items before"),
    "twice of a manager": (TWICE_OF_A_MANAGER, "MainThread waits for itself\n", "app.py:5", "an RLock of the same kind"),
    "looks with a lock": (
        LOOKS_WITH_A_LOCK, "MainThread sleeps, and looks again and again, and has what others wait for\n", "app.py:6",
        "cure: Keep nothing that others need",
    ),
    "dead holder": (DEAD_HOLDER, "MainThread waits for the end of a child", "who is killed while it has a lock"),
}  # fmt: skip

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]


def test_who_is_gathered_and_awaits_who_gathers(tmp_path: Path) -> None:
    """Which is known from inside."""
    said_of(tmp_path, "import plait\n" + GATHERS_WHO_AWAITS_IT, 'Deadlock: "Task-', ("asyncio.current_task()",))


@EITHER_WAY
@pytest.mark.parametrize("name", CASES)
def test_what_was_reported_is_told(tmp_path: Path, watchdog: str, name: str) -> None:
    if sys.version_info >= (3, 14) and "plait" not in watchdog and name in ("set by a thread", "put by a thread"):
        pytest.skip("what Python itself tells of tasks does not say whether what they await is there")
    if sys.version_info < (3, 12) and name == "stays connected":
        pytest.skip("before Python 3.12 wait_closed() waits for no connection")
    program, title, *also = CASES[name]
    said_of(tmp_path, watchdog + program, title, tuple(also))
