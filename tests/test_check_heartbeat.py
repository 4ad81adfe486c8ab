"""Hangs in programs in which something still wakes by time, again and again; and programs that only take long."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_asyncio import explore, summary
from test_check_told import Told, is_told

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
