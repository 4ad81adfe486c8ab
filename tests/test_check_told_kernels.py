"""What is told of kernels of published benchmarks, as Python has them: the cause in words, and a fix that mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

from plait._check.conclude import Subject, search
from plait._check.controlled import Controlled, next_moment
from plait._check.explore import Budget
from plait._check.fresh import FreshModules
from plait._check.programs.program import Script

KEYED = """
import threading
import time
guard, locks, inside = threading.Lock(), {made}, []
def work():
    with guard: lock = {get}
    lock.acquire()
    inside.append(1)
    assert len(inside) == 1
    time.sleep(0.01)
    inside.pop()
    with guard: {remove}
    lock.release()
threads = [threading.Thread(target=work) for _ in range(3)]
"""
PROGRAMS = {
    "a loop that does not ask for what is notified": Told(
        """
import threading
cond, awake, stopped = threading.Condition(), False, False
def rest():
    with cond:
        while not awake:
            cond.wait()
def stop():
    global stopped
    with cond:
        stopped = True
        cond.notify_all()
threads = [threading.Thread(target=target) for target in (rest, stop)]
"""
        + THREADS,
        "Nobody will wake it: cond",
        (
            "changes `stopped` in line 11 and notifies",
            "the `while` in line 6 only looks at other things",
            "ask for `stopped`",
        ),
    ),
    "an event that the thread would set itself": Told(
        """
import threading
ended = threading.Event()
def close(): ended.wait()
def loop():
    try: close()
    finally:
        ended.set()
threads = [threading.Thread(target=loop)]
"""
        + THREADS,
        "Nobody will wake it: ended",
        ("would set it itself, in line 8", "current_thread()"),
    ),
    "an event that is set behind what fails": Told(
        """
import threading
done = threading.Event()
def load():
    try: work()
    except ValueError: pass
def work():
    int("x")
    done.set()
def wait(): done.wait()
threads = [threading.Thread(target=target) for target in (load, wait)]
"""
        + THREADS,
        "Nobody will wake it: done",
        ("every way out",),
    ),
    "who took the last item waits": Told(
        """
import queue, threading
results = queue.Queue(1)
def work():
    for n in range(3): results.put(n)
threads = [threading.Thread(target=work)]
threads[0].start()
results.get()
threads[0].join()
""",
        "Nothing will come: results",
        ("room in `results` in line 5", "The main thread, last at it in line 8, waits for the end of Thread-1"),
    ),
    "tasks that wait for each other": Told(
        """
import asyncio
async def main():
    cond, readers = asyncio.Condition(), [0]
    async def upgrade():
        async with cond: readers[0] += 1
        await asyncio.sleep(0)
        async with cond: await cond.wait_for(lambda: readers[0] == 1)
    await asyncio.gather(upgrade(), upgrade())
asyncio.run(main())
""",
        "They wait for each other: cond",
        ("each for something that only another one of them could do",),
    ),
    "a lock that another thread was to release": Told(
        """
import threading
busy = threading.Lock()
def send(data):
    if not data: return
    busy.release()
for data in ("", "x"):
    busy.acquire()
    threading.Thread(target=send, args=(data,)).start()
""",
        "Never released: busy",
        ("was to be released by `send`, in line 6", "The `return` in line 5 leaves", "not RLock"),
    ),
    "a lock per key that is removed": Told(
        KEYED.format(made="{}", get="lock = locks.setdefault('a', threading.Lock())", remove="locks.pop('a', None)")
        + THREADS,
        "A lock that is removed while others want it: locks",
        ("in line 12", "two locks for one key", "count for each who uses it, under `guard`"),
    ),
    "one of a defaultdict": Told(
        KEYED.format(
            made="__import__('collections').defaultdict(threading.Lock)", get="locks['a']", remove="del locks['a']"
        )
        + THREADS,
        "A lock that is removed while others want it: locks",
        ("in line 12",),
    ),
    "a channel that is closed behind the question": Told(
        """
import plait, threading
class Writer:
    def __init__(self): self.lines, self.closed = plait.channel(4), threading.Event()
    def write(self, line):
        if not self.closed.is_set():
            self.lines.put(line)
    def close(self):
        self.closed.set()
        self.lines.close()
writer = Writer()
threads = [threading.Thread(target=writer.write, args=("a",)), threading.Thread(target=writer.close)]
"""
        + THREADS,
        "Used after its end: self.lines",
        ("in line 7 after Thread-2 has closed it in line 10", "one lock over the question and the use"),
    ),
    "the lock of another object": Told(
        """
import threading
class Text:
    def __init__(self, text): self.lock, self.chars = threading.RLock(), list(text)
    def length(self):
        with self.lock: return len(self.chars)
    def copy(self, end):
        with self.lock:
            if end > len(self.chars): raise IndexError(end)
            return self.chars[:end]
    def clear(self):
        with self.lock: self.chars.clear()
    def append(self, other):
        text = other.copy(other.length())
        with self.lock: self.chars += text
one, two = Text("a"), Text("bcd")
threads = [threading.Thread(target=one.append, args=(two,)), threading.Thread(target=two.clear)]
"""
        + THREADS,
        "The lock is let go too early: self.chars",
        ("Hold `other.lock` over line 14 of `append`",),
    ),
    "a context variable in a pool": Told(
        """
import contextvars
from concurrent.futures import ThreadPoolExecutor
user = contextvars.ContextVar("user")
def greet(): return user.get()
user.set("a")
with ThreadPoolExecutor(1) as pool:
    pool.submit(greet).result()
""",
        "No value in this thread: user",
        ("A worker of the pool asks", "It is set in line 6", "copy_context().run"),
    ),
    "a test in front of what is left": Told(
        """
import threading
class Log:
    def __init__(self): self.lines, self.closed, self.written, self.cond = [], False, [], threading.Condition()
    def write(self):
        while not self.closed:
            with self.cond:
                while not self.lines and not self.closed: self.cond.wait()
                lines, self.lines = self.lines, []
            self.written += lines
    def close(self):
        with self.cond:
            self.lines.append(1)
            self.closed = True
            self.cond.notify()
log = Log()
threads = [threading.Thread(target=log.write), threading.Thread(target=log.close)]
"""
        + THREADS
        + "assert log.written == [1]",
        "In the wrong order: self.closed",
        ("looks at `self.closed` in line 6 after Thread-2 changes it in line 14", "does not come to line 10"),
    ),
    "a callback that comes too late": Told(
        """
import threading
class Promise:
    def __init__(self): self.done, self.waiting, self.lock = False, [], threading.Lock()
    def resolve(self):
        with self.lock: self.done = True
        for each in self.waiting: each(7)
    def then(self, call):
        if self.done: call(7)
        else: self.waiting.append(call)
promise, seen = Promise(), []
threads = [threading.Thread(target=promise.then, args=(seen.append,)), threading.Thread(target=promise.resolve)]
"""
        + THREADS
        + "assert seen == [7]",
        "Checked, then changed by another thread: self.done",
        ("in line 9 and acts on the answer in line 10", "In between Thread-2 changes `self.done` in line 6"),
    ),
    "a method that is handed to a future": Told(
        """
from concurrent.futures import ThreadPoolExecutor
active = set()
with ThreadPoolExecutor(2) as pool:
    for _ in range(2):
        future = pool.submit(int)
        active.add(future)
        future.add_done_callback(active.discard)
    for future in active:
        future.done()
""",
        "Changed while it is iterated: active",
        ("changes it in line 8",),
    ),
    "two turns of a loop are no two steps": Told(
        """
import threading
lock, parts, total = threading.Lock(), {}, 0
def work(name):
    global total
    for n in range(2):
        with lock: parts[name] = n + 1
        with lock: total += 1
def look():
    with lock: return total, sum(parts.values())
threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
for thread in threads: thread.start()
one, two = look()
for thread in threads: thread.join()
assert one == two
""",
        "Seen half changed: parts[name] and total",
        ("lines 7 and 8", "not around line 7"),
    ),
    "what is None has nothing to do with a timeout before": Told(
        """
import threading, time
class Fifo:
    def __init__(self): self.mutex, self.items = threading.Lock(), [1]
fifo, out = Fifo(), []
def take():
    for _ in range(9):
        with fifo.mutex:
            if fifo.items: out.append(fifo.items.pop())
        threading.Event().wait(0.001)
thread = threading.Thread(target=take)
thread.start()
while not out: time.sleep(0.001)
fifo.mutex = None
thread.join()
""",
        "Used after its end: fifo.mutex",
        ("in line 8 after the main thread has changed it in line 14", "not timeout"),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)


RIGHT = {
    "a poller and one who sleeps long": """
import queue, threading, time
stopped, items = threading.Event(), queue.Queue()
def poll():
    while not stopped.is_set():
        try: items.get(timeout=0.0005)
        except queue.Empty: pass
def work():
    time.sleep(0.7)
    stopped.set()
threads = [threading.Thread(target=target) for target in (poll, work)]
""",
    "a class that asks itself for what it lacks": """
import threading
class Meta(type):
    def __getattr__(cls, name):
        if "inner" not in cls.__dict__: raise AttributeError(name)
        return getattr(cls.inner, name)
class Actor(metaclass=Meta): n = 0
def work(): Actor.n = getattr(Actor, "n", 0)
threads = [threading.Thread(target=work) for _ in range(2)]
""",
    "a method that is handed over is itself": """
import threading
class Taken(threading.Thread):
    def __init__(self, target):
        super().__init__(target=target, args=(1,))
        assert target == things.append and target.__name__ == "append" and hash(target) == hash(things.append)
things = []
threads = [threading.Thread(target=things.append, args=(1,)), Taken(target=things.append)]
""",
}


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_said_about_a_right_program(name: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(RIGHT[name] + THREADS)
    checked = search(_subject(str(file)), Budget(2, None), seed=0, scheduler="rotation")
    assert checked.verdict.word == "passed", (checked.verdict, checked.told)


def _subject(file: str) -> Subject:
    def make(fresh: FreshModules) -> Script:
        return Script(file, [], fresh)

    return Subject(make, file.__eq__)


@pytest.mark.parametrize(
    ("deadlines", "moment"),
    [
        ([], None),
        ([None, 2.0], 2.0),
        ([0.1 + 0.1 + 0.1, 0.3], 0.1 + 0.1 + 0.1),  # which are not equal
        ([1.0, 1.001], 1.0),
    ],
)
def test_who_is_due_at_nearly_the_same_moment_is_woken_together(
    deadlines: list[float | None], moment: float | None
) -> None:
    threads = []
    for number, deadline in enumerate(deadlines):
        threads.append(Controlled(number, "", -1, None))
        threads[-1].deadline = deadline
    assert next_moment(threads) == moment
