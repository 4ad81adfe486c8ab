"""``plait why`` on locks that nobody has any more: the function that took one and may end without letting it go."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.known import examine
from plait._see.why.leaves import leavers

TAKES = """
lock = threading.Lock()

def wants():
    with lock:
        pass

"""
WAITS = 5
NEVER = "def leaves():\n    lock.acquire()\n    return 1\n"
NOT_ALWAYS = "def leaves():\n    lock.acquire()\n    work()\n    lock.release()\n"
FINALLY = "def leaves():\n    lock.acquire()\n    try:\n        work()\n    finally:\n        lock.release()\n"
AFTER_ERROR = FINALLY.replace("finally:", "except BaseException:")
PASSED_ON = "def leaves():\n    lock.acquire()\n    Timer(9, lock.release).start()\n"
TRIES = "def leaves():\n    return lock.acquire(timeout=3)\n"
FOR_ITS_CALLER = "def acquire():\n    lock.acquire()\n"
CONTEXT = "@contextmanager\ndef leaves():\n    lock.acquire()\n    yield\n    lock.release()\n"
SLEEPS = Thread("MainThread", 9, 9, (Frame("/home/other.py", 1, "main"),), busy=False, where="hrtimer_nanosleep")


def waits(folder: Path, rest: str) -> Thread:
    file = folder / "program.py"
    file.write_text(TAKES + rest)
    return Thread("wants", 1, 1, (Frame(str(file), WAITS, "wants"),), busy=False, where="futex_wait")


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (NEVER, "takes lock, and does not let it go,"),
        (NOT_ALWAYS, "takes lock, and lets it go only if nothing is raised in between,"),
        *((rest, "") for rest in (FINALLY, AFTER_ERROR, PASSED_ON, TRIES, FOR_ITS_CALLER, CONTEXT)),
        (NEVER.replace("lock", "other"), ""),
    ],
)
def test_functions_that_may_leave_a_lock(tmp_path: Path, rest: str, said: str) -> None:
    steps = leavers(examine(Dump(1, (waits(tmp_path, rest),)))[0])
    assert [step.does for step in steps] == [said] * bool(said)
    assert [step.place for step in steps] == ["program.py:9"] * bool(said)


def test_a_lock_that_was_left_while_others_go_on(tmp_path: Path) -> None:
    found = diagnose(Dump(1, (SLEEPS, waits(tmp_path, NEVER))))
    assert found is not None
    assert found.title == "wants waits for lock, which no thread is seen to have"
    assert [one.place for one in found.steps] == ["program.py:5", "program.py:9"]
    assert not found.certain


def test_a_lock_that_nobody_is_seen_to_have_left(tmp_path: Path) -> None:
    assert diagnose(Dump(1, (SLEEPS, waits(tmp_path, FINALLY)))) is None


def test_where_nobody_is_left_it_is_certain_and_the_function_is_shown(tmp_path: Path) -> None:
    found = diagnose(Dump(1, (waits(tmp_path, NOT_ALWAYS),)))
    assert found is not None
    assert (found.title, found.certain) == ("lock was never let go", True)
    assert [one.who for one in found.steps] == ["wants", "leaves()"]


@pytest.mark.parametrize(
    ("rest", "title"),
    [
        (NEVER, "wants waits for lock, which no thread is seen to have"),
        (FINALLY, "A lock was held by another thread when this process was forked"),
    ],
)
def test_a_fork_may_have_left_a_lock_itself(tmp_path: Path, rest: str, title: str) -> None:
    """As a worker of a server that was forked before it answered anybody."""
    found = diagnose(Dump(1, (waits(tmp_path, rest),), forked=True))
    assert found is not None
    assert found.title == title


def test_a_semaphore_that_an_error_has_left(tmp_path: Path) -> None:
    """What gives it back behind the wait is no help: that is what it will have taken by then."""
    file = tmp_path / "program.py"
    file.write_text(
        "def send():\n    slots.acquire()\n    work()\n    slots.release()\n\ndef hands_on():\n    slots.acquire()\n"
    )
    library = (
        Frame(threading.__file__, 1, "Condition.wait"),
        Frame(threading.__file__, 1, "Semaphore.acquire", {"self": Thing("Semaphore", 7)}),
    )
    own = Frame(str(file), 2, "send")
    stuck = [Thread(name, n, n, (*library, own), busy=False, where="futex_wait") for n, name in enumerate("ab", 1)]
    found = diagnose(Dump(1, tuple(stuck)))
    assert found is not None
    assert found.title == "All permits of slots are gone"
    assert [(one.who, one.place) for one in found.steps] == [
        ("a", "program.py:2"),
        ("send()", "program.py:2"),
        ("b", "program.py:2"),
    ]
    assert "finally" in found.cure
