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
PROGRAMS = {
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
    await asyncio.sleep(0)
    account.b += n
async def audit(account):
    await asyncio.sleep(0)
    assert account.a + account.b == 100
async def main():
    account = Account()
    await asyncio.gather(move(account, 10), audit(account))
asyncio.run(main())
""",
        "Seen half changed: account.a and account.b",
        (
            "Put no `await` between the steps in lines 6 and 8",
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
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
