"""What is told of whole programs in which one thread takes a lock twice: it may want itself, or somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import Told, is_told

PROGRAMS = {
    "a lock that a function has made": Told(
        """
import threading
def make(): return threading.Lock()
class Handler:
    def __init__(self): self.lock, self.out = make(), []
    def emit(self, text):
        with self.lock:
            self.out.append(text)
            if text == "first": self.emit("again")
handler = Handler()
thread = threading.Thread(target=handler.emit, args=("first",))
thread.start()
thread.join()
""",
        "Deadlock with itself: self.lock",
        ("takes `self.lock`",),
    ),
    "a lock as a signal wants somebody else": Told(
        """
import threading, collections
waiters, ready = collections.deque(), []
def wait_until_ready():
    signal = threading.Lock()
    signal.acquire()
    if not ready:
        waiters.append(signal)
        signal.acquire()
def make_ready():
    if waiters: waiters.popleft().release()
    ready.append(1)
threads = [threading.Thread(target=wait_until_ready), threading.Thread(target=make_ready)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
        "Nobody releases signal",
        ("see to it that the other thread releases it in every order", "not RLock"),
    ),
    "acquire written for release": Told(
        """
import threading
lock, total = threading.Lock(), 0
def add():
    global total
    lock.acquire()
    total += 1
    lock.acquire()
thread = threading.Thread(target=add)
thread.start()
thread.join()
""",
        "Nobody releases lock",
        ("release it before it is taken again", "not RLock"),
    ),
    "a method that calls another one wants itself": Told(
        """
import threading
class Account:
    def __init__(self): self.lock, self.total = threading.Lock(), 0
    def add(self, n):
        self.lock.acquire()
        self.total += n
        self.lock.release()
    def add_twice(self, n):
        self.lock.acquire()
        self.add(n)
        self.lock.release()
thread = threading.Thread(target=Account().add_twice, args=(1,))
thread.start()
thread.join()
""",
        "Deadlock with itself: self.lock",
        ("RLock",),
    ),
    "a callback of a future that is done by then": Told(
        """
import threading
from concurrent.futures import Future
class Jobs:
    def __init__(self): self.lock, self.open = threading.Lock(), set()
    def add(self, job):
        with self.lock:
            self.open.add(job)
            job.add_done_callback(self.done)
    def done(self, job):
        with self.lock: self.open.discard(job)
jobs, job = Jobs(), Future()
threads = [threading.Thread(target=jobs.add, args=(job,)), threading.Thread(target=job.set_result, args=(1,))]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
        "Deadlock with itself: self.lock",
        ("9 comes to done", "do what line 9 calls when the lock is free"),
    ),
    "a finalizer that logs under the lock of the log": Told(
        """
import threading
class Log:
    def __init__(self): self.lock, self.lines = threading.Lock(), []
    def write(self, make):
        with self.lock: self.lines.append(make())
log, entries = Log(), {}
class Entry:
    def __init__(self): self.name = "a"
    def __del__(self): log.write(lambda: "closed")
def describe():
    entry = entries.get("a")
    return entry.name if entry else ""
entries["a"] = Entry()
thread = threading.Thread(target=log.write, args=(describe,))
thread.start()
entries.clear()
thread.join()
""",
        "Deadlock with itself: self.lock",
        ("A finalizer takes it", "comes to __del__", "queue.SimpleQueue", "not Use threading.RLock"),
    ),
    "a finalizer that the garbage collector runs under its lock": Told(
        """
import threading, weakref
lock, open_ones = threading.Lock(), []
def close(name):
    with lock: open_ones.remove(name)
class File:
    def __init__(self, name):
        self.itself = self
        weakref.finalize(self, close, name)
def use(name):
    file = File(name)
    with lock: open_ones.append(name)
def work(name):
    for _ in range(3): use(name)
thread = threading.Thread(target=work, args=("a",))
thread.start()
thread.join()
""",
        "Deadlock with itself: lock",
        ("takes `lock` in line 5", "A finalizer takes it", "comes to close"),
    ),
    "a function that calls itself, too": Told(
        """
import threading
lock = threading.Lock()
def count(n):
    lock.acquire()
    if n: count(n - 1)
    lock.release()
thread = threading.Thread(target=count, args=(2,))
thread.start()
thread.join()
""",
        "Deadlock with itself: lock",
        ("RLock",),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
