"""What is told of whole programs whose queues are used in the wrong order, or hold what cannot be compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

LATCH = """
import threading
class Latch:
    def __init__(self): self.n, self.cond = 1, threading.Condition()
    def count_down(self):
        with self.cond:
            self.n -= 1
            {notify}
    def wait(self):
        with self.cond:
            while self.n > 0:
                if not self.cond.wait({timeout}): raise TimeoutError(self.n)
latch = Latch()
thread = threading.Thread(target=latch.count_down)
thread.start()
latch.wait()
thread.join()
"""
PROGRAMS = {
    "a SimpleQueue is no lock": Told(
        """
import queue, threading
q = queue.SimpleQueue()
def work():
    while q.get() is not None: pass
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
q.put(1); q.put(None)
for thread in threads: thread.join()
""",
        "Nothing will come: q",
        ("put one sentinel for each of them", "not RLock"),
    ),
    "a worker that waits for its next item is not to blame": Told(
        """
import queue, threading
q, done, ready = queue.SimpleQueue(), threading.Condition(), []
def work():
    while (item := q.get()) is not None:
        with done: ready.append(item)
thread = threading.Thread(target=work)
thread.start()
q.put(1)
with done:
    while not ready: done.wait()
q.put(None)
thread.join()
""",
        "Nobody will wake it: done",
        ("Call `done.notify_all()` after the change in line 6",),
    ),
    "a notify of another condition of the same lock": Told(
        """
import threading
class Queue:
    def __init__(self):
        self.lock, self.items = threading.Lock(), []
        self.filled, self.room = threading.Condition(self.lock), threading.Condition(self.lock)
    def put(self, item):
        with self.room:
            while self.items: self.room.wait()
            self.items.append(item)
    def get(self):
        with self.filled:
            while not self.items: self.filled.wait()
            item = self.items.pop()
            self.room.notify()
            return item
queue = Queue()
takers = [threading.Thread(target=queue.get) for _ in range(2)]
putters = [threading.Thread(target=queue.put, args=(n,)) for n in range(2)]
threads = [*takers, *putters]
"""
        + THREADS,
        "Nobody will wake it: self.filled",
        ("Call `self.filled.notify_all()` after the change in line 10", "not woke"),
    ),
    "nobody notifies who waits with a timeout": Told(
        LATCH.format(notify="", timeout=10),
        "Nobody notifies: self.cond",
        ("Call `self.cond.notify_all()` after the change in line 7", "waits until its timeout is over"),
    ),
    "who looks again after each wait takes nothing for granted": Told(
        """
import heapq, threading, time
class Delayed:
    def __init__(self): self.heap, self.moved = [], threading.Condition()
    def put(self, delay):
        with self.moved:
            heapq.heappush(self.heap, time.monotonic() + delay)
            if len(self.heap) == 1: self.moved.notify()
    def take(self):
        with self.moved:
            while True:
                while not self.heap: self.moved.wait()
                left = self.heap[0] - time.monotonic()
                if left <= 0: return heapq.heappop(self.heap)
                self.moved.wait(left)
delayed, got, begun = Delayed(), [], time.monotonic()
def consume():
    delayed.take()
    got.append(time.monotonic())
thread = threading.Thread(target=consume)
thread.start(); delayed.put(100); delayed.put(1); thread.join()
assert got[0] - begun < 50
""",
        "Nobody notifies: self.moved",
        ("not let go", "not Keep `self.moved`", "Call `self.moved.notify_all()` after the change in line 7"),
    ),
    "a future that a worker waits for and another one has forgotten": Told(
        """
from concurrent.futures import Future, ThreadPoolExecutor
import threading
lock, pending = threading.Lock(), {}
def load(key): raise OSError(key)
def get(key):
    with lock:
        mine = key not in pending
        if mine: pending[key] = Future()
        future = pending[key]
    if not mine: return future.result()
    try: value = load(key)
    except OSError:
        with lock: del pending[key]
        return None
    future.set_result(value)
with ThreadPoolExecutor(2) as pool:
    for one in [pool.submit(get, "a") for _ in range(2)]: one.result()
""",
        "Nobody will wake it: future",
        ("for a result that nobody who is left will set", "future.set_exception", "not of the same pool"),
    ),
    "a barrier that is used again before all have left": Told(
        """
import threading
class Gate:
    def __init__(self, parties): self.parties, self.inside, self.moved = parties, 0, threading.Condition()
    def arrive(self):
        with self.moved:
            self.inside += 1
            if self.inside == self.parties:
                self.inside = 0
                self.moved.notify_all()
            while self.inside: self.moved.wait()
gate = Gate(2)
def work():
    for _ in range(2): gate.arrive()
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS,
        "Lost wake-up: self.moved",
        ("comes back and changes `self.inside` in line 7", "count the rounds", "not Do not wait while you keep"),
    ),
    "items that are taken by those who were quicker": Told(
        """
import threading
items, moved = [], threading.Condition()
def take():
    with moved:
        while not items: moved.wait()
        items.pop()
def put():
    with moved:
        items.append(1)
        moved.notify_all()
threads = [threading.Thread(target=take), threading.Thread(target=take), threading.Thread(target=put)]
"""
        + THREADS,
        "Nobody will wake it: moved",
        ("not count the rounds",),
    ),
    "one sentinel too early": Told(
        """
import queue, threading
raw, parsed, out = queue.Queue(), queue.Queue(), []
def parse():
    while (x := raw.get()) is not None: parsed.put(x)
    parsed.put(None)
def store():
    while (x := parsed.get()) is not None: out.append(x)
threads = [threading.Thread(target=f) for f in (parse, parse, store)]
for item in (1, 2, 3, None, None): raw.put(item)
"""
        + THREADS
        + "assert sorted(out) == [1, 2, 3]",
        "Left in the queue: parsed",
        ("2 items are still in `parsed`", "Thread-3 takes its last one in line 8 and has ended", "last of them"),
    ),
    "a stop that does not look into the queue": Told(
        """
import queue, threading
todo, lines, running = queue.SimpleQueue(), [], True
def write():
    while running:
        try: lines.append(todo.get(timeout=0.1))
        except queue.Empty: pass
threads = [threading.Thread(target=write)]
threads[0].start()
todo.put(1)
todo.put(2)
running = False
threads[0].join()
assert lines == [1, 2]
""",
        "Left in the queue: todo",
        ("nobody takes", "and has ended"),
    ),
    "nobody has come to the queue so far": Told(
        """
import queue, threading
todo, done = queue.Queue(), []
def work(): done.append(todo.get())
thread = threading.Thread(target=work)
thread.start()
todo.put(1)
assert done == [1]
""",
        "Used before it is ready: done",
    ),
    "a cache with a lock": Told(
        """
import threading
class Cache(dict):
    def put(self, key, value): self[key] = value
cache, lock, seen = Cache(), threading.Lock(), []
def put():
    with lock: cache.put("a", 1)
def get():
    with lock: seen.append(cache.get("a"))
threads = [threading.Thread(target=f) for f in (put, get)]
"""
        + THREADS
        + "assert seen == [1]",
        "Used before it is ready: cache",
    ),
    "entries that cannot be compared": Told(
        """
import queue, threading
todo = queue.PriorityQueue()
def produce(): todo.put((1, object()))
def consume():
    todo.get()
    todo.get()
threads = [threading.Thread(target=f) for f in (produce, consume, produce)]
"""
        + THREADS,
        "Two entries of a priority queue that cannot be compared",
        ("in line 4", "next(numbers)"),
    ),
    "a match is a check": Told(
        """
import threading
state, runs = "idle", 0
def start():
    global state, runs
    match state:
        case "idle":
            state = "running"
            runs = runs + 1
threads = [threading.Thread(target=start) for _ in range(2)]
"""
        + THREADS
        + "assert runs == 1",
        "Checked, then changed by another thread: state",
        ("line 6", "line 8"),
    ),
    "what is done after the exception": Told(
        """
import os, threading
def render(name):
    old = os.environ.get("NAME")
    os.environ["NAME"] = name
    try: return greet()
    finally:
        if old is None: del os.environ["NAME"]
        else: os.environ["NAME"] = old
def greet(): return os.environ["NAME"]
threads = [threading.Thread(target=render, args=(name,)) for name in ("a", "b")]
"""
        + THREADS,
        "Checked, then changed by another thread: os.environ['NAME']",
        ("deletes", "not in line 9"),
    ),
    "a timer that is not told of its first job": Told(
        """
import heapq
import queue
import threading
import time
class Scheduler:
    def __init__(self):
        self.heap, self.changed, self.ready = [], threading.Condition(), queue.Queue()
        threading.Thread(target=self.run, name="timer", daemon=True).start()
        threading.Thread(target=self.work, name="worker", daemon=True).start()
    def after(self, delay, job):
        with self.changed:
            heapq.heappush(self.heap, (time.monotonic() + delay, job))
    def run(self):
        while True:
            with self.changed:
                while not self.heap:
                    self.changed.wait()
                _, job = heapq.heappop(self.heap)
            self.ready.put(job)
    def work(self):
        while True:
            self.ready.get()()
done = threading.Event()
scheduler = Scheduler()
time.sleep(1)
scheduler.after(0.1, done.set)
done.wait()
""",
        "Nobody will wake it: self.changed",
        ("changes `self.heap` in line 13, which timer waits for in line 18, but does not notify", "notify_all()"),
    ),
    "nobody sets it, and others take in turns": Told(
        """
import threading
class Tokens:
    def __init__(self): self.free, self.changed = 1, threading.Condition()
    def take(self):
        with self.changed:
            while not self.free: self.changed.wait()
            self.free -= 1
    def give(self):
        with self.changed:
            self.free += 1
            self.changed.notify()
tokens, done = Tokens(), threading.Event()
def work():
    tokens.take()
    tokens.take()
threading.Thread(target=work, name="worker", daemon=True).start()
tokens.take()
tokens.give()
done.wait()
""",
        "Nobody will wake it: done",
    ),
    "a request after the last one that is served": Told(
        """
import queue
import threading
from concurrent.futures import Future
class Actor:
    def __init__(self):
        self.inbox, self.stopped = queue.SimpleQueue(), threading.Event()
        self.thread = threading.Thread(target=self.run, name="actor")
        self.thread.start()
    def run(self):
        while (future := self.inbox.get()) is not None: future.set_result(1)
        self.stopped.set()
    def ask(self):
        if self.stopped.is_set(): raise RuntimeError
        future = Future()
        self.inbox.put(future)
        return future
    def stop(self):
        self.inbox.put(None)
        self.thread.join()
actor = Actor()
def client():
    try: actor.ask().result()
    except RuntimeError: pass
threads = [threading.Thread(target=client, name="client"), threading.Thread(target=actor.stop)]
"""
        + THREADS,
        "Left in the queue: self.inbox",
        (
            "client puts the last one in line 16; actor takes its last one in line 11 and has ended",
            "client waits in line 23 for what it asked for",
            "under one lock",
            "not every way out",
        ),
    ),
    "an item left in a queue that nobody waits for": Told(
        """
import queue, threading
done, jobs = threading.Event(), queue.Queue()
def waits(): done.wait()
def works():
    jobs.put(3)
    jobs.get(block=False)
threads = [threading.Thread(target=waits, name="waits"), threading.Thread(target=works, name="works")]
for t in threads: t.start()
if jobs.empty(): done.set()
else: jobs.put(4)
for t in threads: t.join()
""",
        "Nobody will wake it: done",
        ("waits waits for `done` in line 4", "not what it asked for"),
    ),
    "a connection that an error keeps out of its pool": Told(
        """
import contextlib
import threading
import time
class Pool:
    def __init__(self): self.free, self.back = ["a", "b"], threading.Condition()
    def take(self, timeout):
        deadline = time.monotonic() + timeout
        with self.back:
            while not self.free:
                left = deadline - time.monotonic()
                if left <= 0: raise TimeoutError("no connection")
                self.back.wait(left)
            return self.free.pop()
    def give(self, one):
        with self.back:
            self.free.append(one)
            self.back.notify()
    @contextlib.contextmanager
    def connection(self):
        one = self.take(5)
        yield one
        self.give(one)
pool = Pool()
def work(name):
    with contextlib.suppress(KeyError), pool.connection():
        if name == "bad": raise KeyError(name)
threads = [threading.Thread(target=work, args=(name,), name=name) for name in ("bad", "bad", "good")]
"""
        + THREADS,
        "Waited in vain: self.free",
        (
            "good waits in line 13 until its timeout is over",
            "bad #1 and bad #2 did so last, in line 14",
            "in a `finally:`",
            "not lets go",
        ),
    ),
    "a connection that a cancelled task has kept": Told(
        """
import asyncio, contextlib
class Pool:
    def __init__(self):
        self.free = asyncio.Queue()
        self.free.put_nowait("one")
    async def take(self):
        one = await self.free.get()
        await asyncio.sleep(0.02)
        return one
    async def use(self):
        one = await self.take()
        try: await asyncio.sleep(0)
        finally: self.free.put_nowait(one)
async def main():
    pool = Pool()
    with contextlib.suppress(TimeoutError): await asyncio.wait_for(asyncio.create_task(pool.use()), 0.01)
    await pool.use()
asyncio.run(main())
""",
        "Not given back: self.free",
        (
            "Task-2 (Pool.use) has taken one in line 8 and has ended behind line 9",
            "catch `BaseException`",
            "not sentinel",
        ),
    ),
    "a connection that was broken and is gone": Told(
        """
import queue, threading
class Pool:
    def __init__(self):
        self.free, self.bad = queue.Queue(), ["one"]
        self.free.put("one")
    def take(self):
        one = self.free.get()
        if one in self.bad: raise ConnectionError(one)
        return one
    def give(self, one): self.free.put(one)
pool = Pool()
def work():
    try: one = pool.take()
    except ConnectionError: return
    pool.give(one)
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS,
        "Not given back: self.free",
        ("has taken one in line 8 and has ended behind line 9", "not sentinel"),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
