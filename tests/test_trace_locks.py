"""Whom a trace says to have had a lock, and how long it was waited for: from notes to lanes, waits and sentences."""

from __future__ import annotations

import linecache
import sys
import threading
import time
from _thread import get_ident

import pytest

from plait._core.trace import Lane, State, Trace, Wait
from plait._draw.trace_data import from_file
from plait._draw.trace_page import draw_trace_page
from plait._see.held import Blocked, blocked, held
from plait._see.recorder.locks import lock_types
from plait._see.recorder.waits import Noted
from plait._see.sampler.samples import Samples
from plait._see.states import add_threads
from plait._see.summary.summarise import summarise

LOCK = State.LOCK
SECOND = 1_000_000


def test_locks_of_one_name_are_told_apart() -> None:
    """Each object of a class has its own: who got another one let nobody's go."""
    trace, names = Trace("app.py", 0.0, 300), {1: "a", 2: "b", 3: "c", 4: "d"}
    noted = [
        Noted(2, 0, 200, LOCK, "self.lock (app.py:4)", "app.py:7 in f", 1, "app.py:8 in f", True, 70),
        Noted(4, 10, 150, LOCK, "self.lock (app.py:4)", "app.py:7 in f", 3, "app.py:8 in f", True, 80),
    ]
    add_threads(trace, Samples(), noted, names, {}, 0, {}, {})
    assert [trace.lanes[wait.giver].name for wait in trace.waits] == ["a", "c"]
    assert len({wait.which for wait in trace.waits}) == 2
    assert {trace.lanes[lane].name for lane, _ in held(blocked(trace, trace.waits))} == {"a", "c"}
    assert from_file(draw_trace_page(trace)).waits == trace.waits


def test_who_gives_up_has_had_no_lock_and_was_given_none() -> None:
    trace, names = Trace("app.py", 0.0, 300), {1: "a", 2: "b", 3: "c"}
    noted = [
        Noted(2, 0, 100, LOCK, "lock", "app.py:7 in f", 1, "app.py:8 in f", False),
        Noted(3, 10, 200, LOCK, "lock", "app.py:7 in f", 1, "app.py:8 in f", True),
    ]
    add_threads(trace, Samples(), noted, names, {}, 0, {}, {})
    assert [wait.giver for wait in trace.waits] == [-1, 0]
    assert {trace.lanes[lane].name for lane, _ in held(blocked(trace, trace.waits))} == {"a"}


def test_who_has_got_a_lock_and_waits_for_the_gil_waits_for_no_lock() -> None:
    trace = Trace("app.py", 0.0, SECOND, [Lane("a", "thread", 1, 1), Lane("b", "thread", 1, 2)])
    trace.lanes[0].add(0, LOCK)
    trace.lanes[0].add(SECOND // 4, State.GIL)
    trace.lanes[1].add(0, State.SLEEP)
    trace.waits.append(Wait(0, 0, SECOND, LOCK, "TABLE", "app.py:3 in f", 1, "app.py:9 in g", 1))
    text = next(one for one in summarise(trace, [], [], 2) if one.startswith("TABLE"))
    assert text.startswith("TABLE: 0.25 s of waiting in 1 wait of 1 thread; 0.25 s of it held by b")


def test_a_crowd_at_one_lock_is_told_soon() -> None:
    """Every thread waits while every other one gets it: the pairs are too many to look at each."""
    many = 40_000
    noted = [Noted(at % 4 + 1, at, at + many, LOCK, "lock", "", (at + 1) % 4 + 1, "", True) for at in range(many)]
    began = time.process_time()
    trace = Trace("app.py", 0.0, 2 * many)
    add_threads(trace, Samples(), noted, dict.fromkeys(range(1, 5), "t"), {}, 0, {}, {})
    waits = [Wait(at % 4, at, at + many, LOCK, "lock", "", (at + 1) % 4) for at in range(many)]
    assert sum(held([Blocked(wait, wait.ended) for wait in waits]).values()) == pytest.approx(many * many / 1e6)
    assert time.process_time() - began < 20.0


def test_who_lets_a_lock_go_and_wants_it_again_does_not_wait_for_itself() -> None:
    """Who has got it in C has the lock already, and has had no chance to say so."""
    noted: list[tuple[int, bool, str]] = []
    lock_type, _ = lock_types(lambda _name, _lock, holder, _began, got, *_: (holder[0], got, holder[1]), noted.append)
    lock, me = lock_type(), get_ident()

    def is_at(words: str) -> bool:
        frame = sys._current_frames()[me]
        return words in linecache.getline(frame.f_code.co_filename, frame.f_lineno)

    def keeps() -> None:
        with lock:
            while not is_at("raw.acquire(True, timeout)"):
                time.sleep(0.001)

    other = threading.Thread(target=keeps)
    lock.acquire()
    other.start()
    while not any("locks.py" in frame.f_code.co_filename for frame in sys._current_frames().values()):
        time.sleep(0.001)
    lock.release()
    while not lock.locked():
        pass
    lock.acquire()
    lock.release()
    other.join()
    (_, _, _), (owner, got, at) = sorted(noted, key=lambda one: one[0] != me)
    assert (owner, got) == (other.ident, True)
    assert at.startswith("test_trace_locks.py:")


def test_who_gives_up_at_once_or_has_it_itself() -> None:
    noted: list[tuple[int, bool]] = []
    lock = lock_types(lambda _name, _lock, holder, _began, got, *_: (holder[0], got), noted.append)[0]()
    assert lock.acquire()
    assert not lock.acquire(timeout=0.001)
    assert not lock.acquire(timeout=0)
    assert not lock.acquire(timeout=0.01)
    assert noted == [(get_ident(), False)] * 3
    lock.release()
    assert lock.acquire(timeout=1)
