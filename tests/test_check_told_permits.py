"""What is told of whole programs whose semaphores, events and conditions let on too few, or others than were meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import THREADS, Told, is_told

BARRIER = """
import threading
count, mutex, gate = 0, threading.Lock(), threading.Semaphore(0)
def meet():
    global count
    with mutex: count += 1
    if count == 3:
        gate.release()
    gate.acquire()
threads = [threading.Thread(target=meet, name=name) for name in "abc"]
"""
TURNSTILE = """
import threading
count, mutex, gate = 0, threading.Lock(), threading.Semaphore(0)
def meet():
    global count
    for _ in range(2):
        with mutex:
            count += 1
            if count == 3: gate.release()
        gate.acquire()
        gate.release()
        with mutex:
            count -= 1
            if count == 0:
                gate.acquire()
threads = [threading.Thread(target=meet) for _ in range(3)]
"""
SWITCH = """
import threading
class Switch:
    def __init__(self): self.count, self.mutex = 0, threading.Lock()
    def enter(self, room):
        with self.mutex:
            self.count += 1  # plait: may be lost: the hang is what is to be told
            if self.count == 1: room.acquire()
    def leave(self, room):
        self.count -= 1  # plait: may be lost: the hang is what is to be told
        if self.count == 0: room.release()
room, switch = threading.Semaphore(1), Switch()
def read():
    switch.enter(room)
    switch.leave(room)
def write():
    room.acquire()
    room.release()
threads = [threading.Thread(target=target) for target in (read, read, write)]
"""
PHILOSOPHERS = """
import threading
forks = [threading.Semaphore(1) for _ in range(3)]
def eat(n):
    forks[n].acquire()
    forks[(n + 1) % 3].acquire()
    forks[n].release()
    forks[(n + 1) % 3].release()
threads = [threading.Thread(target=eat, args=(n,)) for n in range(3)]
"""
WATER = """
import threading
hydrogen, oxygen, both = threading.Semaphore(3), threading.Semaphore(1), threading.Barrier(3)
def bond(of):
    with of:
        both.wait()
threads = [threading.Thread(target=bond, args=(of,)) for of in (hydrogen,) * 4 + (oxygen,) * 2]
"""
PULSE = """
import threading
class Barrier:
    def __init__(self): self.count, self.lock, self.all_here = 0, threading.Lock(), threading.Event()
    def wait(self):
        with self.lock:
            self.count += 1
            if self.count == 2:
                self.all_here.set()
                self.all_here.clear()
                return
        self.all_here.wait()
barrier = Barrier()
threads = [threading.Thread(target=barrier.wait) for _ in range(2)]
"""
IN_TURN = """
import threading
class Numbers:
    def __init__(self): self.current, self.moved = 1, threading.Condition()
    def every(self, mine):
        while self.current <= 3:
            with self.moved:
                while self.current % 3 != mine: self.moved.wait()
                self.current += 1
                self.moved.notify_all()
numbers = Numbers()
threads = [threading.Thread(target=numbers.every, args=(mine,)) for mine in (0, 1, 2)]
"""
BUFFER = """
import threading
items, cond = [], threading.Condition()
def put():
    for n in range(3):
        cond.acquire()
        while items: cond.wait()
        items.append(n)
        cond.notify()
        cond.release()
def get():
    for _ in range(3):
        cond.acquire()
        while not items: cond.wait()
        items.pop()
        cond.notify()
        cond.release()
threads = [threading.Thread(target=target) for target in (put, put, get, get)]
"""
READERS = """
import threading
class Readers:
    def __init__(self): self.count, self.mutex, self.room = 0, threading.Lock(), threading.Lock()
    def enter(self):
        with self.mutex:
            self.count += 1
            if self.count == 1: self.room.acquire()
    def leave(self):
        with self.mutex:
            self.count -= 1
        if self.count == 0: self.room.release()
readers = Readers()
def read():
    readers.enter()
    readers.leave()
def write():
    with readers.room: pass
threads = [threading.Thread(target=target) for target in (read, write, read)]
"""
PROGRAMS = {
    "a notify between acquire() and release()": Told(
        BUFFER + THREADS,
        "notify() woke the wrong thread: cond",
        ("cond.notify_all()", "one Condition for each thing"),
    ),
    "readers that are counted under the lock and looked at without it": Told(
        READERS + THREADS,
        "Changed by another thread before it is used: self.count",
        ("waits for readers.room", "not with self.room:"),
    ),
    "a lock that is taken and given back by two methods": Told(
        """
import threading
class Guard:
    def __init__(self): self.lock = threading.Lock()
    def begin(self): self.lock.acquire()
    def end(self): self.lock.release()
guard = Guard()
def work(n):
    guard.begin()
    if n: return
    guard.end()
threads = [threading.Thread(target=work, args=(n,)) for n in (1, 0)]
"""
        + THREADS,
        "Never released: self.lock",
        ("released, which is in another function", "once for each acquire()"),
    ),
    "a barrier that lets one go on": Told(
        BARRIER + THREADS,
        "Nobody will wake it: gate",
        (
            "Each unit lets one acquire() go on",
            "Give one unit for each thread that comes to line 9",
            "`gate.release(n)`",
            "waits for `gate` in line 9",
            "not with gate",
            "not gave it back",
        ),
    ),
    "more passengers than seats": Told(
        """
import threading
board, full = threading.Semaphore(0), threading.Semaphore(0)
def car():
    for _ in range(2):
        board.release(2)
        full.acquire()
        full.acquire()
def ride():
    board.acquire()
    full.release()
threads = [threading.Thread(target=target) for target in (car, ride, ride, ride, ride, ride)]
"""
        + THREADS,
        "Nobody will wake it: board",
        ("Each unit lets one acquire() go on: 4 did", "Give one unit for each thread that comes to line 10"),
    ),
    "a turnstile that is shut before all are through": Told(
        TURNSTILE + THREADS,
        "Nobody will wake it: gate",
        ("through `gate` in line 10", "takes its unit in line 15", "two such turnstiles", "not gave it back"),
    ),
    "a lightswitch that counts wrong": Told(
        SWITCH + THREADS,
        "Changed by another thread before it is used: self.count",
        ("waits for room", "not gave it back"),
    ),
    "who is to release it waits, too": Told(
        """
import threading
turn, done = threading.Semaphore(1), threading.Semaphore(0)
def agent(): turn.acquire()
def smoker():
    done.acquire()
    turn.release()
threads = [threading.Thread(target=target) for target in (agent, agent, smoker)]
"""
        + THREADS,
        "Nobody will wake it: turn",
        ("It is released in line 7 only", "waits for `done` in line 6", "not with turn", "not gave it back"),
    ),
    "a semaphore that nothing releases": Told(
        """
import threading
go = threading.Semaphore(0)
def start(): go.acquire()
threads = [threading.Thread(target=start) for _ in range(2)]
"""
        + THREADS,
        "Nobody will wake it: go",
        ("It began with no unit", "Call `go.release()`", "`Semaphore(n)`"),
    ),
    "a semaphore that is left by an exception": Told(
        """
import threading
free = threading.Semaphore(1)
def use(n):
    free.acquire()
    if n == 0: return
    free.release()
threads = [threading.Thread(target=use, args=(n,)) for n in range(2)]
"""
        + THREADS,
        "Never released: free",
        ("gave it back", "Use `with free:`"),
    ),
    "forks that are semaphores": Told(
        PHILOSOPHERS + THREADS,
        "Deadlock: forks[(n + 1) % 3]",
        ("for `forks[(n + 1) % 3]` in line 6", "sort them", "Semaphore(n - 1)"),
    ),
    "more are let in than the barrier counts": Told(
        WATER + THREADS,
        "Deadlock: of",
        ("The barrier wants more threads", "compare the numbers of units", "not in one order"),
    ),
    "an event that is set and cleared at once": Told(
        PULSE + THREADS,
        "Lost wake-up: self.all_here",
        ("clears it in line 10, at once", "a new Event for each round", "threading.Barrier", "not queue.Queue"),
    ),
    "those that wait when all is over": Told(
        IN_TURN + THREADS,
        "Nobody will wake it: self.moved",
        ("was the last to change `self.current`, in line 9, and has ended", "whether all is over", "not give it back"),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    is_told(PROGRAMS[name], tmp_path)
