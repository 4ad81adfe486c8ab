"""What is told of whole programs whose queues are used in the wrong order, or hold what cannot be compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, found

PROGRAMS = {
    "one sentinel too early": Told(
        """
import queue, threading
raw, parsed, out = queue.Queue(), queue.Queue(), []
def parse():
    while (x := raw.get()) is not None: parsed.put(x)
    parsed.put(None)
def store():
    while (x := parsed.get()) is not None: out.append(x)
threads = [threading.Thread(target=f) for f in (parse, parse, store)]
for item in (1, 2, 3, None, None): raw.put(item)
"""
        + THREADS
        + "assert sorted(out) == [1, 2, 3]",
        "Left in the queue: parsed",
        ("2 items are still in `parsed`", "Thread-3 takes its last one in line 8 and has ended", "last of them"),
    ),
    "a stop that does not look into the queue": Told(
        """
import queue, threading
todo, lines, running = queue.SimpleQueue(), [], True
def write():
    while running:
        try: lines.append(todo.get(timeout=0.1))
        except queue.Empty: pass
threads = [threading.Thread(target=write)]
threads[0].start()
todo.put(1)
todo.put(2)
running = False
threads[0].join()
assert lines == [1, 2]
""",
        "Left in the queue: todo",
        ("nobody takes", "and has ended"),
    ),
    "nobody has come to the queue so far": Told(
        """
import queue, threading
todo, done = queue.Queue(), []
def work(): done.append(todo.get())
thread = threading.Thread(target=work)
thread.start()
todo.put(1)
assert done == [1]
""",
        "Used before it is ready: done",
    ),
    "a cache with a lock": Told(
        """
import threading
class Cache(dict):
    def put(self, key, value): self[key] = value
cache, lock, seen = Cache(), threading.Lock(), []
def put():
    with lock: cache.put("a", 1)
def get():
    with lock: seen.append(cache.get("a"))
threads = [threading.Thread(target=f) for f in (put, get)]
"""
        + THREADS
        + "assert seen == [1]",
        "Used before it is ready: cache",
    ),
    "entries that cannot be compared": Told(
        """
import queue, threading
todo = queue.PriorityQueue()
def produce(): todo.put((1, object()))
def consume():
    todo.get()
    todo.get()
threads = [threading.Thread(target=f) for f in (produce, consume, produce)]
"""
        + THREADS,
        "Two entries of a priority queue that cannot be compared",
        ("in line 4", "next(numbers)"),
    ),
    "a match is a check": Told(
        """
import threading
state, runs = "idle", 0
def start():
    global state, runs
    match state:
        case "idle":
            state = "running"
            runs = runs + 1
threads = [threading.Thread(target=start) for _ in range(2)]
"""
        + THREADS
        + "assert runs == 1",
        "Checked, then changed by another thread: state",
        ("line 6", "line 8"),
    ),
    "what is done after the exception": Told(
        """
import os, threading
def render(name):
    old = os.environ.get("NAME")
    os.environ["NAME"] = name
    try: return greet()
    finally:
        if old is None: del os.environ["NAME"]
        else: os.environ["NAME"] = old
def greet(): return os.environ["NAME"]
threads = [threading.Thread(target=render, args=(name,)) for name in ("a", "b")]
"""
        + THREADS,
        "Lost update of os.environ",
        ("deletes", "not in line 9"),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    told = PROGRAMS[name]
    finding = found(told.program, tmp_path)
    assert finding.title == told.title, finding
    text = " / ".join([finding.why, finding.fix, *(one.does for one in finding.moments)])
    for part in told.says:
        unwanted = part.removeprefix("not ")
        assert (unwanted in text) == (unwanted == part), (part, text)
