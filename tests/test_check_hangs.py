"""Hangs: why nobody will wake a thread, told from stacks as the standard library's own code makes them."""

from __future__ import annotations

import pytest
from check_records import Recording, stuck

from plait._check.explain.cause import explain
from plait._check.findings import Finding
from plait._check.record import Blocked, Failure, Switch

WAIT = "threading.py:Condition.wait"
CONDITION = """
def consume():
    with cond:
        while not items:
            cond.wait()
def produce():
    with cond:
        items.append(1)
        cond.notify()
def naked():
    with cond:
        cond.wait()
"""


def hang(recording: Recording, *blocked: Blocked) -> Finding:
    failure: Failure = stuck("hang", *blocked)
    return explain(recording.record(failure), None, recording.sources)


def waits(recording: Recording, thread: int, lock: str, line: int, enter: int | None = None) -> None:
    """What Condition.wait does until it blocks: its own lock is taken, the Condition's let go."""
    recording.acquire(thread, enter or line, lock)
    recording.acquire(thread, line, f"waiter {thread}")
    recording.release(thread, line, lock)


def visit(recording: Recording, thread: int, lock: str, line: int) -> int:
    at = recording.acquire(thread, line, lock)
    recording.release(thread, line, lock)
    return at


def test_a_notify_before_the_wait_is_lost() -> None:
    run = Recording(CONDITION).started(1, 2)
    visit(run, 2, "cond", 6)
    run.end(2)
    waits(run, 1, "cond", 11, enter=10)
    finding = hang(run, run.blocked(1, 11, WAIT, lock="waiter 1"))
    assert finding.kind == "lost wake-up"
    assert "Thread-2 notifies in line 6 before Thread-1 waits in line 11" in finding.why
    assert "while not ready" in finding.fix


def test_notify_wakes_one_of_several_that_wait_for_different_things() -> None:
    run = Recording(CONDITION, 4).started(1, 2, 3)
    waits(run, 1, "cond", 4, enter=2)
    visit(run, 3, "cond", 6)
    waits(run, 2, "cond", 11, enter=10)
    finding = hang(run, run.blocked(1, 4, WAIT, lock="waiter 1"), run.blocked(2, 11, WAIT, lock="waiter 2"))
    assert finding.kind == "notify too few"
    assert "notify_all()" in finding.fix


def test_nobody_notifies() -> None:
    run = Recording(CONDITION).started(1)
    waits(run, 1, "cond", 4, enter=2)
    finding = hang(run, run.blocked(1, 4, WAIT, lock="waiter 1"), run.blocked(0, 1, joins=1, holder=1))
    assert finding.kind == "nobody sets it"
    assert finding.site is not None
    assert finding.site.line == 4


QUEUE = """
def worker():
    item = q.get()
    handle(item)
    q.task_done()
def main():
    q.put(1)
    q.join()
    if not q.empty():
        q.get()
"""
GET = ("queue.py:Queue.get", WAIT)


def test_a_missing_task_done() -> None:
    run = Recording(QUEUE).started(1)
    visit(run, 0, "q", 6)
    visit(run, 0, "q", 6)
    visit(run, 1, "q", 2)
    visit(run, 1, "q", 4)
    visit(run, 1, "q", 2)
    waits(run, 0, "q", 7)
    finding = hang(run, run.blocked(0, 7, "queue.py:Queue.join", WAIT, lock="waiter 0"))
    assert finding.kind == "missing task_done"
    assert "2 were taken, but task_done() was called once" in finding.why
    assert "Thread-1 took one in line 2" in finding.why


def test_an_item_that_nobody_puts() -> None:
    run = Recording(QUEUE).started(1)
    waits(run, 1, "q", 2)
    finding = hang(run, run.blocked(1, 2, *GET, lock="waiter 1"))
    assert finding.kind == "nothing comes"
    assert "an item from `q` in line 2" in finding.why


def test_empty_asked_before_get() -> None:
    run = Recording(QUEUE).started(1)
    visit(run, 0, "q", 8)
    visit(run, 1, "q", 2)
    waits(run, 0, "q", 9)
    finding = hang(run, run.blocked(0, 9, *GET, lock="waiter 0"))
    assert finding.kind == "check then act"
    assert "asks `q.empty()` in line 8" in finding.why
    assert "get_nowait" in finding.fix


SEMAPHORE = """
def early():
    sem.acquire()
    if bad:
        return
    sem.release()
def other():
    sem.acquire()
    sem.release()
    ready.wait()
    ready.set()
    ready.clear()
    gate.wait()
"""
ACQUIRE = ("threading.py:Semaphore.acquire", WAIT)
EVENT = ("threading.py:Event.wait", WAIT)


def test_a_semaphore_that_is_never_released() -> None:
    run = Recording(SEMAPHORE).started(1, 2)
    visit(run, 1, "sem", 2)
    run.end(1)
    waits(run, 2, "sem", 7)
    finding = hang(run, run.blocked(2, 7, *ACQUIRE, lock="waiter 2"))
    assert finding.kind == "never released"
    assert "Thread-1 has taken it in line 2 and never gave it back" in finding.why


def test_a_lock_that_a_thread_kept_when_it_ended() -> None:
    run = Recording(SEMAPHORE).started(1, 2)
    run.acquire(1, 2, "sem")
    run.end(1)
    finding = hang(run, run.blocked(2, 7, lock="sem", holder=1))
    assert finding.kind == "never released"
    assert "Thread-1" in finding.why


def test_an_event_that_nobody_sets_and_one_that_was_cleared() -> None:
    never = Recording(SEMAPHORE).started(1)
    waits(never, 1, "ready", 9)
    assert hang(never, never.blocked(1, 9, *EVENT, lock="waiter 1")).kind == "nobody sets it"
    cleared = Recording(SEMAPHORE).started(1, 2)
    visit(cleared, 2, "ready", 10)
    visit(cleared, 2, "ready", 11)
    waits(cleared, 1, "ready", 9)
    finding = hang(cleared, cleared.blocked(1, 9, *EVENT, lock="waiter 1"))
    assert finding.kind == "lost wake-up"
    assert "clears it in line 11, at once" in finding.why


def test_a_barrier_that_is_short_of_threads() -> None:
    run = Recording(SEMAPHORE).started(1)
    waits(run, 1, "gate", 12)
    stack = ("threading.py:Barrier.wait", "threading.py:Barrier._wait", "threading.py:Condition.wait_for", WAIT)
    finding = hang(run, run.blocked(1, 12, *stack, lock="waiter 1"))
    assert finding.kind == "barrier short of parties"
    assert "1 thread is at the barrier `gate`" in finding.why


def test_a_pool_that_waits_for_itself() -> None:
    code = "def outer():\n    inner = pool.submit(work)\n    return inner.result()\n"
    run = Recording(code).started(1)
    waits(run, 1, "future", 3)
    blocked = run.blocked(1, 3, "_base.py:Future.result", WAIT, lock="waiter 1")
    worker = blocked._replace(
        stack=(blocked.stack[0]._replace(file="/lib/concurrent/futures/thread.py", function="_worker", mine=False),
               *blocked.stack)
    )  # fmt: skip
    main = run.blocked(0, 1, "_base.py:Future.result", WAIT, lock="waiter 0")
    finding = hang(run, main, worker)
    assert finding.kind == "waits for itself"
    assert "worker of the pool" in finding.why


def test_what_is_not_recognised_says_who_waits_for_what() -> None:
    run = Recording(SEMAPHORE).started(1, 2)
    finding = hang(run, run.blocked(1, 9, "_base.py:as_completed", "other.py:f"), run.blocked(0, 1, joins=1, holder=1))
    assert finding.kind == "nobody sets it"
    finding = hang(run, run.blocked(1, 9, "thread.py:ThreadPoolExecutor.shutdown", WAIT))
    assert finding.kind == "hang"
    assert not finding.certain
    assert "Thread-1 waits for the end of a pool in line 9" in finding.why


@pytest.mark.parametrize("kind", ["hang", "deadlock"])
def test_a_failure_without_a_blocked_thread_is_told_too(kind: str) -> None:
    run = Recording(SEMAPHORE)
    finding = explain(run.record(Failure(kind, "nobody can go on", 0, None, (), ())), None, run.sources)
    assert not finding.certain


def test_a_future_that_nobody_sets() -> None:
    run = Recording(SEMAPHORE).started(1)
    finding = hang(run, run.blocked(0, 9, "_base.py:Future.result", WAIT))
    assert finding.kind == "nobody sets it"
    assert "set_exception" in finding.fix


MONITOR = """
def take():
    with lock:
        with arrived:
            while not items:
                arrived.wait()
def send():
    with lock:
        with arrived:
            arrived.notify()
def stop():
    with arrived:
        self.stopped = True
def run():
    with arrived:
        while not self.stopped:
            arrived.wait()
def hurry():
    if not self.stopped:
        with arrived:
            arrived.wait()
"""


def test_waiting_with_a_lock_that_the_waker_needs_is_a_deadlock() -> None:
    run = Recording(MONITOR).started(1, 2)
    run.place("lock", "Lock", 2)
    run.acquire(1, 2, "lock")
    waits(run, 1, "arrived", 5, enter=3)
    failure = stuck("hang", run.blocked(1, 5, WAIT, lock="waiter 1"), run.blocked(2, 7, lock="lock", holder=1))
    finding = explain(run.record(failure), None, run.sources)
    assert finding.kind == "deadlock"
    assert "Thread-1 waits for a notify() in line 5 and holds" in finding.why
    assert "Thread-2, which could end that, waits for" in finding.why
    assert "move line 5 out of the `with` block of line 2" in finding.fix


def test_a_change_without_a_notify() -> None:
    run = Recording(MONITOR).started(1, 2)
    run.acquire(1, 14, "arrived")
    run.read(1, 15, "self.stopped")
    run.acquire(1, 16, "waiter 1")
    run.release(1, 16, "arrived")
    run.acquire(2, 11, "arrived")
    run.write(2, 12, "self.stopped")
    run.release(2, 11, "arrived")
    run.end(2)
    finding = hang(run, run.blocked(1, 16, WAIT, lock="waiter 1"))
    assert finding.kind == "nobody sets it"
    assert "Thread-2 changes `self.stopped` in line 12, which Thread-1 waits for in line 16" in finding.why
    assert "notify_all()` after the change in line 12" in finding.fix


def test_a_check_outside_the_lock() -> None:
    run = Recording(MONITOR).started(1, 2)
    run.read(1, 18, "self.stopped")
    visit(run, 2, "arrived", 8)
    run.end(2)
    waits(run, 1, "arrived", 20, enter=19)
    finding = hang(run, run.blocked(1, 20, WAIT, lock="waiter 1"))
    assert finding.kind == "lost wake-up"
    assert "Thread-1 has seen in line 18 that it has to wait, but takes the lock only after that" in finding.why


def test_a_wait_in_a_loop_under_its_lock_misses_no_notify() -> None:
    run = Recording(MONITOR).started(1, 2)
    visit(run, 2, "arrived", 8)
    run.end(2)
    waits(run, 1, "arrived", 16, enter=14)
    assert hang(run, run.blocked(1, 16, WAIT, lock="waiter 1")).kind == "nobody sets it"


def test_a_single_notify_that_woke_another() -> None:
    run = Recording(CONDITION).started(1, 2)
    waits(run, 1, "cond", 4, enter=2)
    visit(run, 2, "cond", 6)
    run.end(2)
    finding = hang(run, run.blocked(1, 4, WAIT, lock="waiter 1"))
    assert finding.kind == "notify too few"
    assert "wakes one of those that wait, and that was another thread" in finding.why


def test_semaphores_taken_in_opposite_orders() -> None:
    code = "def one():\n    with a:\n        with b:\n            pass\ndef two():\n    with b:\n        with a:\n            pass\n"
    run = Recording(code).started(1, 2)
    visit(run, 1, "a", 2)
    visit(run, 2, "b", 6)
    waits(run, 1, "b", 3)
    waits(run, 2, "a", 7)
    enter = ("threading.py:Semaphore.__enter__", "threading.py:Semaphore.acquire", WAIT)
    finding = hang(run, run.blocked(1, 3, *enter, lock="waiter 1"), run.blocked(2, 7, *enter, lock="waiter 2"))
    assert finding.kind == "deadlock"
    assert "Thread-1 waits for `b` in line 3. Thread-2 has taken it in line 6" in finding.why
    assert "for `a` in line 7" in finding.why


def test_a_lost_update_that_nobody_looks_at_any_more_is_not_behind_a_hang() -> None:
    code = "def one():\n    if not self.n:\n        self.n = 1\ndef two():\n    self.n += 1\n    opened.wait()\n"
    run = Recording(code).started(1, 2)
    run.read(1, 2, "self.n")
    run.read(2, 5, "self.n")
    run.write(2, 5, "self.n")
    run.write(1, 3, "self.n")
    waits(run, 2, "opened", 6)
    failure = stuck("hang", run.blocked(2, 6, *EVENT, lock="waiter 2"))
    finding = explain(run.record(failure, Switch(1, 1, 2, "write one:self.n")), None, run.sources)
    assert finding.kind == "nobody sets it"


def test_a_lost_update_behind_a_hang_is_what_is_told() -> None:
    code = "def down():\n    left = self.left\n    self.left = left - 1\n    if not left - 1:\n        opened.set()\ndef wait():\n    opened.wait()\n"
    run = Recording(code).started(1, 2)
    run.read(1, 2, "self.left")
    run.read(2, 2, "self.left")
    run.write(2, 3, "self.left")
    run.write(1, 3, "self.left")
    waits(run, 0, "opened", 7)
    failure = stuck("hang", run.blocked(0, 7, *EVENT, lock="waiter 0"))
    finding = explain(run.record(failure, Switch(1, 1, 2, "write down:self.left")), None, run.sources)
    assert finding.kind == "lost update"
    assert finding.why.endswith("In the end the main thread waits for opened, for ever.")
    assert finding.moments[-1].does == "waits for opened, for ever"
