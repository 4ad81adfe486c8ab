"""``plait why`` on threads without a line of the user's own: they run a method of the standard library itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.known import examine, step
from plait._see.why.wait import wait_of

STARTS = """
threading.Thread(target=first.wait).start()
pool.submit(inbox.get)
pool.submit(fetch, second.wait())
thread.join()
"""
TWO = STARTS + "threading.Thread(target=third.wait).start()\n"
LIBRARY = "/usr/lib/python3.11/"
BOTTOM = (Frame(f"{LIBRARY}threading.py", 1, "Thread.run"), Frame(f"{LIBRARY}threading.py", 1, "Thread._bootstrap"))
EVENT = Frame(f"{LIBRARY}threading.py", 1, "Event.wait", {"self": Thing("Event", 7)})
GET = Frame(f"{LIBRARY}queue.py", 1, "Queue.get", {"self": Thing("Queue", 8)})
POOL = (
    Frame(f"{LIBRARY}concurrent/futures/thread.py", 58, "_WorkItem.run"),
    Frame(f"{LIBRARY}concurrent/futures/thread.py", 83, "_worker"),
)
CALLS = Frame("/lib/plait/_run/pool_call.py", 55, "Call.__call__")
WORKER = Frame("/lib/plait/_engines/thread_worker.py", 82, "Worker._work", {"crew": Thing("Crew", 5)})


def told(file: Path, text: str, *frames: Frame, variables: dict[str, Thing] | None = None) -> tuple[str, str]:
    file.write_text(text)
    main = Frame(str(file), 5, "<module>", variables or {})
    threads = (Thread("MainThread", 1, 1, (main,)), Thread("waits", 2, 2, (*frames, *BOTTOM), busy=False))
    one = step(examine(Dump(1, threads))[1])
    return one.does, one.place


@pytest.mark.parametrize("around", [(), POOL, (CALLS, WORKER)], ids=["thread", "pool", "plait"])
def test_it_is_named_where_it_was_passed_on(tmp_path: Path, around: tuple[Frame, ...]) -> None:
    file = tmp_path / "program.py"
    assert told(file, STARTS, EVENT, *around) == ("waits until first is set", "program.py:2")
    assert told(file, STARTS, GET, *around) == ("waits for an item from inbox", "program.py:3")


def test_of_several_the_one_whose_object_it_is(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    names = {"first": Thing("Event", 6), "third": Thing("Event", 7)}
    assert told(file, TWO, EVENT, variables=names) == ("waits until third is set", "program.py:6")


def test_of_several_the_one_that_was_made_as_such(tmp_path: Path) -> None:
    """From outside, where no names of the module are known."""
    made = TWO + "first, third = threading.Barrier(2), Event()\n"
    assert told(tmp_path / "program.py", made, EVENT) == ("waits until third is set", "program.py:6")


def test_where_it_was_passed_on_twice_the_line_is_not_told(tmp_path: Path) -> None:
    twice = STARTS + "threading.Thread(target=first.wait).start()\n"
    assert told(tmp_path / "program.py", twice, EVENT) == ("waits until first is set", "")


def test_a_method_of_a_library_that_waits_for_something_of_its_own(tmp_path: Path) -> None:
    reads = Frame("/lib/site-packages/watchdog/api.py", 5, "Emitter.queue_events", {"self": Thing("Emitter", 4)})
    said = told(tmp_path / "program.py", STARTS, GET, reads)
    assert said == ("waits for an item from something (api.py:5)", "")


def test_where_it_may_be_any_its_kind_is_told(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    assert told(file, TWO, EVENT) == ("waits until an Event is set", "")
    barrier = Frame(f"{LIBRARY}threading.py", 1, "Barrier.wait", {"self": Thing("Barrier", 7)})
    assert told(file, TWO, barrier) == ("waits for the others at a Barrier", "")
    assert told(file, "", EVENT, variables={"e": Thing("Event", 7)}) == ("waits until e is set", "")


def test_a_worker_without_work_is_told_from_one_that_runs_such_a_method() -> None:
    assert wait_of(Thread("w", 1, 1, (POOL[1], *BOTTOM))).kind == "idle"
    assert wait_of(Thread("w", 1, 1, (EVENT, *POOL, *BOTTOM))).kind == "event"
    assert wait_of(Thread("w", 1, 1, (WORKER, *BOTTOM))).kind == "plait"
    assert wait_of(Thread("w", 1, 1, (EVENT, CALLS, WORKER, *BOTTOM))).kind == "event"


def test_a_worker_process_without_work_is_idle() -> None:
    worker = Frame(f"{LIBRARY}concurrent/futures/process.py", 1, "_process_worker")
    frames = (
        Frame(f"{LIBRARY}multiprocessing/queues.py", 1, "Queue.get"),
        worker,
        Frame("/home/app.py", 3, "<module>"),
    )
    assert wait_of(Thread("w", 1, 1, frames)).kind == "idle"
