"""What is told of whole programs in which two pass one check, or somebody goes on before the other one is ready."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

LATCH = """
import threading
class Latch:
    def __init__(self, n): self.n, self.zero = n, threading.Condition()
    def done(self):
        with self.zero:
            self.n -= 1
            if self.n == 0: self.zero.notify_all()
    def wait(self):
        with self.zero:
            while self.n: self.zero.wait()
latch, names, lock = Latch(2), set(), threading.Lock()
"""
PROGRAMS = {
    "a pipe that two threads close, since each has seen it open": Told(
        """
import threading
class Pipe:
    closed = False
    def close(self):
        if self.closed:
            raise RuntimeError("closed twice")
        self.closed = True
class Watch:
    def __init__(self): self.pipe, self.stopped = Pipe(), False
    def stop(self):
        if not self.stopped:
            self.pipe.close()
            self.stopped = True
watch = Watch()
threads = [threading.Thread(target=watch.stop) for _ in range(2)]
"""
        + THREADS,
        "Both have passed the check: self.stopped",
        ("in line 12 and changes it only in line 14", "over lines 12 to 14", "right behind the check"),
    ),
    "what is taken twice from a set, by a guard that returns": Told(
        """
import threading
class Slots:
    def __init__(self): self.free, self.used = {1}, {}
    def use(self, key):
        if key not in self.free:
            return
        if key in self.used:
            raise KeyError(key)
        self.used[key] = threading.get_ident()
        self.free.discard(key)
slots = Slots()
threads = [threading.Thread(target=slots.use, args=(1,)) for _ in range(2)]
"""
        + THREADS,
        "Both have passed the check: self.free",
        ("changes it only in line 11",),
    ),
    "a client whose tasks connect twice": Told(
        """
import asyncio
class Client:
    connection, connecting = None, False
    async def connect(self):
        if self.connecting: raise RuntimeError("connect() called twice")
        self.connecting = True
        await asyncio.sleep(0.01)
        return object()
    async def get(self):
        if self.connection is None:
            self.connection = await self.connect()
        return self.connection
async def main():
    client = Client()
    await asyncio.gather(client.get(), client.get())
asyncio.run(main())
""",
        "Both have passed the check: self.connection",
        ("one `asyncio.Lock` over lines 11 to 12", "no `await` in between"),
    ),
    "a latch that one thread leaves without counting": Told(
        LATCH
        + """
def pull(name):
    with lock:
        if name in names: return
        names.add(name)
    latch.done()
for _ in range(2): threading.Thread(target=pull, args=("alpine",)).start()
latch.wait()
""",
        "Nobody will wake it: self.zero",
        (
            "has seen in line 8 that it was not time",
            "ended without coming to it",
            "not does not notify",
            "not notify_all",
        ),
    ),
    "a latch that counts too far": Told(
        LATCH
        + """
latch.n = 3
for _ in range(2): threading.Thread(target=latch.done).start()
latch.wait()
""",
        "Nobody will wake it: self.zero",
        ("has seen in line 8 that it was not time", "count fewer", "not ended without"),
    ),
    "an event that is set before the result is there": Told(
        """
import threading
class Call:
    def __init__(self): self.done, self.result = threading.Event(), None
    def answer(self):
        self.done.set()
        self.result = 42
    def wait(self):
        self.done.wait()
        assert self.result == 42
call = Call()
threads = [threading.Thread(target=call.answer), threading.Thread(target=call.wait)]
"""
        + THREADS,
        "Used before it is ready: self.result",
        ("Do what line 7 does before line 6, which lets Thread-2 go on.", "not join()"),
    ),
    "a thread that is started before what it uses is there": Told(
        """
import threading
class Server:
    def __init__(self):
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()
        self.handlers = {"ping": lambda: "pong"}
    def loop(self):
        self.handlers["ping"]()
server = Server()
server.thread.join()
""",
        "Used before it is ready: self.handlers",
        ("Do what line 7 does before Thread-1 is started", "not join() the main"),
    ),
    "two ends of one queue, each of which looks only at the other": Told(
        """
import threading
class Deque:
    def __init__(self): self.items, self.head, self.tail, self.lock = [0, 1], 0, 2, threading.Lock()
    def pop(self):
        last = self.tail - 1
        if last < self.head: return None
        self.tail = last
        return self.items[last]
    def steal(self):
        with self.lock:
            first = self.head
            if first >= self.tail: return None
            self.head = first + 1
            return self.items[first]
deque, got = Deque(), []
deque.head = 1
threads = [threading.Thread(target=lambda: got.append(deque.pop())), threading.Thread(target=lambda: got.append(deque.steal()))]
"""
        + THREADS
        + "assert sorted(got, key=str) == [1, None], got",
        "Each checked before the other had acted: self.head and self.tail",
        ("over lines 7 and 8", "the same lock over lines 13 and 14"),
    ),
    "flags that are set after the look at that of the other": Told(
        """
import threading
busy, inside = [False, False], []
def enter(me):
    while busy[1 - me]: pass
    busy[me] = True
    inside.append(me)
    assert inside == [me]
    inside.remove(me)
    busy[me] = False
threads = [threading.Thread(target=enter, args=(me,)) for me in range(2)]
"""
        + THREADS,
        "Each checked before the other had acted: busy[1 - me] and busy[1 - me]",
        ("Hold one lock over lines 5 and 6, from the look to the end of what goes by it.",),
    ),
    "a handler that is given a moment to be called": Told(
        """
import concurrent.futures, time
from unittest.mock import Mock
called = Mock()
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    pool.submit(called, True)
    time.sleep(0.1)
    called.assert_called_once()
""",
        "Fails when the others take longer: AssertionError: Expected 'mock' to have been called once. Called 0 times.",
        (
            "while the main thread waits in line 7, as on a busy machine",
            "has to have happened, and",
            "not could not be told",
        ),
    ),
    "a lock that a generator holds, which was left": Told(
        """
import asyncio
lock = asyncio.Lock()
async def rows():
    async with lock:
        for row in range(3): yield row
async def main():
    found = rows()
    async for row in found:
        break
    async with lock: pass
asyncio.run(main())
""",
        "Deadlock with itself: lock",
        ("since line 5, by an async generator that it has left", "contextlib.aclosing", "not move what needs"),
    ),
    "a timer that fires while it is cancelled": Told(
        """
import threading, time
class Session:
    def __init__(self):
        self.alive, self.timer = True, threading.Timer(1, self.expire)
        self.timer.start()
    def expire(self): self.alive = False
    def done(self):
        self.timer.cancel()
        if not self.alive:
            raise TimeoutError
session = Session()
time.sleep(1)
session.done()
""",
        "Used after its end: self.alive",
        ("cancel() does not stop a Timer whose time has come", "before it comes to line 7", "not join the users"),
    ),
    "a task that is shielded and forgotten": Told(
        """
import asyncio
class File:
    is_open = True
    def write(self):
        if not self.is_open: raise ValueError("closed")
async def flush(file):
    await asyncio.sleep(0.02)
    file.write()
async def main():
    file = File()
    task = asyncio.create_task(flush(file))
    try: await asyncio.wait_for(asyncio.shield(task), 0.01)
    except TimeoutError: pass
    file.is_open = False
    await task
asyncio.run(main())
""",
        "Used after its end: self.is_open",
        ("in line 6 after Task-1 (main) has changed it in line 15", "await the tasks that do", "not join the users"),
    ),
    "two events, each of which is set after the wait for the other": Told(
        """
import threading
class Pair:
    def __init__(self): self.ready, self.steady = threading.Event(), threading.Event()
    def left(self):
        self.steady.wait()
        self.ready.set()
    def right(self):
        self.ready.wait()
        self.steady.set()
pair = Pair()
threads = [threading.Thread(target=pair.left), threading.Thread(target=pair.right)]
"""
        + THREADS,
        "Deadlock of Thread-1 and Thread-2: each waits first",
        ("would set `self.ready`, which Thread-2 waits for, only after that", "move line 7 before line 6"),
    ),
    "three queues in a ring of tasks": Told(
        """
import asyncio
async def main():
    a, b, c = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
    async def one():
        await a.get()
        await b.put(1)
    async def two():
        await b.get()
        await c.put(1)
    async def three():
        await c.get()
        await a.put(1)
    await asyncio.gather(one(), two(), three())
asyncio.run(main())
""",
        "Deadlock of Task-2 (main.<locals>.one), Task-4 (main.<locals>.three) and Task-3 (main.<locals>.two): "
        "each waits first",
        ("None of them can ever go on", "put something into `b`"),
    ),
    "a reply that does not come is no ring, though a stop would follow": Told(
        """
import queue, threading
requests, replies = queue.Queue(), queue.Queue()
def serve():
    while (request := requests.get()) is not None:
        if request != 2: replies.put(request)
def ask():
    for n in (1, 2):
        requests.put(n)
        replies.get()
    requests.put(None)
threads = [threading.Thread(target=serve), threading.Thread(target=ask)]
"""
        + THREADS,
        "Nothing will come: requests",
        ("not before it waits",),
    ),
    "a semaphore that begins with nothing is a signal": Told(
        """
import threading
customers, lock, waiting = threading.Semaphore(0), threading.Lock(), 0
def come():
    global waiting
    with lock:
        if waiting: return
        waiting += 1
    customers.release()
def serve():
    for _ in range(2): customers.acquire()
threads = [threading.Thread(target=target) for target in (come, come, serve)]
"""
        + THREADS,
        "Nobody will wake it: customers",
        ("began with no unit", "not units as are needed", "on every way out"),
    ),
    "elements by their numbers, while others are removed": Told(
        """
import threading
log, seen = [1, 2], []
def remove(): log.remove(2)
def show():
    for i in range(len(log)): seen.append(log[i])
threads = [threading.Thread(target=remove), threading.Thread(target=show)]
"""
        + THREADS,
        "Changed between two reads: log",
        ("Take a copy once", "not local name"),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_told(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
