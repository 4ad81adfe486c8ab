"""What is told of programs in the shape of bugs that packages have had, and of how their tests notice them."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

TWO_LOCKS = """
import threading
a, b = threading.Lock(), threading.Lock()
def one():
    with a:
        with b: pass
def two():
    with b:
        with a: pass
threads = [threading.Thread(target=target, daemon=True) for target in (one, two)]
for thread in threads: thread.start()
"""
PROGRAMS = {
    "a deadlock that a test notices by a join with a timeout": Told(
        TWO_LOCKS
        + """
for thread in threads: thread.join(5)
assert not any(thread.is_alive() for thread in threads), "it hangs"
""",
        "Deadlock of Thread-1 and Thread-2",
        ("`a` before `b`",),
    ),
    "a thread that waits for ever, which a test notices by a join with a timeout": Told(
        """
import threading
done = threading.Event()
def work(items):
    if items: done.set()
def wait(): done.wait()
threads = [threading.Thread(target=work, args=([],)), threading.Thread(target=wait, daemon=True)]
for thread in threads: thread.start()
for thread in threads: thread.join(5)
assert not threads[1].is_alive()
""",
        "Nobody will wake it: done",
        ("Thread-2 waits for `done`",),
    ),
    "a join with a timeout while the other one waits for what the thread itself would do": Told(
        """
import threading
lock = threading.Lock()
def work():
    with lock: pass
thread = threading.Thread(target=work)
with lock:
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
""",
        "Fails under every schedule that was tried: AssertionError",
        ("not Deadlock", "not never gave it back"),
    ),
    "an exception that is raised for another one": Told(
        """
import threading
class Closed(Exception): pass
class Pool:
    def __init__(self): self.items = [1]
    def get(self):
        try: return self.items.pop()
        except AttributeError: raise Closed(f"{self} is closed") from None
    def put(self, item): self.items.append(item)
    def close(self): self.items = None
pool = Pool()
def use(): pool.get()
threads = [threading.Thread(target=use), threading.Thread(target=pool.close)]
"""
        + THREADS,
        "Used after its end: self.items",
        ("after Thread-2 has changed it in line 10",),
    ),
    "a list that is replaced for good, which is not to blame": Told(
        """
import threading
class Log:
    def __init__(self): self.lines, self.n = [], 0
    def add(self, line):
        self.lines.append(str(line))
        before = self.n
        self.n = before + 1
    def reset(self): self.lines = []
log = Log()
threads = [threading.Thread(target=log.add, args=(1,)) for _ in range(2)] + [threading.Thread(target=log.reset)]
"""
        + THREADS
        + "assert log.n == 2",
        "Lost update of self.n",
    ),
    "an object that others find before it is whole": Told(
        """
import threading
class Bar:
    bars, lock = [], threading.Lock()
    def __init__(self, total):
        with self.lock: self.bars.append(self)
        self.position = self.free()
        self.total = total
    def free(self):
        with self.lock: return max((bar.position for bar in self.bars if bar is not self), default=-1) + 1
threads = [threading.Thread(target=Bar, args=(3,)) for _ in range(2)]
"""
        + THREADS
        + "assert sorted(bar.position for bar in Bar.bars) == [0, 1]",
        "Used before it is ready: bar.position",
        ("of an object that Thread-1 is still making: it sets that in line 7", "only after line 7"),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_so(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
