"""What is told of whole programs in which two parts belong together, and one thread sees the one without the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

ACCOUNT = """
import asyncio, threading
class Account:
    def __init__(self): self.a, self.b = 100, 0
    def move(self, n):
        self.a -= n
        self.b += n
account = Account()
"""
READ_WRITE = """
import asyncio, contextlib, threading
class Lock:
    def __init__(self): self.cond, self.readers, self.writes = threading.Condition(), 0, False
    @contextlib.contextmanager
    def read(self):
        with self.cond:
            self.cond.wait_for(lambda: not self.writes)
            self.readers += 1
        try: yield
        finally:
            with self.cond: self.readers -= 1
    @contextlib.contextmanager
    def write(self):
        with self.cond:
            self.cond.wait_for(lambda: not self.writes)
            self.writes = True
        try: yield
        finally:
            with self.cond:
                self.writes = False
                self.cond.notify_all()
lock, table = Lock(), {"a": 1, "b": 1}
"""
STORE = """
import threading
class Store:
    def __init__(self): self.lock, self.events, self.readers = threading.Lock(), [], []
    def subscribe(self, reader):{subscribe}
    def append(self, event):{append}
store, got = Store(), []
threads = [threading.Thread(target=store.append, args=(1,)), threading.Thread(target=store.subscribe, args=(got.append,))]
"""
PROGRAMS = {
    "a lock for reading and writing that lets both in": Told(
        READ_WRITE
        + """
def change():
    with lock.write():
        table["a"] += 1
        table["b"] += 1
def look():
    with lock.read():
        a = table["a"]
        assert a == table["b"]
threads = [threading.Thread(target=change), threading.Thread(target=look)]
"""
        + THREADS,
        "Seen half changed: table['a'] and table['b']",
        ("`with lock.read():` and `with lock.write():` stand around all of this", "let both in", "not Hold one lock"),
    ),
    "a lock that lets several write": Told(
        READ_WRITE
        + """
def change():
    with lock.read():
        before = int(table["a"])
        table["a"] = before + 1
threads = [threading.Thread(target=change) for _ in range(2)]
"""
        + THREADS
        + "assert table['a'] == 3",
        "Lost update of table['a']",
        ("`with lock.read():` stands around all of this already", "one `threading.Lock` in its place"),
    ),
    "a lock of tasks that is another one for each": Told(
        """
import asyncio
total = 0
def lock(): return asyncio.Lock()
async def add():
    global total
    async with lock():
        before = total
        await asyncio.sleep(0)
        total = before + 1
async def main():
    await asyncio.gather(add(), add())
    assert total == 2
asyncio.run(main())
""",
        "Lost update of total",
        ("`async with lock():` stands around all of this already", "`lock` is not the same object"),
    ),
    "what a call gives is gone through": Told(
        """
import threading
subs = {}
def on(topic, call): subs.setdefault(topic, []).append(call)
def publish(topic):
    for call in subs.get(topic, []): call(topic)
got = []
def other(topic): pass
on("news", other)
on("news", got.append)
threads = [
    threading.Thread(target=lambda: subs["news"].remove(other)), threading.Thread(target=publish, args=("news",))
]
"""
        + THREADS
        + "assert got",
        "Changed while it is iterated: subs.get(topic, [])",
    ),
    "what two take away": Told(
        """
import threading
cache = {"a": 1, "b": 2}
def evict():
    for key in ("a", "b"):
        old = cache.get(key)
        if old is not None: del cache[key]
threads = [threading.Thread(target=evict) for _ in range(2)]
"""
        + THREADS,
        "Checked, then changed by another thread: cache[key]",
        ("not is lost", "not Lost update"),
    ),
    "what a method that was handed over changes": Told(
        """
import threading
class Pool:
    def __init__(self, close): self.used, self.lock, self.close = [1], threading.Lock(), close
    def clear(self):
        with self.lock: gone, self.used = self.used, []
        for one in gone: self.close(one)
closed = []
pool = Pool(closed.append)
def use():
    count = len(closed)
    assert len(closed) == count
threads = [threading.Thread(target=use), threading.Thread(target=pool.clear)]
"""
        + THREADS,
        "Changed between two reads: closed",
        ("changes closed",),
    ),
    "what is read between a change and an update, each under the lock": Told(
        """
import threading
class Account:
    def __init__(self): self.balance, self.lock, self.log = 100, threading.Lock(), []
    def pay(self):
        with self.lock: self.balance -= 10
        with self.lock: self.balance -= 1
    def report(self):
        with self.lock: self.log.append(self.balance)
account = Account()
threads = [threading.Thread(target=account.pay), threading.Thread(target=account.report)]
"""
        + THREADS
        + "assert account.log[0] in (100, 89)",
        "The lock is let go too early: self.balance",
        ("one `with` block around lines 6 and 7",),
    ),
    "what is looked for between taking it away and putting it back": Told(
        """
import threading
class Index:
    def __init__(self): self.docs, self.lock = {"a": 1}, threading.Lock()
    def replace(self, key, value):
        with self.lock: old = self.docs.pop(key)
        with self.lock: self.docs[key] = (value, old)
    def find(self, key):
        with self.lock: return self.docs[key]
index = Index()
threads = [threading.Thread(target=index.replace, args=("a", 2)), threading.Thread(target=index.find, args=("a",))]
"""
        + THREADS,
        "The lock is let go too early: self.docs",
        ("one `with` block around lines 6 and 7",),
    ),
    "tasks that ask before they take the lock": Told(
        """
import asyncio
class Cache:
    def __init__(self): self.lock, self.value, self.loads = asyncio.Lock(), None, 0
    async def get(self):
        if self.value is None:
            async with self.lock:
                await asyncio.sleep(0)
                self.loads += 1
                self.value = 1
async def main():
    cache = Cache()
    await asyncio.gather(cache.get(), cache.get())
    assert cache.loads == 1
asyncio.run(main())
""",
        "Checked, then changed by another task: self.value",
        ("Hold `self.lock` over lines 6 and 10: put line 6 into the `async with` block of line 7.",),
    ),
    "a task that keeps the lock, and one that does not": Told(
        """
import asyncio
class Account:
    def __init__(self): self.lock, self.n = asyncio.Lock(), 0
    async def add(self):
        async with self.lock:
            old = self.n
            await asyncio.sleep(0)
            self.n = old + 1
    async def add_fast(self): self.n += 1
async def main():
    account = Account()
    await asyncio.gather(account.add(), account.add_fast())
    assert account.n == 2
asyncio.run(main())
""",
        "Lost update of self.n",
        ("Take `self.lock` in line 10 too (`async with self.lock:`).",),
    ),
    "tasks that take the lock twice": Told(
        """
import asyncio
class Pool:
    def __init__(self): self.lock, self.free = asyncio.Lock(), [1]
    async def take(self):
        async with self.lock:
            n = len(self.free)
        await asyncio.sleep(0)
        async with self.lock:
            if n:
                return self.free.pop()
async def main():
    pool = Pool()
    await asyncio.gather(pool.take(), pool.take())
asyncio.run(main())
""",
        "Checked, then changed by another task: self.free",
        ("Keep `self.lock` from the first to the last: one `async with` block around lines 7 and 11.",),
    ),
    "what is changed twice under a lock that is let go in between": Told(
        """
import threading
class Door:
    def __init__(self): self.state, self.lock = "open", threading.Lock()
    def close(self):
        with self.lock: self.state = "closing"
        with self.lock: self.state = "closed"
    def look(self):
        with self.lock: return self.state
door, seen = Door(), []
threads = [threading.Thread(target=door.close), threading.Thread(target=lambda: seen.append(door.look()))]
"""
        + THREADS
        + "assert seen[0] != 'closing'",
        "The lock is let go too early: self.state",
        ("Thread-1 changes `self.state` in line 6", "Thread-2 reads it in line 9, and sees a state", "not looks at"),
    ),
    "what is set, and used in a function that is called": Told(
        """
import threading
class Db:
    def __init__(self): self.schema, self.log = "public", []
    def query(self, table):
        self.log.append(self.name(table))
        return self.name(table)
    def name(self, table): return f"{self.schema}.{table}"
db, found = Db(), {}
def handle(tenant):
    db.schema = tenant
    rows = db.query("users")
    found[tenant] = rows
threads = [threading.Thread(target=handle, args=(name,)) for name in ("a", "b")]
"""
        + THREADS
        + "assert found == {'a': 'a.users', 'b': 'b.users'}",
        "Changed by another thread before it is used: db.schema",
        ("Hold one lock in `handle` from line 11 until the call is over that comes to line 8",),
    ),
    "settings of the process": Told(
        """
import sys, threading
seen = []
def work(n):
    sys.setrecursionlimit(n)
    seen.append(sys.getrecursionlimit() - n)
threads = [threading.Thread(target=work, args=(n,)) for n in (5000, 6000)]
"""
        + THREADS
        + "assert seen == [0, 0]",
        "Changed by another thread before it is used: the settings of sys",
        ("changes the settings of sys in line 5", "not `the settings"),
    ),
    "a promise that says it is kept before its value is there": Told(
        """
import threading
class Promise:
    def __init__(self): self.state, self.value, self.then, self.lock = "open", None, [], threading.Lock()
    def keep(self, value):
        with self.lock: self.state, self.value = "kept", value
        for function in self.then: function(self.value)
    def use(self, function):
        if self.state == "open": self.then.append(function)
        else: function(self.value)
def chained(n):
    promise = Promise()
    thread = threading.Thread(target=promise.keep, args=(n,))
    thread.start()
    promise.use(lambda value: value + 1)
    thread.join()
for n in range(2): chained(n)
""",
        "Used before it is ready: self.value",
        (
            "writes `self.state` in line 6 and only then `self.value`, in the same line",
            "main thread sees the one (line 9) and uses the other (line 10)",
            "write `self.value` first and `self.state` last; or take `self.lock",
            "not join()",
        ),
    ),
    "a sum that is checked in between": Told(
        ACCOUNT
        + """
def audit(): assert account.a + account.b == 100
threads = [threading.Thread(target=account.move, args=(10,)), threading.Thread(target=audit)]
"""
        + THREADS,
        "Seen half changed: account.a and account.b",
        (
            "Thread-2 reads `account.a` and `account.b` in two steps (line 10)",
            "Thread-1 changes both (lines 6 and 7), so they do not belong together",
            "Hold one lock over line 10",
            "not join",
        ),
    ),
    "a range whose ends are moved": Told(
        """
import threading
class Range:
    def __init__(self): self.low, self.high = 0, 10
    def move(self, by):
        self.low += by
        self.high += by
    def check(self):
        low = self.low
        high = self.high
        if low > high: raise RuntimeError("empty")
there = Range()
threads = [threading.Thread(target=there.move, args=(20,)), threading.Thread(target=there.check)]
"""
        + THREADS,
        "Seen half changed: self.low and self.high",
        (
            "Thread-1 changes `self.low` and `self.high` in two steps (lines 6 and 7)",
            "Thread-2 reads both (lines 9 and 10)",
            "Hold one lock over lines 6 and 7",
            "7 would write self.high, but has not come so far",
            "not join",
        ),
    ),
    "two globals": Told(
        """
import threading
debit = credit = 0
def book(n):
    global debit, credit
    debit += n
    credit += n
def check(): assert debit == credit
threads = [threading.Thread(target=book, args=(1,)), threading.Thread(target=check)]
"""
        + THREADS,
        "Seen half changed: debit and credit",
        ("in two steps (line 8)", "changes both (lines 6 and 7)"),
    ),
    "tasks that await in between": Told(
        """
import asyncio
class Account:
    def __init__(self): self.a, self.b = 100, 0
async def move(account, n):
    account.a -= n
    await asyncio.sleep(0.1)
    account.b += n
async def audit(account):
    await asyncio.sleep(0.1)
    assert account.a + account.b == 100
async def main():
    account = Account()
    await asyncio.gather(move(account, 10), audit(account))
asyncio.run(main())
""",
        "Seen half changed: account.a and account.b",
        (
            "Put no `await` between the steps in lines 6 to 8",
            "`asyncio.Lock` over them, and over line 11",
            "not Thread",
        ),
    ),
    "a flag that is set before what it says": Told(
        """
import threading
class Box:
    def __init__(self): self.ready, self.value = False, None
    def fill(self):
        self.ready = True
        self.value = [1]
    def use(self):
        if self.ready and self.value[0] != 1: raise ValueError(self.value)
box = Box()
threads = [threading.Thread(target=box.fill), threading.Thread(target=box.use)]
"""
        + THREADS,
        "Used before it is ready: self.value",
        ("not half",),
    ),
    "a use after the end": Told(
        """
import threading
class Session:
    def __init__(self): self.socket, self.open = [], True
    def close(self):
        self.socket = None
        self.open = False
    def send(self):
        if self.open: self.socket.append(1)
session = Session()
threads = [threading.Thread(target=session.close), threading.Thread(target=session.send)]
"""
        + THREADS,
        "Seen half changed: self.socket and self.open",
        ("in two steps (lines 6 and 7)", "Hold one lock over lines 6 and 7", "the same lock over line 9"),
    ),
    "each call asks for itself": Told(
        """
import threading
import time
class Link:
    def __init__(self): self.alive = True
    def send(self, data):
        if not self.alive: raise ConnectionResetError("link is down")
    def close(self): self.alive = False
class Client:
    def __init__(self): self.link, self.lock, self.stop = Link(), threading.Lock(), threading.Event()
    def reconnect(self):
        while not self.stop.wait(0.2):
            with self.lock:
                self.link.close()
                self.link = Link()
    def send(self, data):
        link = self.link
        link.send(str(data))
client = Client()
thread = threading.Thread(target=client.reconnect)
thread.start()
for n in range(4):
    client.send(n)
    time.sleep(0.15)
client.stop.set()
thread.join()
""",
        "Used after its end: self.alive",
        ("hold one lock over the check and the use", "not acts on the answer", "not has given it its value"),
    ),
    "a gauge that only counts what a check has let in": Told(
        """
import threading
import time
class Breaker:
    def __init__(self): self.open, self.lock = True, threading.Lock()
    @property
    def is_open(self):
        with self.lock: return self.open
    def enter(self):
        if not self.is_open: return False
        with self.lock: self.open = False
        return True
class Gauge:
    def __init__(self): self.now, self.most, self.lock = 0, 0, threading.Lock()
    def work(self):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.5)
        with self.lock:
            self.now -= 1
breaker, gauge = Breaker(), Gauge()
def probe():
    if breaker.enter(): gauge.work()
threads = [threading.Thread(target=probe) for _ in range(2)]
"""
        + THREADS
        + "assert gauge.most == 1",
        "The lock is let go too early: self.open",
        ("in line 8", "for line 11"),
    ),
    "what comes between the past and the subscription": Told(
        STORE.format(
            subscribe="""
        with self.lock: past = list(self.events)
        for event in past: reader(event)
        with self.lock: self.readers.append(reader)""",
            append="""
        with self.lock:
            self.events.append(event)
            readers = tuple(self.readers)
        for reader in readers: reader(event)""",
        )
        + THREADS
        + "assert got == [1]",
        "Each has missed what the other did: self.events and self.readers",
        (
            "In between Thread-1 changes `self.events` in line 11 and looks at `self.readers` in line 12",
            "lines 11 and 12",
        ),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
