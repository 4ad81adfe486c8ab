"""What is told of whole programs that build locks, or release them in the wrong place, and of fixes that no lock can be."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

from plait._check.explain.remark import thrown_away
from plait._check.reading.source import Sources
from plait._check.record import Remark
from plait._check.remarks import NEVER_AWAITED
from plait._core.event import Site

SPIN = """
import threading
class SpinLock:
    def __init__(self): self.flag = threading.Lock()
    def acquire(self):
        while self.flag.locked(): pass
        {take}
    def release(self): self.flag.release()
lock, n = SpinLock(), 0
def add():
    global n
    for _ in range(2):
        lock.acquire()
        n = n + 1
        lock.release()
threads = [threading.Thread(target=add) for _ in range(2)]
"""
PROGRAMS = {
    "a try that nobody looks at": Told(
        SPIN.format(take="self.flag.acquire(blocking=False)") + THREADS,
        "Released without having it: self.flag",
        ("in line 7 and does not get it", "Look at what acquire() answers", "not Give back once"),
    ),
    "a timeout that nobody looks at": Told(
        SPIN.format(take="self.flag.acquire(timeout=0.01)") + THREADS + "assert n == 4",
        "Released without having it: self.flag",
        ("in line 7 and does not get it",),
    ),
    "a lock as a signal that does not begin taken": Told(
        """
import threading
first, second = threading.Lock(), threading.Lock()
def ping():
    for _ in range(2):
        first.acquire()
        second.release()
def pong():
    for _ in range(2):
        second.acquire()
        first.release()
threads = [threading.Thread(target=target) for target in (ping, pong)]
"""
        + THREADS,
        "Released before it is taken: second",
        ("Let it begin taken, by `second.acquire()`", "threading.Semaphore(0)", "not use `with`"),
    ),
    "a lock that is given back twice": Told(
        """
import threading
lock, n = threading.Lock(), 0
def add():
    global n
    lock.acquire()
    try:
        n += 1
        lock.release()
    finally:
        lock.release()
threads = [threading.Thread(target=add) for _ in range(2)]
"""
        + THREADS,
        "Given back more often than taken",
    ),
    "a lock of asyncio that is not awaited": Told(
        """
import asyncio
async def main():
    lock, total = asyncio.Lock(), 0
    async def add():
        nonlocal total
        lock.acquire()
        value = total
        await asyncio.sleep(0)
        total = value + 1
        lock.release()
    await asyncio.gather(add(), add())
asyncio.run(main())
""",
        "Never awaited: Lock.acquire()",
        ("in line 7", "Write `await lock.acquire(...)`"),
    ),
    "an ordinary error": Told(
        """
import threading
def divide(n): return 10 / n
def work(n): divide(n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
"""
        + THREADS,
        "Fails under every schedule that was tried: ZeroDivisionError: division by zero",
        ("is hardly to blame", "7 starts Thread-1", "4 calls divide", "3 fails: ZeroDivisionError", "not one lock"),
    ),
    "an error in a group": Told(
        """
import asyncio
settings = {}
async def use(): return settings["host"]
async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(use())
asyncio.run(main())
""",
        "Fails under every schedule that was tried: KeyError: 'host' (in an ExceptionGroup)",
        ("4 gets KeyError: 'host'",),
    ),
    "arguments that are no tuple": Told(
        """
import threading
def work(n): print(n)
thread = threading.Thread(target=work, args=(1))
thread.start()
thread.join()
""",
        "Started with `args` that is no tuple",
        ("`args=(value,)`", "5 starts Thread-1"),
    ),
    "a text for a tuple of arguments": Told(
        """
import threading
def greet(name): print(name)
thread = threading.Thread(target=greet, args=("Bob"))
thread.start()
thread.join()
""",
        "Started with the wrong number of arguments",
        ("counts as its letters", "`args=(value,)`"),
    ),
    "a hand-made lock that waits in a loop": Told(
        """
import threading
flag, turn, inside = [False, False], 0, 0
def work(me):
    global turn, inside
    for _ in range(2):
        turn = 1 - me
        flag[me] = True
        while flag[1 - me] and turn == 1 - me:
            pass
        inside += 1
        assert inside == 1
        inside -= 1
        flag[me] = False
threads = [threading.Thread(target=work, args=(me,)) for me in (0, 1)]
"""
        + THREADS,
        "Changed by another thread before it is used: turn",
        ("No lock can be held over a loop", "`threading.Lock` in their place", "not Hold one lock"),
    ),
    "a property that takes its lock twice": Told(
        """
import threading
class Counter:
    def __init__(self): self._value, self._lock = 0, threading.Lock()
    @property
    def value(self):
        with self._lock:
            return self._value
    @value.setter
    def value(self, new):
        with self._lock:
            self._value = new
counter = Counter()
def add(): counter.value += 1
threads = [threading.Thread(target=add) for _ in range(2)]
"""
        + THREADS
        + "assert counter.value == 2",
        "The lock is let go too early: self._value",
        ("An update such as `x.value += 1` calls both", "in one method of the class", "not one `with` block around"),
    ),
    "a permit that is given back before the thing is": Told(
        """
import contextlib, threading
free, permits = [1, 2], threading.Semaphore(2)
@contextlib.contextmanager
def borrowed():
    permits.acquire()
    one = free.pop()
    try:
        yield one
    finally:
        permits.release()
        free.append(one)
def use():
    with borrowed() as one:
        print(one)
threads = [threading.Thread(target=use) for _ in range(4)]
"""
        + THREADS,
        "Used before it is ready: free",
        ("Do what line 12 does before line 11", "not join() "),
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what is not awaited
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # so that plait itself is not taken for the user's
    is_told(PROGRAMS[name], tmp_path)


@pytest.mark.parametrize(
    ("line", "is_thrown_away"),
    [("lock.acquire()", True), ("gather(one(), two())", False), ("x = f(one(), 1 / 0)", False)],
)
def test_what_an_error_keeps_from_being_awaited_is_not_to_blame(line: str, is_thrown_away: bool) -> None:
    what = "acquire" if "acquire" in line else "one"
    remark = Remark(NEVER_AWAITED, 1, what, Site("app.py", 1, 0, 1, 0, "", ""))
    assert (thrown_away([remark], Sources(lambda _: [line])) is remark) == is_thrown_away
