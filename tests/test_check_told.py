"""What is told of whole programs: the right title, the lines that are to blame, and a fix that would mend it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from plait._check.conclude import Subject, search
from plait._check.explore import Budget
from plait._check.findings import Finding
from plait._check.programs.function_program import own_files
from plait._check.programs.program import Script


class Told(NamedTuple):
    """A program, the title of what is found in it, and what else is said; what is not said begins with ``not``."""

    program: str
    title: str
    says: tuple[str, ...] = ()


THREADS = """
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
PROGRAMS = {
    "threads of one name": Told(
        """
import threading
n = 0
def work():
    global n
    before = n
    n = before + 1
threads = [threading.Thread(target=work, name="worker") for _ in range(2)]
"""
        + THREADS
        + "assert n == 2",
        "Lost update of n",
        ("worker #1 reads `n`", "In between worker #2 writes"),
    ),
    "a lock that is taken only for the second half": Told(
        """
import threading
class Plugins:
    made, lock = None, threading.Lock()
    @classmethod
    def get(cls):
        if cls.made is None:
            with cls.lock: cls.made = []
        return cls.made
def work(n): Plugins.get().append(n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
"""
        + THREADS
        + "assert len(Plugins.made) == 2",
        "Checked, then changed by another thread: cls.made",
        ("holds it in line 8 only, not in line 7", "not does not take it"),
    ),
    "tasks only": Told(
        """
import asyncio
async def look(table): return table["missing"]
async def main(): await asyncio.gather(look({}), asyncio.sleep(1))
asyncio.run(main())
""",
        "Fails under every schedule that was tried: KeyError: 'missing'",
        ("the order of the tasks", "not thread"),
    ),
    "an attribute that is set by its slot": Told(
        """
import threading
from dataclasses import dataclass
@dataclass(frozen=True)
class Stats:
    hits: int = 0
    def hit(self):
        n = self.hits
        object.__setattr__(self, "hits", n + 1)
stats = Stats()
threads = [threading.Thread(target=stats.hit) for _ in range(2)]
"""
        + THREADS
        + "assert stats.hits == 2",
        "Lost update of self.hits",
        ("in line 8 and", "in line 9.", "writes self.hits: overwrites"),
    ),
    "an RLock that is given back too few times": Told(
        """
import threading
lock, data = threading.RLock(), []
def inner():
    lock.acquire()
    data.append(1)
    if len(data) > 1: return
    lock.release()
def outer():
    with lock: inner()
threads = [threading.Thread(target=outer) for _ in range(3)]
"""
        + THREADS,
        "Never released: lock",
        ("has taken it in line 5 and never gave it back", "5 takes lock"),
    ),
    "an object that others see before it is ready": Told(
        """
import threading
class Settings:
    _inst, _lock = None, threading.Lock()
    @classmethod
    def get(cls):
        if cls._inst is None:
            with cls._lock:
                if cls._inst is None:
                    cls._inst = cls()
                    cls._inst.load()
        return cls._inst
    def load(self): self.values = {"debug": True}
out = []
def work(): out.append(Settings.get().values["debug"])
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS,
        "Used before it is ready: cls._inst",
        ("in line 10 and makes it ready only then, in line 11", "finds it in line 7", "not join"),
    ),
    "a global that others see before it is ready": Told(
        """
import threading
class Settings: pass
made, lock = None, threading.Lock()
def get():
    global made
    if made is None:
        with lock:
            if made is None:
                made = Settings()
                made.debug = max(1, 0)
    return made
def work(): assert get().debug
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS,
        "Used before it is ready: made",
        ("in line 10 and makes it ready only then, in line 11", "not join"),
    ),
    "a number in a file": Told(
        """
import os, threading
path = os.path.join(os.path.dirname(__file__), "number")
with open(path, "w") as file: file.write("0")
def work():
    with open(path) as file: n = int(file.read())
    with open(path, "w") as file: file.write(str(n + 1))
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS
        + "with open(path) as file: assert file.read() == '2'",
        "Checked, then changed by another thread: what is in files",
        ("in line 6 and acts on the answer in line 7", "changes it in line 7", "7 changes what is in files"),
    ),
    "a number in a database": Told(
        """
import sqlite3, threading
db = sqlite3.connect(":memory:", check_same_thread=False)
db.execute("create table t (n)")
db.execute("insert into t values (0)")
def work():
    n, = db.execute("select n from t").fetchone()
    db.execute("update t set n = ?", (n + 1,))
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS
        + "n, = db.execute('select n from t').fetchone()\ndb.close()\nassert n == 2",
        "Checked, then changed by another thread: what is in the database",
        ("in line 7 and acts on the answer in line 8", "not Read it once", "BEGIN IMMEDIATE"),
    ),
    "a dict that changes while it is copied": Told(
        """
import copy, threading
class Item:
    def __init__(self, n): self.n = n
    def __deepcopy__(self, memo): return Item(self.n)
state = {n: Item(n) for n in range(3)}
def snap(): copy.deepcopy(state)
def add(): state[9] = Item(9)
threads = [threading.Thread(target=snap), threading.Thread(target=add)]
"""
        + THREADS,
        "Changed while it is iterated: state",
        ("goes through `state` in line 7", "changes it in line 8"),
    ),
    "an argument of a method": Told(
        """
import threading
class Outbox:
    def __init__(self): self.buf, self.sent = [0], []
    def add(self, x): self.buf.append(x)
    def flush(self):
        self.sent.extend(self.buf)
        self.buf.clear()
box = Outbox()
threads = [threading.Thread(target=box.add, args=(1,)), threading.Thread(target=box.flush)]
"""
        + THREADS
        + "box.flush()\nassert box.sent == [0, 1], box.sent",
        "Lost update of self.buf",
        ("reads `self.buf` in line 7", "5 changes self.buf"),
    ),
    "an argument of a function": Told(
        """
import operator, threading
d = {"n": 0}
def work(): operator.setitem(d, "n", operator.getitem(d, "n") + 1)
threads = [threading.Thread(target=work) for _ in range(2)]
"""
        + THREADS
        + "assert d['n'] == 2",
        "Checked, then changed by another thread: d",
        ("4 changes d", "not operator"),
    ),
    "a wait of a task without a loop": Told(
        """
import asyncio
async def main():
    cond, items, got = asyncio.Condition(), [], []
    async def consume():
        async with cond:
            if not items:
                await cond.wait()
            got.append(items.pop())
    async def produce():
        async with cond:
            items.append(1)
            cond.notify_all()
    await asyncio.gather(consume(), consume(), produce(), produce())
asyncio.run(main())
""",
        "A wait without a loop: cond.wait()",
        ("waits in line 8", "another task has been quicker", "not asyncio.Lock"),
    ),
    "an attribute by super()": Told(
        """
import threading
class Stats:
    def __init__(self): self.n = 0
    def hit(self): super().__setattr__("n", getattr(self, "n") + 1)
stats = Stats()
threads = [threading.Thread(target=stats.hit) for _ in range(2)]
"""
        + THREADS
        + "assert stats.n == 2",
        "Lost update of self.n",
        ("writes self.n",),
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of bugs
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)


def is_told(told: Told, folder: Path) -> None:
    """See to it that what is said of a program is what was to be."""
    finding = found(told.program, folder)
    assert finding.title == told.title, finding
    text = " / ".join(
        [finding.why, finding.fix, *(f"{one.site and one.site.line} {one.does}" for one in finding.moments)]
    )
    for part in told.says:
        unwanted = part.removeprefix("not ")
        assert (unwanted in text) == (unwanted == part), (part, text)


def found(program: str, folder: Path) -> Finding:
    """What is told of a program."""
    file = folder / "program.py"
    file.write_text(program)
    subject = Subject(lambda fresh: Script(str(file), [], fresh), own_files(str(file), ()))
    checked = search(subject, Budget(300, None), seed=0, scheduler="rotation")
    assert checked.told is not None, checked.verdict
    return checked.told.finding
