"""What is told of programs as people send them with a question: errors of Python itself, and what outlives its answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_check_told import Told, is_told

pytestmark = pytest.mark.usefixtures("no_tracker_is_left")

PROGRAMS = {
    "a thread that is started again": Told(
        """
import threading
t = threading.Thread(target=print)
for _ in range(2):
    t.start()
    t.join()
""",
        "A thread that is started twice",
        ("in line 5", "Make a new one each time"),
    ),
    "a handler of signals in a thread": Told(
        """
import signal, threading
t = threading.Thread(target=signal.signal, args=(signal.SIGINT, print))
t.start()
t.join()
""",
        "A handler of signals that is set outside the main thread",
    ),
    "a pool that is joined": Told(
        """
from multiprocessing.pool import ThreadPool
ThreadPool.__del__ = lambda self, **_: None
ThreadPool(2).join()
""",
        "A pool that is joined before it is closed",
        ("in line 4", "`pool.close()` first"),
    ),
    "a lambda for a process": Told(
        """
from concurrent.futures import ProcessPoolExecutor
import multiprocessing
with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
    pool.submit(lambda: 1).result()
""",
        "Something that cannot go to another process",
        ("in line 5", "engine='process'"),
    ),
    "a loop in a loop": Told(
        """
import asyncio
def helper(): asyncio.get_event_loop().run_forever()
async def main(): helper()
asyncio.run(main())
""",
        "An event loop within an event loop",
        ("in line 3", "`await` in place of it"),
    ),
    "no loop in a thread": Told(
        """
import asyncio, threading
def work(): asyncio.get_event_loop()
t = threading.Thread(target=work)
t.start()
t.join()
""",
        "No event loop in this thread",
        ("in line 3", "run_coroutine_threadsafe"),
    ),
    "a database that nobody commits": Told(
        """
import pathlib, sqlite3, tempfile, threading
path = pathlib.Path(tempfile.mkdtemp(dir=pathlib.Path(__file__).parent), "orders.db")
def connect(): return sqlite3.connect(path, timeout=0)
with connect() as first: first.execute("create table orders (item)")
def order(item):
    mine = connect()
    mine.execute("insert into orders values (?)", (item,))
    mine.close()
first.execute("insert into orders values ('pen')")
t = threading.Thread(target=order, args=("ink",))
t.start()
t.join()
""",
        "A database that is locked by another connection",
        ("in line 8", "`with connection:`"),
    ),
    "a thread that joins itself in every schedule": Told(
        """
import threading
def work(): threading.current_thread().join()
t = threading.Thread(target=work)
t.start()
t.join()
""",
        "A thread that joins itself",
        ("in line 3", "not schedules that pass"),
    ),
    "results as they come": Told(
        """
import threading, time
inputs, outputs = [3, 2, 1], []
def work(n):
    time.sleep(n)
    outputs.append(n)
threads = [threading.Thread(target=work, args=(n,)) for n in inputs]
for t in threads: t.start()
for t in threads: t.join()
assert outputs == inputs
""",
        "Only the time keeps them in order: AssertionError",
        ("the sleeps in line 5", "executor.map", "not hardly to blame"),
    ),
    "a work of several steps that nobody waits for": Told(
        """
import threading, time
written = []
def save():
    for line in "abcde":
        time.sleep(0.3)
        written.append(line)
threading.Thread(target=save, daemon=True).start()
time.sleep(1)
assert len(written) == 5
""",
        "Only the time keeps them in order: AssertionError",
        ("lines 6 and 9", "`join()`"),
    ),
    "sleeps of random lengths": Told(
        """
import random, threading, time
done = []
def work(n):
    time.sleep(random.uniform(1, 10))
    done.append(n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
for t in threads: t.start()
for t in threads: t.join()
assert done == [1, 0]  # as it is with the random numbers of each execution, if they count
""",
        "Fails when the others take longer: AssertionError",
        (),
    ),
    "a thread that the event loop waits for": Told(
        """
import asyncio, threading
async def answer(): return 42
def ask(loop):
    future = asyncio.run_coroutine_threadsafe(one, loop)
    future.result()
async def main():
    t = threading.Thread(target=ask, args=(asyncio.get_running_loop(),))
    t.start()
    t.join()
one = answer()
try:
    asyncio.run(main())
finally:
    one.close()
""",
        "The event loop waits for who waits for it: Thread-1",
        ("in line 10 without `await`", "waits in line 6", "asyncio.to_thread", "not set_exception"),
    ),
    "a loop that nobody runs": Told(
        """
import asyncio
async def answer(): return 42
loop, one = asyncio.new_event_loop(), answer()
try:
    asyncio.run_coroutine_threadsafe(one, loop).result()
finally:
    one.close()
    loop.close()
""",
        "Its event loop does not run",
        ("in line 6", "loop.run_forever"),
    ),
    "a loop that is stopped by another thread": Told(
        """
import asyncio, threading, time
loop = asyncio.new_event_loop()
t = threading.Thread(target=loop.run_forever)
t.start()
time.sleep(1)
loop.stop()
t.join()
""",
        "The event loop is used from another thread: loop.stop()",
        ("in line 7", "loop.call_soon_threadsafe(loop.stop)"),
    ),
    "a server that stops itself": Told(
        """
import os, socketserver
class Server(socketserver.BaseServer):
    ends = os.pipe()
    def fileno(self): return self.ends[0]
    def service_actions(self): self.shutdown()
server = Server(None, None)
try:
    server.serve_forever(0.01)
finally:
    for end in server.ends: os.close(end)
""",
        "A server waits for its own end",
        ("in line 6", "Thread(target=server.shutdown)"),
    ),
    "a lock that is kept by who fails": Told(
        """
import threading
lock = threading.Lock()
def divide(n):
    lock.acquire()
    print(1 / n)
    lock.release()
for n in (1, 0, 2): threading.Thread(target=divide, args=(n,)).start()
""",
        "Fails under every schedule that was tried: ZeroDivisionError: division by zero",
        ("Thread-2 ends by it, and keeps `lock`, taken in line 5", "`with lock:`", "not task_done"),
    ),
    "an item that is not done by who fails": Told(
        """
import queue, threading
q = queue.Queue()
def work():
    while True:
        n = int(q.get())
        q.task_done()
threading.Thread(target=work, daemon=True).start()
for text in ("1", "two"): q.put(text)
q.join()
""",
        "Fails under every schedule that was tried: ValueError: invalid literal for int() with base 10: 'two'",
        ("ends by it, before the `q.task_done()` in line 7", "into a `finally:`", "not and keeps"),
    ),
    "other processes": Told(
        """
import multiprocessing
context = multiprocessing.get_context("fork")
things = []
process = context.Process(target=things.append, args=(1,))
process.start()
process.join()
assert things == [1]
""",
        "Fails, with other processes at work: AssertionError",
        ("is not under control", "not tasks.", "Each has a copy of everything"),
    ),
}
if sys.version_info < (3, 13):
    PROGRAMS["an attribute with the name of a method"] = Told(
        """
import threading
class Stoppable(threading.Thread):
    def __init__(self):
        super().__init__()
        self._stop = threading.Event()
    def run(self):
        self._stop.wait()
t = Stoppable()
t.start()
t._stop.set()
t.join()
""",
        "An attribute `_stop` in the place of a method of Thread",
        ("in line 12", "another name"),
    )


def test_a_thread_that_imports_what_is_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "settings_of_it.py").write_text(
        """
import threading
def load():
    from settings_of_it import load
t = threading.Thread(target=load)
t.start()
t.join()
"""
    )
    told = Told(
        "import settings_of_it",
        "Deadlock in the middle of an import: Thread-1",
        ("in line 4", "waits in line 7, within that import, for the end of Thread-1", "not RLock"),
    )
    is_told(told, tmp_path)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of bugs
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
