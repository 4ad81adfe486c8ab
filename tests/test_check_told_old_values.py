"""What is told of whole programs in which a value is used that others have changed since it was looked at or handed on."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

PROGRAMS = {
    "a token that two tasks refresh": Told(
        """
import asyncio
class Server:
    valid = "r0"
    async def refresh(self, token):
        await asyncio.sleep(0)
        if token != self.valid: raise PermissionError("invalid_grant")
        self.valid += "+"
        return self.valid
class Client:
    def __init__(self): self.server, self.token, self.fresh = Server(), "r0", False
    def is_fresh(self): return self.fresh
    async def get(self):
        if not self.is_fresh():
            self.token = await self.server.refresh(self.token)
            self.fresh = True
async def main():
    client = Client()
    await asyncio.gather(client.get(), client.get())
asyncio.run(main())
""",
        "Changed while it is in use: self.token",
        ("hands `self.token` to a call in line 15", "one `asyncio.Lock` over it", "check when you have the lock"),
    ),
    "a worker that goes while somebody counts on it": Told(
        """
import threading
from collections import deque
class Worker:
    def __init__(self): self.changed, self.items, self.thread, self.done = threading.Condition(), deque(), None, []
    def add(self, item):
        with self.changed:
            self.items.append(item)
            if self.thread is None:
                self.thread = threading.Thread(target=self.run)
                self.thread.start()
    def run(self):
        try:
            while True:
                with self.changed:
                    if not self.items: return
                    item = self.items.popleft()
                self.done.append(item)
        finally:
            with self.changed:
                self.thread = None
                self.changed.notify_all()
worker = Worker()
threads = [threading.Thread(target=worker.add, args=(n,)) for n in range(2)]
"""
        + THREADS
        + """
with worker.changed: worker.changed.wait_for(lambda: worker.thread is None)
assert sorted(worker.done) == [0, 1], worker.done
""",
        "Each has missed what the other did: self.items and self.thread",
        (
            "in line 16 and goes by it when it changes `self.thread` in line 21",
            "`self.changed`, without letting go of it",
        ),
    ),
    "a cursor that threads share": Told(
        """
import sqlite3, threading
rows = sqlite3.connect(":memory:", check_same_thread=False).cursor()
rows.execute("CREATE TABLE t (k TEXT, v INT)")
rows.execute("INSERT INTO t VALUES ('a', 1), ('b', 2)")
def look(key, value):
    rows.execute("SELECT v FROM t WHERE k = ?", (key,))
    assert rows.fetchone() == (value,)
threads = [threading.Thread(target=look, args=pair) for pair in (("a", 1), ("b", 2))]
"""
        + THREADS,
        "Changed by another thread before it is used: rows",
        ("lines 7 and 8", "not join the users"),
    ),
    "a connection that whoever comes first has opened": Told(
        """
import sqlite3, threading
class Store:
    made = None
    def ping(self):
        if self.made is None: self.made = sqlite3.connect(":memory:")
        self.made.execute("SELECT 1")
store = Store()
threads = [threading.Thread(target=store.ping) for _ in range(2)]
"""
        + THREADS,
        "A database connection of another thread",
        ("threading.local", "check_same_thread=False"),
    ),
    "a wait that is over before anything has changed": Told(
        """
import threading
class Ready:
    def __init__(self): self.changed, self.ready = threading.Condition(), False
    def wait(self):
        with self.changed:
            if not self.ready: self.changed.wait()
    def wake(self):
        with self.changed: self.changed.notify_all()
ready = Ready()
def wait():
    ready.wait()
    assert ready.ready
def mark():
    ready.wake()
    ready.ready = True
    ready.wake()
threads = [threading.Thread(target=wait), threading.Thread(target=mark)]
"""
        + THREADS,
        "A wait without a loop: self.changed.wait()",
        ("Thread-2 wakes it in line 9", "`self.ready` has not changed by then", "`while` instead of `if`"),
    ),
    "a dict of its own kind that drops the oldest": Told(
        """
import threading
class Oldest(dict):
    def __init__(self): self.order = []
    def __setitem__(self, key, value):
        if key not in self:
            self.order.append(key)
            super().__setitem__(key, [])
        self[key].append(value)
known = Oldest()
threads = [threading.Thread(target=known.__setitem__, args=("a", n)) for n in range(2)]
"""
        + THREADS
        + "assert sorted(known['a']) == [0, 1], known",
        "Checked, then changed by another thread: self",
        ("not super()",),
    ),
    "a thread-local in a server of tasks": Told(
        """
import asyncio, threading
here = threading.local()
async def handle(name):
    here.request = name
    await asyncio.sleep(0)
    return here.request
async def main():
    assert await asyncio.gather(handle("a"), handle("b")) == ["a", "b"]
asyncio.run(main())
""",
        "A thread-local that tasks share: here.request",
        ("sets `here.request` in line 5 and reads it in line 7", "contextvars.ContextVar"),
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of bugs
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
