"""Hangs in programs in which something still wakes by time, again and again; and programs that only take long."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_asyncio import explore, summary
from test_check_told import Told, is_told

from plait._check import heartbeat
from plait._check.chained import chain_of_timers
from plait._check.record import ThreadInfo
from plait._core.event import Site

BEATS = """
import threading
stop = threading.Event()
beats = 0
def beat():
    global beats
    while not stop.wait(1): beats += 1
heart = threading.Thread(target=beat, name="heart", daemon=True)
heart.start()
"""
HANGS = {
    "a deadlock": Told(
        BEATS
        + """
a, b = threading.Lock(), threading.Lock()
def forth():
    with a, b: pass
def back():
    with b, a: pass
threads = [threading.Thread(target=forth), threading.Thread(target=back)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
        "Deadlock of Thread-1 and Thread-2",
        ("heart goes on meanwhile, but only does the same again and again",),
    ),
    "a deadlock, while the main thread asks in a loop": Told(
        """
import threading, time
a, b = threading.Lock(), threading.Lock()
def forth():
    with a, b: pass
def back():
    with b, a: pass
threads = [threading.Thread(target=forth), threading.Thread(target=back)]
for thread in threads: thread.start()
while any(thread.is_alive() for thread in threads): time.sleep(0.1)
""",
        "Deadlock of Thread-1 and Thread-2",
        ("The main thread goes on meanwhile",),
    ),
    "an item that nobody puts": Told(
        BEATS + "import queue\njobs = queue.Queue()\njobs.get()\n",
        "Nothing will come: jobs",
        ("heart goes on meanwhile",),
    ),
    "a semaphore that a task did not give back": Told(
        """
import asyncio
class Slots:
    def __init__(self): self.free = asyncio.Semaphore(1)
    async def take(self, good):
        await self.free.acquire()
        if not good: self.free.release()
async def beat():
    stop = asyncio.Event()
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), 1)
        except TimeoutError:
            pass
async def use(slots):
    await slots.take(True)
    raise ValueError("bad")
async def main():
    slots = Slots()
    heart = asyncio.create_task(beat(), name="heart")
    await asyncio.gather(use(slots), slots.take(True), return_exceptions=True)
    heart.cancel()
asyncio.run(main())
""",
        "Never released: self.free",
        (
            "ValueError: bad in line 17 ended `use`, which did not see to it",
            "heart goes on meanwhile",
            "not Event.wait",
        ),
    ),
}
LONG = {
    "who has much to do when it is cancelled": """
        import asyncio
        from collections import deque
        async def write(lines):
            try:
                await asyncio.sleep(1e6)
            finally:
                while lines:
                    await asyncio.sleep(0.01)
                    lines.popleft()
        async def main():
            task = asyncio.create_task(write(deque(range(1000))))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        asyncio.run(main())
        """,
    "a loop that counts": """
import threading, time
done = threading.Event()
def work():
    for _ in range(1500): time.sleep(0.1)
    done.set()
threading.Thread(target=work).start()
done.wait()
""",
    "a loop that counts in an attribute": """
import threading, time
done = threading.Event()
class Work(threading.Thread):
    n = 0
    def is_over(self): return self.n >= 1500
    def run(self):
        while not self.is_over():
            time.sleep(0.1)
            self.n += 1
        done.set()
Work().start()
done.wait()
""",
    "a loop over things that look alike": """
import threading, time
class Order: price = 1
class Shop:
    def __init__(self): self.done, self.total = threading.Event(), 0
    def work(self, orders):
        for order in orders:
            time.sleep(0.1)
            self.total += order.price
        self.done.set()
shop = Shop()
threading.Thread(target=shop.work, args=([Order()] * 1500,)).start()
shop.done.wait()
""",
    "a list that becomes empty": """
import threading, time
class Shop:
    def __init__(self): self.done, self.orders = threading.Event(), [object()] * 1500
    def work(self):
        while self.orders:
            time.sleep(0.1)
            self.orders.pop()
        self.done.set()
shop = Shop()
threading.Thread(target=shop.work).start()
shop.done.wait()
""",
    "a loop until some moment": """
import threading, time
done = threading.Event()
def work():
    end = time.monotonic() + 1500
    while time.monotonic() < end: time.sleep(1)
    done.set()
threading.Thread(target=work).start()
done.wait()
""",
    "a task with a long timeout": """
import asyncio
async def main():
    async def beat():
        while True: await asyncio.sleep(0.1)
    heart = asyncio.create_task(beat())
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 3600)
    except TimeoutError:
        heart.cancel()
asyncio.run(main())
""",
}


@pytest.mark.parametrize("told", HANGS.values(), ids=HANGS.keys())
def test_a_hang_is_told_while_others_go_on(tmp_path: Path, told: Told) -> None:
    is_told(told, tmp_path)


@pytest.mark.parametrize("source", LONG.values(), ids=LONG.keys())
def test_who_merely_takes_long_passes(tmp_path: Path, source: str) -> None:
    result = explore(tmp_path, source, runs=1)
    assert (summary(result), result.verdict.word) == ("passed", "passed")


ENDLESS = {
    "a flag that nobody sets": (
        """
import threading, time
running, value = True, 0
def measure():
    global value
    while running:
        value += 1
        time.sleep(0.5)
t = threading.Thread(target=measure)
t.start()
t.join()
""",
        ("Thread-1 (measure) goes round", "line 8"),
    ),
    "what is set at the end, which does not come": (
        """
import atexit, threading
stop = threading.Event()
atexit.register(stop.set)
def work():
    while not stop.is_set(): stop.wait(1)
threading.Thread(target=work).start()
""",
        ("line 6", "the main thread has come to its end, and what atexit knows is called when"),
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_who_does_not_end_by_itself_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_LONG", 4)
    program, says = ENDLESS[name]
    result = explore(tmp_path, program, runs=1)
    assert result.verdict.word == "inconclusive"
    why = result.verdict.reason
    assert why.startswith("it does not end by itself: ")
    assert all(words in why for words in says), why


def test_who_may_end_by_chance_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_LONG", 4)
    program = """
import random, threading, time
def work():
    while random.random() > 0.001: time.sleep(1)
t = threading.Thread(target=work)
t.start()
t.join()
"""
    assert explore(tmp_path, program, runs=1).verdict.word == "passed"


def test_timers_that_start_the_next_one() -> None:
    here = Site("/app/repeat.py", 7, 8, 7, 26, "Repeated.again", "")
    timers = [ThreadInfo(n, f"Thread-{n}", "timer", n - 1, here) for n in range(1, 150)]
    said = chain_of_timers([ThreadInfo(0, "MainThread", "thread", -1, None), *timers])
    assert said.startswith("148 timers have each started the next one, in repeat.py, line 7: a `cancel()`")
    assert not chain_of_timers([ThreadInfo(0, "MainThread", "thread", -1, None), *timers[:50]])
