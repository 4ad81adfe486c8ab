"""What must run in the caller's thread, or one call at a time, is recognised, and ``engine="auto"`` runs it so."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import random
import signal
import sqlite3
import threading
import types
from collections.abc import Callable
from os import chdir
from typing import Any

import pytest

import plait
from plait._engines.reading.process_wide import process_wide

pytestmark = pytest.mark.usefixtures("nothing_left")

DATABASE = sqlite3.connect(":memory:", check_same_thread=True)


class Words:
    def __init__(self) -> None:
        self.connection = DATABASE

    def count(self, n: int) -> int:
        return int(self.connection.execute("select ?", (n,)).fetchone()[0])


WORDS = Words()


def ask(n: int) -> int:
    return int(DATABASE.execute("select ?", (n,)).fetchone()[0])


def ask_by_helper(n: int) -> int:
    return ask(n)


def ask_by_object(n: int) -> int:
    return WORDS.count(n)


@plait.per_worker
def own_database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:")


def ask_own(n: int) -> int:
    return int(own_database().execute("select ?", (n,)).fetchone()[0])


def in_time(n: int) -> int:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, before)
    return n


def end_child(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)


def move(n: int) -> str:
    before = os.getcwd()
    os.chdir("/usr" if n % 2 else "/")
    sum(range(20_000))
    found = os.getcwd()
    os.chdir(before)
    return found


def move_by_name(n: int) -> None:
    chdir("/")


def throw(n: int) -> float:
    random.seed(n)
    return sum(random.random() for _ in range(2_000))


def throw_imported(n: int) -> float:
    import random as dice

    dice.seed(n)
    return dice.random()


def captured(n: int) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for _ in range(100):
            print(n, end="")
    return out.getvalue()


def ask_threads(n: int, lock: Any = threading.Lock()) -> str:
    with lock:
        return os.path.join("a", str(n))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (ask, '"DATABASE", a sqlite3.Connection, belongs to one thread'),
        (ask_by_helper, '"DATABASE", a sqlite3.Connection, belongs to one thread'),
        (ask_by_object, '"WORDS.connection", a sqlite3.Connection, belongs to one thread'),
        (WORDS.count, '"Words.connection", a sqlite3.Connection, belongs to one thread'),
        (functools.partial(max, DATABASE), '"Connection", a sqlite3.Connection, belongs to one thread'),
        (in_time, "signal.signal works in the main thread only"),
        (move, "os.chdir changes the folder of the whole process"),
        (move_by_name, "os.chdir changes the folder of the whole process"),
        (throw, "random.seed changes the random numbers of the whole process"),
        (throw_imported, "random.seed changes the random numbers of the whole process"),
        (captured, "contextlib.redirect_stdout changes the output of the whole process"),
        (ask_own, ""),
        (end_child, ""),
        (ask_threads, ""),
        (random.random, ""),
        (lambda n: random.Random(n).random(), ""),
    ],
)
def test_what_it_says_of_a_function(function: Callable[[Any], object], says: str) -> None:
    found = process_wide(function)
    assert says == (found.own_thread or found.one_at_a_time)


def test_a_driver_that_says_that_threads_may_not_share_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    driver: Any = types.ModuleType("mydriver")
    driver.apilevel, driver.threadsafety = "2.0", 1
    driver.Connection = type("Connection", (), {"__module__": "mydriver.native"})
    monkeypatch.setitem(__import__("sys").modules, "mydriver", driver)
    connection = driver.Connection()
    assert "belongs to one thread" in process_wide(lambda _: connection).own_thread
    driver.threadsafety = 2
    assert process_wide(lambda _: connection).own_thread == ""


@pytest.mark.parametrize("function", [ask, ask_by_object, in_time])
def test_it_runs_in_the_thread_that_iterates(function: Callable[[int], int]) -> None:
    stream = plait.map(function, range(20))
    assert list(stream) == list(range(20))
    assert stream.report.engine == "inline"


@pytest.mark.parametrize("function", [move, throw, captured])
def test_two_never_run_side_by_side_in_this_process(function: Callable[[int], object]) -> None:
    for _ in range(3):
        stream = plait.map(function, range(40))
        assert list(stream) == [function(n) for n in range(40)]
        assert stream.report.why[0].startswith("one at a time in this process, since ")


def test_what_computes_goes_on_in_processes() -> None:
    def work(n: int) -> tuple[int, float]:
        random.seed(n)
        return os.getpid(), sum(random.random() for _ in range(200_000))

    stream = plait.map(work, range(60), workers=2)
    assert [value for _, value in stream] == [work(n)[1] for n in range(60)]
    assert "random.seed" in stream.report.why[0]
