"""What is told of whole programs that wait: what a wake-up was for, who took it, and what nobody came to."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

BUFFER = """
import threading
class Buffer:
    def __init__(self):
        self.items, lock = [], threading.Lock()
        self.not_empty, self.not_full = threading.Condition(lock), threading.Condition(lock)
    def put(self, item):
        with self.not_full:
            while len(self.items) == 1: self.not_full.wait()
            self.items.append(item)
            self.not_empty.notify()
    def get(self):
        with self.not_empty:
            while not self.items: self.not_empty.wait()
            return self.items.pop()
buffer = Buffer()
def produce():
    for item in range(2): buffer.put(item)
def consume():
    for _ in range(2): buffer.get()
threads = [threading.Thread(target=work) for work in (produce, produce, consume, consume)]
"""
POOL = """
import threading
class Pool:
    def __init__(self): self.idle, self.made, self.cond = [], 0, threading.Condition()
    def take(self):
        with self.cond:
            if not self.idle and self.made == 1:
                self.cond.wait()
            if self.idle: return self.idle.pop()
            self.made += 1
        return object()
    def give(self, one):
        with self.cond:
            self.idle.append(one)
            self.cond.notify()
pool, used = Pool(), []
def work():
    one = pool.take()
    used.append(one)
    pool.give(one)
threads = [threading.Thread(target=work) for _ in range(3)]
"""
WRITER = """
import contextlib, threading
class Lock:
    def __init__(self): self.cond, self.writing = threading.Condition(), False
    @contextlib.contextmanager
    def write(self):
        with self.cond:
            while self.writing: self.cond.wait()
            self.writing = True
        yield
        with self.cond:
            self.writing = False
            self.cond.notify_all()
lock = Lock()
def work():
    with contextlib.suppress(OSError), lock.write():
        raise OSError
threads = [threading.Thread(target=work) for _ in range(2)]
"""
PENDING = """
import threading
class Once:
    def __init__(self): self.pending, self.done, self.cond = set(), set(), threading.Condition()
    def run(self, key):
        with self.cond:
            while key in self.pending: self.cond.wait()
            if key in self.done: return
            self.pending.add(key)
        self.done.add(key)
        with self.cond: self.pending.remove(key)
once = Once()
threads = [threading.Thread(target=once.run, args=["a"]) for _ in range(2)]
"""
WORKERS = """
import asyncio
async def work(queue):
    while True:
        future, number = await queue.get()
        if number: future.set_result(number)
async def main():
    queue, loop = asyncio.Queue(), asyncio.get_running_loop()
    worker = asyncio.create_task(work(queue))
    async def ask(number):
        future = loop.create_future()
        await queue.put((future, number))
        return await future
    await asyncio.gather(ask(1), ask(0))
    worker.cancel()
asyncio.run(main())
"""
STATS = """
import threading
class Stats:
    def __init__(self): self.counts, self.number, self.lock = {}, 0, threading.Lock()
    def add(self, name):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + 1
            self.number += 1
    def snapshot(self): return {"counts": dict(self.counts), "number": self.number}
stats = Stats()
def look():
    seen = stats.snapshot()
    assert sum(seen["counts"].values()) == seen["number"]
threads = [threading.Thread(target=stats.add, args="a"), threading.Thread(target=look)]
"""
BANK = """
import threading
class Account:
    def __init__(self): self.balance, self.lock = 100, threading.Lock()
    def take(self, amount):
        with self.lock: self.balance -= amount
    def give(self, amount):
        with self.lock: self.balance += amount
accounts = [Account(), Account()]
def move():
    accounts[0].take(30)
    accounts[1].give(30)
def total(): return sum(account.balance for account in accounts)
def audit(): assert total() == 200
threads = [threading.Thread(target=move), threading.Thread(target=audit)]
"""
PERMITS = """
import threading
class Permits:
    def __init__(self): self.left, self.lock = 2, threading.Lock()
    def take(self):
        with self.lock: left = self.left
        with self.lock: self.left = left - 1
    def give(self):
        with self.lock:
            if self.left == 2: raise ValueError("released too many times")
            self.left += 1
permits = Permits()
def work():
    permits.take()
    permits.give()
threads = [threading.Thread(target=work) for _ in range(2)]
"""
PROGRAMS = {
    "a notify that was used up, and another one that is missing": Told(
        BUFFER + THREADS,
        "Nobody will wake it: self.not_full",
        ("changes `self.items` in line 15", "Call `self.not_full.notify_all()` after the change in line 15"),
    ),
    "a wake-up that a third thread has taken": Told(
        POOL + THREADS + "assert pool.made == 1",
        "A wait without a loop: self.cond.wait()",
        ("looks at `self.idle` in line 7", "wakes it in line 15", "changes `self.idle` in line 9", "Use `while`"),
    ),
    "a wake-up that a third thread has taken, asked for by a method": Told(
        """
import threading
class Queue:
    def __init__(self): self.items, self.cond = [], threading.Condition()
    def size(self): return len(self.items)
    def put(self):
        with self.cond:
            self.items.append(1)
            self.cond.notify()
    def get(self):
        with self.cond:
            if not self.size():
                self.cond.wait()
            return self.take()
    def take(self): return self.items.pop()
queue = Queue()
threads = [threading.Thread(target=one) for one in (queue.get, queue.get, queue.put, queue.put)]
"""
        + THREADS,
        "A wait without a loop: self.cond.wait()",
        ("waits in line 13", "Use `while`"),
    ),
    "a lock that is released without having been taken": Told(
        """
import threading
lock = threading.RLock()
def total():
    try: pass
    finally: lock.release()
threads = [threading.Thread(target=total)]
"""
        + THREADS,
        "Released without having it: lock",
        ("in line 6", "`with lock:`", "not Semaphore"),
    ),
    "a wait that lets go of the lock of another thread": Told(
        """
import contextlib, threading
lock, items = threading.Lock(), []
some = threading.Condition(lock)
def put():
    with some: items.append(1)
def get():
    with contextlib.suppress(RuntimeError): some.wait(0.1)
threads = [threading.Thread(target=get), threading.Thread(target=put)]
"""
        + THREADS,
        "Released by a thread that does not have it: lock",
        ("waits on a condition of it in line 8", "since line 6"),
    ),
    "a flag that is not taken back": Told(
        WRITER + THREADS,
        "Nobody will wake it: self.cond",
        ("was the last to change `self.writing`, in line 9", "comes to line 12 on every way out", "`finally:`"),
    ),
    "what is taken away while somebody waits for just that": Told(
        PENDING + THREADS,
        "Nobody will wake it: self.cond",
        ("changes `self.pending` in line 11", "does not notify"),
    ),
    "a worker that waits for work is not to blame for a result": Told(
        WORKERS,
        "Nobody will wake it",
        ("awaits a result in line 13", "not sentinel"),
    ),
    "a condition without its lock": Told(
        """
import threading
cond, ready = threading.Condition(), []
def wait():
    while not ready: cond.wait()
def go():
    with cond:
        ready.append(1)
        cond.notify_all()
threads = [threading.Thread(target=wait), threading.Thread(target=go)]
"""
        + THREADS,
        "A condition that is used without its lock",
        ("in line 5", "the check before the wait"),
    ),
    "a queue without room": Told(
        """
import asyncio
async def main():
    queue = asyncio.Queue(1)
    async def put():
        await asyncio.sleep(0)
        queue.put_nowait(1)
    async def get(): await queue.get()
    await asyncio.gather(put(), get(), put(), get())
asyncio.run(main())
""",
        "No room in a queue at this moment",
        ("in line 7", "await queue.put(item)"),
    ),
    "a snapshot that is looked at later": Told(
        STATS + THREADS,
        "Seen half changed: self.counts and self.number",
        ("lines 7 and 8", "line 9"),
    ),
    "the same part of two objects, changed by two calls": Told(
        BANK + THREADS,
        "Seen half changed: account.balance of two objects",
        ("lines 6 and 8", "line 13"),
    ),
    "an error that the program raises itself has a cause in it": Told(
        PERMITS + THREADS,
        "The lock is let go too early: self.left",
        ("Keep `self.lock` from the first to the last",),
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of bugs
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
