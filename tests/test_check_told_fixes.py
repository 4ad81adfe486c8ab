"""What a fix names: the whole block that one lock belongs around, which lock, and the way out without a release."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

BEGIN = "\nimport asyncio, threading, time\nfrom concurrent.futures import ThreadPoolExecutor\n"
BLOCKS = {
    "a check, work, and then the act": Told(
        BEGIN
        + """
class Limiter:
    left, passed = 1, []
    def call(self):
        if self.left < 1:
            return
        time.sleep(0.1)
        self.left -= 1  # plait: may be lost: the check is what is to be told
        self.passed.append(1)
limiter = Limiter()
threads = [threading.Thread(target=limiter.call) for _ in range(2)]
"""
        + THREADS
        + "assert len(limiter.passed) == 1",
        "Checked, then changed by another thread: self.left",
        ("Hold one lock over lines 8 to 11 (`with lock:` around all of it)",),
    ),
    "an `elif`, which no block can have alone": Told(
        BEGIN
        + """
class Account:
    money, closed = 5, False
    def take(self, n):
        if self.closed:
            return 0
        elif self.money >= n:
            print("pays")
            self.money -= n
            return n
        else:
            return 0
account = Account()
threads = [threading.Thread(target=account.take, args=(4,)) for _ in range(2)]
"""
        + THREADS
        + "assert account.money == 1",
        "Checked, then changed by another thread: self.money",
        ("over lines 8 to 15 (`with lock:` around all of it)",),
    ),
    "an earlier check, and the lock of another method": Told(
        BEGIN
        + """
class Account:
    def __init__(self): self.money, self.lock = 5, threading.Lock()
    def put(self, n):
        with self.lock: self.money += n
    def take(self, n):
        if self.money < n:
            return
        rest = self.money - n
        print("pays")
        self.money = rest
account = Account()
account.put(5)
threads = [threading.Thread(target=account.take, args=(4,)) for _ in range(2)]
"""
        + THREADS
        + "assert account.money == 2",
        "Lost update of self.money",
        ("Hold `self.lock` over lines 10 to 14 (`with self.lock:` around all of it), as it is in line 8",),
    ),
    "a loop whose test is the check": Told(
        BEGIN
        + """
jobs, done = [1, 2, 3], []
def work():
    while jobs:
        done.append(jobs.pop())
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS,
        "Checked, then changed by another thread: jobs",
        ("turn the loop into `while True:`", "`with lock:` around both", "`if not ...: break`"),
    ),
    "a read in a method that the writer calls": Told(
        BEGIN
        + """
class Stock:
    pieces = 9
    def left(self, n): return self.pieces - n
    def take(self, n):
        rest = self.left(n)
        print(rest)
        self.pieces = rest
stock = Stock()
threads = [threading.Thread(target=stock.take, args=(1,)) for _ in range(2)]
"""
        + THREADS
        + "assert stock.pieces == 7",
        "Lost update of self.pieces",
        ("over lines 9 to 11 (`with lock:` around all of it; line 9 comes to line 7)",),
    ),
}
CHECKS = {
    "an answer that is kept in a name": Told(
        BEGIN
        + """
cache, loads = {}, []
def load(key):
    loads.append(key)
    return key
def lookup(key):
    value = cache.get(key)
    if value is None:
        value = load(key)
        cache[key] = value
    return value
threads = [threading.Thread(target=lookup, args=("a",)) for _ in range(2)]
"""
        + THREADS
        + "assert loads == ['a']",
        "Checked, then changed by another thread: cache[key]",
        ("over lines 10 to 13",),
    ),
    "an answer that another coroutine gives": Told(
        BEGIN
        + """
stock = {"apple": 1}
async def left(name):
    await asyncio.sleep(0)
    return stock[name]
async def buy(name):
    if await left(name) > 0:
        await asyncio.sleep(0)
        stock[name] -= 1
async def main():
    await asyncio.gather(buy("apple"), buy("apple"))
    assert stock["apple"] == 0
asyncio.run(main())
""",
        "Checked, then changed by another task: stock[name]",
        (
            "Put no `await` between lines 10 and 12, or hold one `asyncio.Lock` over lines 10 to 12 (`async with lock:`)",
        ),
    ),
    "a number that is read again to be returned": Told(
        BEGIN
        + """
class Ticket:
    number = 0
    @classmethod
    def make(cls):
        cls.number += 1
        return f"T-{cls.number}"
made = []
threads = [threading.Thread(target=lambda: made.append(Ticket.make())) for _ in range(2)]
"""
        + THREADS
        + "assert len(set(made)) == 2",
        "Lost update of cls.number",
        ("Hold one lock over lines 9 and 10 (`with lock:` around both)",),
    ),
    "a lock that each call makes": Told(
        BEGIN
        + """
class Counter:
    n = 0
    def add(self):
        lock = threading.Lock()
        with lock:
            self.n = self.n + 1
counter = Counter()
threads = [threading.Thread(target=counter.add) for _ in range(2)]
"""
        + THREADS
        + "assert counter.n == 2",
        "Lost update of self.n",
        ("Line 8 makes a new one each time that it is run", "in the body of the class or of the module"),
    ),
    "a dict that is changed while a task goes through it": Told(
        BEGIN
        + """
members = {"a": 1, "b": 2}
async def broadcast():
    for name in members: await asyncio.sleep(0)
async def leave():
    await asyncio.sleep(0)
    del members["b"]
async def main(): await asyncio.gather(broadcast(), leave())
asyncio.run(main())
""",
        "Changed while it is iterated: members",
        ("Go through a copy, `list(members)`", "not with lock"),
    ),
    "a table that others see before it is filled": Told(
        BEGIN
        + """
class Parser:
    tables = None
    def get(self):
        if Parser.tables is None:
            Parser.tables = {}
            for name in ("a", "b"):
                Parser.tables[name] = len(name)
        return Parser.tables
def parse(): assert Parser().get()["b"] == 1
threads = [threading.Thread(target=parse) for _ in range(2)]
"""
        + THREADS,
        "Used before it is ready: Parser.tables",
        ("keep the new one in a local name", "store it in `Parser.tables` last"),
    ),
    "a check and an act in two methods, which a third one calls": Told(
        BEGIN
        + """
class Repo:
    def __init__(self): self.stock = {"A": 3}
    def find(self, name): return self.stock[name]
    def save(self, name, n): self.stock[name] = n
repo, outcomes = Repo(), []
def reserve(n):
    have = repo.find("A")
    if have < n:
        outcomes.append("sold out")
        return
    print("reserves")
    repo.save("A", have - n)
    outcomes.append("ok")
threads = [threading.Thread(target=reserve, args=(2,)) for _ in range(2)]
"""
        + THREADS
        + "assert sorted(outcomes) == ['ok', 'sold out']",
        "Lost update of self.stock[name]",
        ("Hold one lock over lines 11 to 16 of `reserve`, which comes to lines 7 and 8",),
    ),
    "a lock that was not got in time": Told(
        BEGIN
        + """
lock, total = threading.Lock(), 0
def add(n):
    global total
    lock.acquire(timeout=1)
    old = total
    time.sleep(2)
    total = old + n
    if lock.locked(): lock.release()
threads = [threading.Thread(target=add, args=(n,)) for n in (1, 2)]
"""
        + THREADS
        + "assert total == 3",
        "Lost update of total",
        ("only tried to take it, in line 8", "Look at what acquire() gives in line 8", "not Hold `lock` over"),
    ),
    "tasks of two loops": Told(
        BEGIN
        + """
counter = {"n": 0}
async def add():
    n = counter["n"]
    await asyncio.sleep(0)
    counter["n"] = n + 1
threads = [threading.Thread(target=lambda: asyncio.run(add())) for _ in range(2)]
"""
        + THREADS
        + "assert counter['n'] == 2",
        "Lost update of counter['n']",
        ("the event loops of different threads", "Hold one `threading.Lock` over lines 7 to 9"),
    ),
    "tasks that wait on one condition for different things": Told(
        BEGIN
        + """
class Slot:
    def __init__(self): self.full, self.cond = False, asyncio.Condition()
    async def turn(self, to):
        async with self.cond:
            if to:
                while self.full: await self.cond.wait()
            else:
                while not self.full:
                    await self.cond.wait()
            self.full = to
            self.cond.notify()
async def main():
    slot = Slot()
    await asyncio.gather(*(slot.turn(to) for to in (False, False, False, True, True, True)))
asyncio.run(main())
""",
        "notify() woke the wrong thread: self.cond",
        ("in different lines for different things", "notify_all()"),
    ),
    "a line that is written in pieces": Told(
        BEGIN
        + """
import io
out = io.StringIO()
def export(n):
    out.write(str(n))
    out.write(",")
    out.write(str(n))
    out.write(";")
threads = [threading.Thread(target=export, args=(n,)) for n in range(2)]
"""
        + THREADS
        + "assert sorted(out.getvalue().split(';')) == ['', '0,0', '1,1']",
        "Written in pieces: what is in files",
        ("Write the whole in one call", "over lines 8 to 11"),
    ),
    "the length of a list, which an element does not change": Told(
        BEGIN
        + """
class Ring:
    def __init__(self): self.cells, self.count = [0, 0, 0], 0
    def put(self, x):
        at = (self.count + 1) % len(self.cells)
        self.cells[at] = x
        self.count += 1
ring = Ring()
threads = [threading.Thread(target=ring.put, args=(n,)) for n in (1, 2)]
"""
        + THREADS
        + "assert sorted(ring.cells) == [0, 1, 2]",
        "Changed between two reads: self.count",
        ("Hold one lock over lines 8 to 10", "not Read it once"),
    ),
    "threads that look at each other's cells": Told(
        BEGIN
        + """
grid = [0, 0, 0]
barrier = threading.Barrier(3)
def cell(at):
    left = grid[at - 1]
    grid[at] = left + 1
    barrier.wait()
    assert grid[at] == 1
threads = [threading.Thread(target=cell, args=(at,)) for at in range(3)]
"""
        + THREADS,
        "Fails under some schedules: AssertionError",
        ("It passes under other schedules",),
    ),
}
SEMAPHORE = """
class Stock:
    def __init__(self): self.n, self.mine = 5, threading.{}
    def add(self):
        {}
    def sell(self):
        before = self.n
        self.n = before - 1
stock = Stock()
threads = [threading.Thread(target=stock.add), threading.Thread(target=stock.sell)]
"""
HELD = ("holds `self.mine`", "does not take it", "`self.mine`")
MUTEXES = {
    "a semaphore in a block": Told(
        BEGIN
        + SEMAPHORE.format(
            "Semaphore(1)", "with self.mine:\n            before = self.n\n            self.n = before + 1"
        )
        + THREADS
        + "assert stock.n == 5",
        "Lost update of self.n",
        HELD,
    ),
    "a bounded semaphore that is taken and released": Told(
        BEGIN
        + SEMAPHORE.format(
            "BoundedSemaphore()",
            "self.mine.acquire()\n        before = self.n\n        self.n = before + 1\n        self.mine.release()",
        )
        + THREADS
        + "assert stock.n == 5",
        "Lost update of self.n",
        HELD,
    ),
    "a semaphore that is given back in between": Told(
        BEGIN
        + """
mine, n = threading.Semaphore(1), 1
def ask():
    with mine: return n > 0
def take():
    global n
    with mine:
        n -= 1
        assert n >= 0
def work():
    if ask(): take()
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS,
        "The lock is let go too early: n",
        ("under `mine`, lets go of it", "Hold `mine` over line 14 of `work`, which calls both", "a `threading.RLock`"),
    ),
    "a semaphore of two is no lock": Told(
        BEGIN
        + SEMAPHORE.format(
            "Semaphore(2)", "with self.mine:\n            before = self.n\n            self.n = before + 1"
        )
        + THREADS
        + "assert stock.n == 5",
        "Lost update of self.n",
        ("not self.mine",),
    ),
    "a semaphore that others release is no lock": Told(
        BEGIN
        + SEMAPHORE.format("Semaphore(1)", "self.mine.acquire()\n        before = self.n\n        self.n = before + 1")
        + THREADS
        + "stock.mine.release()\nassert stock.n == 5",
        "Lost update of self.n",
        ("not `self.mine`",),
    ),
}
AGAIN = {
    "a handler of a signal": Told(
        """
import os, signal, threading
lock = threading.Lock()
def dump(number, frame):
    with lock: print("state")
signal.signal(signal.SIGUSR1, dump)
def serve():
    for _ in range(2):
        with lock: print("works")
thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
thread.start()
serve()
thread.join()
""",
        "Deadlock with itself: lock",
        (
            "A signal stops the main thread while it holds `lock`",
            "Take no lock in a handler",
            "not Use threading.RLock",
        ),
    ),
    "a listener that leaves while all are called": Told(
        BEGIN
        + """
class Feed:
    def __init__(self): self.all, self.lock = [], threading.Lock()
    def leave(self, one):
        with self.lock: self.all.remove(one)
    def tell(self):
        with self.lock:
            for one in self.all:
                one()
feed = Feed()
def once(): feed.leave(once)
feed.all.append(once)
threads = [threading.Thread(target=feed.tell)]
"""
        + THREADS,
        "Deadlock with itself: self.lock",
        ("calls others while it holds `self.lock`", "current = list(...)", "not Use threading.RLock"),
    ),
    "a function with a cache": Told(
        BEGIN
        + """
import functools
@functools.lru_cache(maxsize=None)
def connection(host): return object()
made = []
threads = [threading.Thread(target=lambda: made.append(connection("db"))) for _ in range(2)]
"""
        + THREADS
        + "assert made[0] is made[1]",
        "Made twice: connection()",
        ("in line 7 runs for Thread-", "Hold one lock over the call of `connection`"),
    ),
    "tasks that nobody waits for": Told(
        BEGIN
        + """
saved = []
async def save(text):
    await asyncio.sleep(1)
    saved.append(text)
async def main(): kept = [asyncio.create_task(save(text)) for text in "ab"]
asyncio.run(main())
assert len(saved) == 2
""",
        "Still running at the end: Task-2 (save)",
        ("started in line 9, has come no further than line 7", "`asyncio.TaskGroup`"),
    ),
    "the others of a gather that has failed": Told(
        BEGIN
        + """
done = []
async def place(n):
    if n == 0: raise RuntimeError("rejected")
    await asyncio.sleep(1)
    done.append(n)
async def main():
    try: await asyncio.gather(*map(place, range(3)))
    except RuntimeError: pass
    assert sorted(done) == [1, 2]
asyncio.run(main())
""",
        "Still running at the end: Task-3 (place)",
        ("has come no further than line 8", "`asyncio.gather(..., return_exceptions=True)`"),
    ),
    "a task that has nothing to do with it": Told(
        BEGIN
        + """
async def beat():
    while True: await asyncio.sleep(1)
async def main():
    kept = asyncio.create_task(beat())
    await asyncio.sleep(3)
    total = 1
    assert total == 2
asyncio.run(main())
""",
        "Fails under every schedule that was tried: AssertionError",
    ),
}
LEFT = {
    "a task that returns": Told(
        BEGIN
        + """
lock = asyncio.Lock()
async def work(n):
    await lock.acquire()
    if n == 0:
        return
    lock.release()
async def main(): await asyncio.gather(*map(work, range(2)))
asyncio.run(main())
""",
        "Never released: lock",
        ("The `return` in line 9 leaves `work` without the release in line 10.",),
    ),
    "tasks that have all units of a semaphore": Told(
        BEGIN
        + """
room = asyncio.Semaphore(2)
async def work(n):
    await room.acquire()
    for _ in range(3):
        if n: break
    else:
        return
    room.release()
async def main(): await asyncio.gather(*map(work, (0, 0, 1)))
asyncio.run(main())
""",
        "Never released: room",
        ("has taken it in line 7", "The `return` in line 11 leaves `work` without the release in line 12."),
    ),
    "an error that gather keeps": Told(
        BEGIN
        + """
room = asyncio.Semaphore(1)
async def parse(n):
    if n == 0: raise ValueError("bad")
async def work(n):
    await room.acquire()
    await parse(n)
    room.release()
async def main(): await asyncio.gather(*map(work, range(3)), return_exceptions=True)
asyncio.run(main())
""",
        "Never released: room",
        ("ValueError: bad in line 7 ended `work` before it came to the release in line 11.",),
    ),
    "a method that takes and one that gives back": Told(
        BEGIN
        + """
class Pool:
    def __init__(self): self.room = asyncio.Semaphore(1)
    async def take(self): await self.room.acquire()
    def give(self): self.room.release()
async def use(pool, n):
    await pool.take()
    if n == 0: return
    pool.give()
async def main():
    pool = Pool()
    await asyncio.gather(*(use(pool, n) for n in range(3)))
asyncio.run(main())
""",
        "Never released: self.room",
        ("The `return` in line 11 leaves `use` without the release in line 12.",),
    ),
    "a thread that returns where it handles an error": Told(
        BEGIN
        + """
lock = threading.Lock()
def work(n):
    lock.acquire()
    try:
        1 / n
    except ZeroDivisionError:
        return
    lock.release()
threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
"""
        + THREADS,
        "Never released: lock",
        ("The `return` in line 11 leaves `work` without the release in line 12.",),
    ),
    "a turn of a loop": Told(
        BEGIN
        + """
lock = threading.Lock()
def work():
    for n in range(3):
        lock.acquire()
        if n == 1: continue
        lock.release()
threads = [threading.Thread(target=work)]
"""
        + THREADS,
        "Never released: lock",
        ("The same thread has taken it in line 8", "The `continue` in line 9 goes round the loop", "not RLock"),
    ),
    "a job of the same worker that failed": Told(
        BEGIN
        + """
lock = threading.Lock()
def work(n):
    lock.acquire()
    print(1 / n)
    lock.release()
with ThreadPoolExecutor(1) as pool:
    for n in range(2): pool.submit(work, n)
""",
        "Never released: lock",
        ("The same thread has taken it in line 7", "An exception behind line 7 ended `work`", "not RLock"),
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_whole_block_is_named(name: str, tmp_path: Path) -> None:
    is_told(BLOCKS[name], tmp_path)


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_split_is_told_as_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(CHECKS[name], tmp_path)


@pytest.mark.parametrize("name", MUTEXES)
def test_a_semaphore_of_one_unit_is_a_lock(name: str, tmp_path: Path) -> None:
    is_told(MUTEXES[name], tmp_path)


@pytest.mark.parametrize("name", AGAIN)
def test_why_it_came_to_that_is_told(name: str, tmp_path: Path) -> None:
    is_told(AGAIN[name], tmp_path)


@pytest.mark.parametrize("name", LEFT)
def test_the_way_out_is_named(name: str, tmp_path: Path) -> None:
    is_told(LEFT[name], tmp_path)
