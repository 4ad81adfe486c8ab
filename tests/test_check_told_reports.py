"""What is told of whole programs after reports of bugs in packages: sockets, forks, finalizers, joined loads, permits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

from plait._check.conclude import Subject, search
from plait._check.explore import Budget
from plait._check.programs.program import Script

BUGS = Path(__file__).parent / "bugs" / "buggy"
TABLES = """
import threading
class Routes:
    def __init__(self):
        self.names, self.filling = {}, False
    def fill(self):
        if self.names or self.filling: return
        self.filling = True
        for name in ("home", "user"):
            self.names[name] = name.upper()
        self.filling = False
routes, settings = Routes(), {}
"""
PROGRAMS = {
    "a key that another thread has yet to put in": Told(
        f"""{TABLES}
def look():
    routes.fill()
    routes.names["user"]
threads = [threading.Thread(target=look) for _ in range(2)]
{THREADS}""",
        "Used before it is ready: routes.names['user']",
        ("before Thread-1 has given it its value in line 10",),
    ),
    "a key that a text wants of a whole table": Told(
        """
import threading
settings, loaded = {}, threading.Event()
def load():
    settings["host"] = "db"
    loaded.set()
    settings["port"] = 5432
def use():
    loaded.wait()
    print("{host}:{port}".format(**settings))
threads = [threading.Thread(target=load), threading.Thread(target=use)]
"""
        + THREADS,
        "Used before it is ready: settings",
        ("reads settings, too early", "Thread-1 has given it its value in line 7", "not '{host}"),
    ),
    "two properties, each under the lock": Told(
        (BUGS / "key_and_secret.py").read_text(),
        "Seen half changed: self._key and self._secret",
        ("Read both in one call", "changes both"),
    ),
    "a thread that two have made, and one of them starts twice": Told(
        """
import queue, threading
jobs = queue.Queue()
class Background:
    thread = None
    def ensure(self):
        if self.thread is None:
            self.thread = threading.Thread(target=jobs.get)
            self.thread.start()
background = Background()
threads = [threading.Thread(target=background.ensure) for _ in range(2)]
for _ in threads: jobs.put(1)
"""
        + THREADS,
        "Checked, then changed by another thread: self.thread",
        ("not Make a new one each time",),
    ),
    "a load that fails while others wait for it": Told(
        (BUGS / "single_flight_fails.py").read_text(),
        "Nobody will wake it: done",
        ("it has left `load` before it came there", "not waits for itself"),
    ),
    "who is to set it has set another one": Told(
        """
import threading
condition, request = threading.Condition(), None
def run():
    global request
    while True:
        with condition:
            condition.wait_for(lambda: request)
            mine, request = request, None
        mine.set()
def flush():
    global request
    mine = threading.Event()
    with condition:
        request = mine
        condition.notify_all()
    mine.wait()
threading.Thread(target=run, daemon=True).start()
threads = [threading.Thread(target=flush) for _ in range(2)]
"""
        + THREADS,
        "Nobody will wake it: mine",
        ("not nobody has come", "but not this one"),
    ),
    "the last user, who closes when the lock is free": Told(
        """
import threading
class Session: is_open = True
class Shared:
    def __init__(self): self.lock, self.users, self.session = threading.Lock(), 0, None
    def __enter__(self):
        with self.lock:
            self.users += 1
            if self.session is None:
                self.session = Session()
            return self.session
    def __exit__(self, *error):
        with self.lock:
            self.users -= 1
            last = self.users == 0
        if last:
            self.session.is_open = False
            self.session = None
shared = Shared()
def ask():
    with shared as session:
        assert session.is_open
threads = [threading.Thread(target=ask) for _ in range(2)]
"""
        + THREADS,
        "Checked, then changed by another thread: self.session",
        ("Keep `self.lock` until line 18 is done: one `with` block around lines 13 to 18",),
    ),
    "a unit given back by the except, and by the finally": Told(
        (BUGS / "permit_given_back_twice.py").read_text(),
        "Given back more often than taken: self.permits",
        ("when it has done so already", "BoundedSemaphore"),
    ),
    "a unit given back that was asked for in vain": Told(
        (BUGS / "async_permit_never_got.py").read_text(),
        "Given back more often than taken: limit",
        ("and does not get it", "right behind line"),
    ),
    "a unit given back in the block, and at its end": Told(
        """
import asyncio
async def fetch(limit, inside, fails):
    async with limit:
        inside.append(1)
        await asyncio.sleep(0.1)
        if fails:
            limit.release()
        most = len(inside)
        inside.pop()
        return most
async def main():
    limit, inside = asyncio.Semaphore(1), []
    assert max(await asyncio.gather(*(fetch(limit, inside, fails) for fails in (True, False, False)))) == 1
asyncio.run(main())
""",
        "Given back more often than taken: limit",
        ("in line 4, and gives it back in line 4, at the end of the block",),
    ),
    "what is closed before the pool that uses it": Told(
        """
from concurrent.futures import ThreadPoolExecutor
class Log:
    def __init__(self): self.lines = []
    def write(self, line): self.lines.append(line)
    def close(self): self.lines = None
log, pool = Log(), ThreadPoolExecutor(1)
written = pool.submit(log.write, "one")
log.close()
pool.shutdown()
written.result()
""",
        "Used after its end: self.lines",
        ("after the main thread has changed it in line 6",),
    ),
    "a closed socket among those that are polled": Told(
        """
import select, socket, threading
ours, theirs = socket.socketpair()
def drop(): ours.close()
thread = threading.Thread(target=drop)
thread.start()
select.select([ours], [], [], 0)
thread.join()
theirs.close()
""",
        "Used after it was closed: ours",
    ),
    "who is cancelled cancels what others await": Told(
        (BUGS / "async_cancelled_together.py").read_text(),
        "Cancelled with another task",
        ("asyncio.shield",),
    ),
    "a task that catches its cancellation, and waits with a timeout": Told(
        """
import asyncio
async def beat():
    while True:
        try:
            await asyncio.wait_for(asyncio.sleep(5), 1)
        except (TimeoutError, asyncio.CancelledError):
            pass
async def main():
    task = asyncio.create_task(beat())
    await asyncio.sleep(2.5)
    task.cancel()
    await task
asyncio.run(main())
""",
        "Goes on although it was cancelled: Task-2 (beat)",
    ),
    "a number that is given under the lock, and put without it": Told(
        (BUGS / "number_then_send.py").read_text(),
        "Overtaken behind the lock: self.number",
        ("Keep `self.lock` until line",),
    ),
    "a class that is called Database": Told(
        """
import threading
class Database:
    pool = made = None
    def connect(self):
        if self.pool is None:
            self.made = [*(self.made or ()), 1]
            self.pool = object()
database = Database()
threads = [threading.Thread(target=database.connect) for _ in range(2)]
"""
        + THREADS
        + "assert len(database.made) == 1\n",
        "Checked, then changed by another thread: self.pool",
    ),
    "a table inside of others' objects": Told(
        """
import selectors, socket, threading
selector, (one, other) = selectors.SelectSelector(), socket.socketpair()
selector.register(one, selectors.EVENT_READ)
thread = threading.Thread(target=selector.register, args=(other, selectors.EVENT_READ))
thread.start()
try:
    for number, key in selector.get_map().items():
        print(key.data)
    thread.join()
finally:
    one.close()
    other.close()
""",
        "Changed while it is iterated over",
        ("list(things)",),
    ),
    "a callback of a weak reference": Told(
        """
import threading, weakref
class Thing: size = 3
lock, found = threading.Lock(), {}
def drop(reference):
    with lock: found.clear()
def use():
    thing = Thing()
    with lock: found["mine"] = weakref.ref(thing, drop)
    del thing
thread = threading.Thread(target=use)
thread.start()
with lock:
    for name, reference in found.items():
        thing = reference()
        if thing is not None: print(thing.size)
        thing = None
thread.join()
""",
        "Deadlock with itself: lock",
        ("A finalizer takes it",),
    ),
    "a stream whose writer nobody closes": Told(
        """
import asyncio, socket
async def main():
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here)
    try:
        there.sendall(b"hello")
        await reader.read()
    finally:
        writer.close()
        there.close()
asyncio.run(main())
""",
        "Nothing will come",
        ("for data from a stream", "Close the writer", "not await data"),
    ),
    "two tasks that read from one stream": Told(
        """
import asyncio, socket
async def main():
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here)
    try:
        await asyncio.gather(reader.readline(), reader.readline())
    finally:
        writer.close()
        there.close()
asyncio.run(main())
""",
        "Two tasks that read from one stream",
    ),
    "a part that is taken for the whole": Told(
        (BUGS / "recv_is_no_message.py").read_text(),
        "A part taken for the whole: ours",
        ("sends a part", "receives from ours", "sends the rest"),
    ),
    "pieces of two messages": Told(
        (BUGS / "frames_sent_in_pieces.py").read_text(),
        "Sent in pieces: connection",
        ("put together before",),
    ),
    "an answer that another thread reads": Told(
        (BUGS / "answers_swapped.py").read_text(),
        "An answer for somebody else: self.connection",
        ("Keep `self.lock` from the question to the end of its answer",),
    ),
    "a descriptor that is closed twice": Told(
        (BUGS / "descriptor_closed_twice.py").read_text(),
        "Used after it was closed: self.number",
        ("Close it once",),
    ),
}
if hasattr(os, "fork"):
    PROGRAMS["a fork while another thread has the lock"] = Told(
        (BUGS / "fork_with_lock_held.py").read_text(),
        "Held by another thread at a fork: lock",
        ("while Thread-1 has `lock`", "nobody gives it back"),
    )


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of bugs
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of bugs
@pytest.mark.parametrize("name", ["recv_is_no_message", "answers_swapped", "wakeup_byte_skipped"])
def test_what_goes_over_sockets_and_pipes_of_a_program_is_the_same_each_time(name: str) -> None:
    path = str(BUGS / f"{name}.py")
    subject = Subject(lambda fresh: Script(path, (), fresh), path.__eq__)
    found = [search(subject, Budget(300, None), seed=3, scheduler="rotation") for _ in range(3)]
    assert len({one.told.token for one in found if one.told is not None}) == 1


def test_a_passing_execution_is_looked_for_at_random_too(tmp_path: Path) -> None:
    """The chain goes on only if each worker comes to its callback before the pool is shut down."""
    file = tmp_path / "program.py"
    file.write_text(
        """
from concurrent.futures import ThreadPoolExecutor
pool, stored = ThreadPoolExecutor(2), []
def store(done): pool.submit(stored.append, done.result())
for text in "ab":
    pool.submit(str.upper, text).add_done_callback(store)
pool.shutdown()
assert len(stored) == 2
"""
    )
    subject = Subject(lambda fresh: Script(str(file), (), fresh), str(file).__eq__)
    told = search(subject, Budget(300, None), seed=0, scheduler="rotation").told
    assert told is not None
    assert told.passing is not None
