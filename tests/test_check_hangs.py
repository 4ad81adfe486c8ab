"""Hangs: why nobody will wake a thread, told from stacks as the standard library's own code makes them."""

from __future__ import annotations

import pytest
from check_records import Recording, stuck

from plait._check.explain import explain
from plait._check.findings import Finding
from plait._check.record import Blocked, Failure

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
    assert "cleared it again in line 11" in finding.why


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
