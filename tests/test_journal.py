"""journal=: what is recorded, what is recalled, and what is said about it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import math
import os
import pickle
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

import plait
from plait.errors import JournalError, TaskTimeout, UsageError

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "run.sqlite"


class Counted:
    """A function that counts its calls; its content is its name, so what it has counted does not change its key."""

    def __init__(self, fn, name="counted"):
        self.fn, self.name, self.calls = fn, name, Counter()
        self.__qualname__ = name

    def __call__(self, item):
        self.calls[repr(item)] += 1
        return self.fn(item)

    def __plait_key__(self):
        return self.fn


def double(x):
    return 2 * x


def rows(journal, columns="*", where="1"):
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        return connection.execute(f"SELECT {columns} FROM outcomes WHERE {where} ORDER BY id").fetchall()


def run(fn, items, journal, **options):
    stream = plait.map(fn, items, engine="inline", journal=journal, **options)
    return list(stream), stream.report


# --- what is run, and what is not


def test_a_second_run_runs_nothing(journal):
    fn = Counted(double)
    assert run(fn, range(100), journal)[0] == [2 * n for n in range(100)]
    found, report = run(fn, range(100), journal)
    assert found == [2 * n for n in range(100)]
    assert set(fn.calls.values()) == {1}
    assert report.recalled == report.items == 100
    assert report.journal == f"100 of 100 items were in {journal}"
    assert f"journal: 100 of 100 items were in {journal}" in str(report)


def test_items_are_found_by_their_content_wherever_they_stand(journal):
    fn = Counted(double)
    run(fn, ["a", "b", "c"], journal)
    assert run(fn, ["c", "x", "a", "b"], journal)[0] == ["cc", "xx", "aa", "bb"]
    assert fn.calls == {"'a'": 1, "'b'": 1, "'c'": 1, "'x'": 1}


def test_equal_items_are_run_as_often_as_they_are_not_recorded(journal):
    fn = Counted(double)
    run(fn, ["a", "a"], journal)
    assert fn.calls == {"'a'": 2}
    assert run(fn, ["a", "a", "a"], journal)[0] == ["aa"] * 3
    assert fn.calls == {"'a'": 3}
    assert run(fn, ["a"], journal)[1].recalled == 1


def test_mutable_items_count_as_they_were_before_they_were_run(journal):
    def grow(items):
        items.append(1)
        return len(items)

    assert run(grow, [[0], [0, 0]], journal)[0] == [2, 3]
    found, report = run(grow, [[0], [0, 0]], journal)
    assert (found, report.recalled) == ([2, 3], 2)


@dataclasses.dataclass
class Job:
    name: str
    tags: frozenset


def test_items_of_any_kind(journal):
    numpy = pytest.importorskip("numpy")

    def items():
        return [1, 1.0, True, None, "a", b"a", (1, 2), [1, 2], {"b": 1, "a": 2}, {3, 1, 2}, Job("x", frozenset("xyz")),
                numpy.arange(3), Path("a/b"), range(3)]  # fmt: skip

    fn = Counted(str)
    first = run(fn, items(), journal)[0]
    found, report = run(fn, items(), journal)
    assert found == first
    assert report.recalled == len(first)


def test_several_iterables(journal):
    assert list(plait.map(pow, [2, 3], [5, 2], engine="inline", journal=journal)) == [32, 9]
    stream = plait.map(pow, [2, 3, 4], [5, 2, 2], engine="inline", journal=journal)
    assert list(stream) == [32, 9, 16]
    assert stream.report.recalled == 2
    with pytest.raises(TypeError):
        list(plait.map(pow, [(2, 5)], engine="inline", journal=journal))  # another call than pow(2, 5)


def test_an_endless_input_is_pulled_as_far_as_it_is_needed(journal):
    pulled = []

    def items():
        for n in itertools.count():
            pulled.append(n)
            yield n

    def some(count):
        stream = plait.map(double, items(), engine="inline", journal=journal)
        return [value for value, _ in zip(stream, range(count), strict=False)], stream.report

    assert some(50)[0] == [2 * n for n in range(50)]
    del pulled[:]
    found, report = some(60)
    assert found == [2 * n for n in range(60)]
    assert report.recalled >= 50
    assert len(pulled) < 20_000


def test_a_function_that_changed_is_run_again_and_the_report_says_so(journal):
    def version(number):
        def work(x):
            return x + number

        return work

    run(version(1), range(10), journal)
    found, report = run(version(2), range(12), journal)
    assert found == list(range(2, 14))
    assert report.recalled == 0
    assert report.journal == (
        f"0 of 12 items were in {journal}; 10 again because the function changed since (captured number)"
    )
    assert run(version(1), range(10), journal)[1].recalled == 10  # and back


def test_lambdas_are_no_versions_of_each_other(journal):
    run(lambda x: x, range(3), journal)
    assert run(lambda x: -x, range(3), journal)[1].journal == f"0 of 3 items were in {journal}"


def test_an_option_of_the_map_is_no_part_of_what_is_looked_up(journal):
    run(double, range(5), journal)
    stream = plait.map(
        double, iter(range(5)), engine="thread", workers=3, order="completion", timeout=5, retry=1, journal=str(journal)
    )
    assert sorted(stream) == [0, 2, 4, 6, 8]
    assert stream.report.recalled == 5


def test_a_pool_and_its_initializer_do_not_matter(journal, tmp_path):
    run(double, range(5), journal)
    with plait.Pool("thread", workers=2, initializer=list) as pool:
        stream = plait.map(double, range(7), engine=pool, journal=journal)
        assert list(stream) == [0, 2, 4, 6, 8, 10, 12]
        assert stream.report.recalled == 5


def test_async_iteration(journal):
    async def collect():
        return [value async for value in plait.map(double, range(30), engine="thread", workers=2, journal=journal)]

    assert asyncio.run(collect()) == [2 * n for n in range(30)]
    assert asyncio.run(collect()) == [2 * n for n in range(30)]
    assert len(rows(journal)) == 30


async def double_later(x):
    await asyncio.sleep(0)
    return 2 * x


async def arriving(count):
    for number in range(count):
        yield number


def test_coroutine_functions_and_async_inputs(journal):
    async def collect(count):
        stream = plait.map(double_later, arriving(count), journal=journal)
        return [value async for value in stream], stream.report

    assert asyncio.run(collect(40))[0] == [2 * n for n in range(40)]
    found, report = asyncio.run(collect(60))
    assert found == [2 * n for n in range(60)]
    assert (report.recalled, report.engine) == (40, "async")
    assert list(plait.map(double_later, range(50), journal=journal)) == [2 * n for n in range(50)]
    assert len(rows(journal)) == 60


def test_leaving_an_async_loop(journal):
    async def some():
        async for value in plait.map(double_later, arriving(1000), journal=journal):
            if value == 100:
                break

    asyncio.run(some())
    assert len(rows(journal)) > 50
    stream = plait.map(double_later, range(1000), journal=journal)
    assert list(stream) == [2 * n for n in range(1000)]
    assert stream.report.recalled > 50
    assert len(rows(journal)) == 1000


def test_progress_counts_what_was_recalled(journal):
    run(double, range(5), journal)
    seen = []
    run(double, range(9), journal, progress=seen.append)
    assert (seen[-1].done, seen[-1].failed) == (9, 0)


# --- outcomes


@dataclasses.dataclass
class Result:
    name: str
    parts: tuple


VALUES = [
    None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 2**63, 10**5000, 0.5, -0.0, 1e300, math.inf, -math.inf, "", "text", "ä €",
    "\udcff", 'a "quoted"\n\x00 text', b"", b"bytes", [], [1, [2.5, None, "x"]], {}, {"a": [1, {"b": None}]}, {1: 2},
    (), (1, 2), [(1, 2)], {"a": (1,)}, {1, 2}, frozenset("a"), 1j, range(3), ..., [math.inf], ["\udcff"], list(range(5000)),
    Result("x", (1, {2})), ValueError("as a value"), int, Path("a"), "x" * 100_000, [True, 1, 1.0], {"k": True},
]  # fmt: skip


def test_values_come_back_as_they_were(journal):
    first = run(VALUES.__getitem__, range(len(VALUES)), journal)[0]
    found, report = run(VALUES.__getitem__, range(len(VALUES)), journal)
    assert report.recalled == len(VALUES)
    for value, again in zip(first, found, strict=True):
        assert type(again) is type(value)
        if isinstance(value, ValueError):
            assert repr(again) == repr(value)
        else:
            assert again == value
            if value != 10**5000:  # which has no decimal digits
                assert repr(again) == repr(value)  # 0.0 and -0.0; True and 1 inside of lists
    texts = rows(journal, "value")
    assert all(isinstance(text, (int, float)) or json.loads(text) is not ... for (text,) in texts)


def test_not_a_number_and_arrays_and_lambdas(journal):
    numpy = pytest.importorskip("numpy")
    kept = [math.nan, numpy.arange(6).reshape(2, 3), numpy.float64(1.5), lambda: 7]
    run(kept.__getitem__, range(4), journal)
    nan, array, number, function = run(kept.__getitem__, range(4), journal)[0]
    assert math.isnan(nan)
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert type(number) is numpy.float64
    assert function() == 7
    assert json.loads(rows(journal, "value")[1][0]) == {"__repr__": "<numpy.ndarray (2, 3)>"}


class Odd(Exception):
    def __init__(self, code, *, reason):
        super().__init__(reason)
        self.code = code


def fail(kind):
    if kind == "odd":
        raise Odd(7, reason="odd")
    if kind == "caused":
        try:
            fail("odd")
        except Odd as error:
            raise KeyError("caused") from error
    if kind == "noted":
        error = OSError(2, "no such thing")
        error.add_note("a note")
        raise error
    return kind


def test_errors_come_back_with_all_that_belongs_to_them(journal):
    kept = plait.Journal(journal, retry_failed=False)
    kinds = ["odd", "caused", "noted", "fine"]
    first = list(plait.map(fail, kinds, engine="inline", journal=kept).outcomes())
    found = list(plait.map(fail, kinds, engine="inline", journal=kept).outcomes())
    odd, caused, noted, fine = (outcome.error for outcome in found)
    assert (type(odd), odd.code, str(odd)) == (Odd, 7, "odd")
    assert isinstance(caused.__cause__, Odd)
    assert noted.__notes__ == ["a note"]
    assert noted.errno == 2
    assert fine is None
    assert found[3] == first[3]
    for one, other in zip(first, found, strict=True):
        assert dataclasses.replace(one, error=None) == dataclasses.replace(other, error=None)
    trace = odd.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    assert trace.tb_frame.f_code.co_name == "fail"
    words = rows(journal, "error, message, traceback", "NOT ok")
    assert words[0][:2] == (f"{__name__}.Odd", "odd")
    assert 'raise Odd(7, reason="odd")' in words[0][2]


class Untrue(Exception):
    """What Python cannot print: it asks whether an error is true, from 3.13 on, and for its cause."""

    def __bool__(self):
        raise ZeroDivisionError

    __cause__ = property(__bool__)


def test_an_error_that_python_cannot_print_is_recorded_and_ends_nothing(journal):
    def fail_oddly(kind):
        raise Untrue(kind)

    first = list(plait.map(fail_oddly, ["a", "b"], engine="inline", journal=journal).outcomes())
    assert [type(outcome.error) for outcome in first] == [Untrue, Untrue]
    assert [words for (words,) in rows(journal, "message")] == ["a", "b"]


def ends(kind):
    if kind == "dies":
        os._exit(3)
    while kind == "late":
        time.sleep(0.01)
    if kind == "raises":
        raise LookupError("item 3, as it was")
    return kind


def test_a_timeout_and_a_dead_worker_are_recorded(journal):
    options = {"engine": "process", "workers": 2, "timeout": 0.5, "journal": plait.Journal(journal, retry_failed=False)}
    kinds = ["fine", "dies", "late"]
    first = list(plait.map(ends, kinds, **options).outcomes())
    found = list(plait.map(ends, kinds, **options).outcomes())
    assert [str(outcome.error) for outcome in found] == [str(outcome.error) for outcome in first]
    assert isinstance(found[1].error, plait.errors.WorkerDied)
    assert found[1].error.exit_code == 3
    assert isinstance(found[2].error, TaskTimeout)


def test_a_failure_that_is_recalled_has_the_number_its_item_has_now(journal):
    options = {"engine": "process", "workers": 2, "timeout": 0.5, "journal": plait.Journal(journal, retry_failed=False)}
    kinds = ["fine", "dies", "late", "raises"]
    first = list(plait.map(ends, kinds, **options).outcomes())
    found = list(plait.map(ends, ["fine", "raises", "late", "fine", "dies"], **options).outcomes())
    assert [outcome.input for outcome in found] == ["fine", "raises", "late", "fine", "dies"]
    assert str(found[1].error) == str(first[3].error) == "item 3, as it was"
    assert str(found[2].error) == str(first[2].error)
    assert str(first[1].error).startswith("item 1, 'dies', lost its worker")
    assert str(found[4].error) == str(first[1].error).replace("item 1,", "item 4,", 1)
    assert found[4].error.args == (str(found[4].error), *first[1].error.args[1:])


def test_attempts_of_one_run_are_one_record(journal):
    tries = []

    def flaky(x):
        tries.append(x)
        if len(tries) < 3:
            raise OSError("again")
        return x

    (first,) = plait.map(flaky, ["x"], engine="inline", retry=5, journal=journal).outcomes()
    (found,) = plait.map(Counted(flaky), ["x"], engine="inline", journal=journal).outcomes()
    assert first.attempts == 3
    assert rows(journal, "attempts, ok") == [(3, 1), (1, 1)]  # Counted is another function
    assert found.attempts == 1


def test_a_failure_is_replaced_by_what_comes_of_the_next_run(journal):
    broken = [True]

    def work(x):
        if broken and x % 3 == 0:
            raise OSError("no network")
        return x

    fn = Counted(work, "work")
    fn.__class__.__plait_key__ = lambda self: "the same"
    try:
        assert [outcome.ok for outcome in plait.map(fn, range(7), engine="inline", journal=journal).outcomes()].count(
            False
        ) == 3
        broken.clear()
        found, report = run(fn, range(7), journal)
        assert found == list(range(7))
        assert report.journal == f"4 of 7 items were in {journal}; 3 again because they had failed"
        assert sorted(rows(journal, "item_index, ok")) == [(n, 1) for n in range(7)]
        assert run(fn, range(7), journal)[1].recalled == 7
    finally:
        fn.__class__.__plait_key__ = lambda self: self.fn


# --- what cannot be recorded


def test_an_item_without_content_fails_alone_and_says_where_it_has_none(journal):
    lock = threading.Lock()
    outcomes = list(
        plait.map(str, [1, {"a": [lock]}, 3], engine="inline", retry=2, order="completion", journal=journal).outcomes()
    )
    outcomes.sort(key=lambda outcome: outcome.index)
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    error = outcomes[1].error
    assert isinstance(error, UsageError)
    assert outcomes[1].attempts == 0
    assert "item['a'][0], a lock, has no content (_thread.lock: cannot pickle '_thread.lock' object)" in str(error)
    assert "__plait_key__" in str(error)
    assert len(rows(journal)) == 2


class BadKey:
    def __plait_key__(self):
        raise AttributeError("no text")


class BadItems(dict):
    def items(self):
        raise RuntimeError("no items")


class BadState:
    def __getstate__(self):
        raise RuntimeError("no state")


class BadIteration(set):
    def __iter__(self):
        raise RuntimeError("no elements")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (BadKey, r"BadKey.__plait_key__\(\) raised AttributeError: no text"),
        (BadItems, "no items"),
        (BadState, "no state"),
        (BadIteration, "reading what it consists of raised RuntimeError: no elements"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_an_item_whose_own_methods_raise_fails_alone_and_says_why(journal, bad, why, inside):
    item = {"a": [bad()]} if inside else bad()
    outcomes = list(plait.map(lambda x: 1, [1, item, 3], engine="inline", journal=journal).outcomes())
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    error = outcomes[1].error
    assert isinstance(error, UsageError)
    assert "item['a'][0], a Bad" in str(error) if inside else "item 1, " in str(error)
    assert re.search(why, str(error))
    assert type(error.__cause__) in (AttributeError, RuntimeError)


class Sly:
    """It answers to no name without an error."""

    def __init__(self, number):
        self.number = number

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")


def test_what_people_are_shown_of_an_item_costs_nobody_an_outcome(journal):
    assert run(lambda x: 1, [Sly(0), Sly(1)], journal)[0] == [1, 1]


class Handle:
    def __init__(self, name):
        self.name, self.lock = name, threading.Lock()

    def __plait_key__(self):
        return self.name


def test_an_item_may_say_what_its_content_is(journal):
    assert run(lambda h: h.name, [Handle("a"), Handle("b")], journal)[0] == ["a", "b"]
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        assert connection.execute("SELECT input FROM outcomes").fetchall() == [('"a"',), ('"b"',)]


def test_a_value_that_cannot_be_pickled_is_delivered_and_warned_of(journal):
    def lock_or(x):
        return threading.Lock() if x == 1 else x

    for _ in range(2):
        stream = plait.map(lock_or, range(3), engine="inline", journal=journal)
        with pytest.warns(RuntimeWarning, match=r"1 outcome could not be recorded in .*item 1: TypeError") as warned:
            found = list(stream)
        assert [warning.filename for warning in warned] == [__file__]
        assert found[::2] == [0, 2]
        assert (
            "1 could not be recorded (item 1: TypeError: cannot pickle '_thread.lock' object)" in stream.report.journal
        )
    assert len(rows(journal)) == 2


def test_a_value_that_cannot_be_read_back_fails_and_is_computed_again_by_the_next_run(journal, monkeypatch):
    @dataclasses.dataclass
    class Moved:
        n: int

    Moved.__qualname__ = "Moved"
    monkeypatch.setitem(globals(), "Moved", Moved)
    make = Counted(lambda n: globals()["Moved"](n) if n == 1 else n)
    run(make, range(3), journal)
    monkeypatch.delitem(globals(), "Moved")
    outcomes = list(plait.map(make, range(3), engine="inline", journal=journal).outcomes())
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert "cannot be read back: AttributeError" in str(outcomes[1].error)
    monkeypatch.setitem(globals(), "Moved", Moved)
    found, report = run(make, range(3), journal)
    assert found == [0, Moved(1), 2]
    assert report.recalled == 2
    assert make.calls == {"0": 1, "1": 2, "2": 1}


def test_a_row_that_somebody_deletes_meanwhile_is_an_error(journal):
    run(double, range(5), journal)
    stream = iter(plait.map(double, itertools.chain([100], range(5)), engine="inline", journal=journal))
    assert next(stream) == 200
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.execute("DELETE FROM outcomes WHERE item_index = 3")
    with pytest.raises(JournalError, match=r"row \d+ .* was deleted while it was in use"):
        list(stream)


# --- nothing is lost, nothing is twice


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
@pytest.mark.parametrize("order", ["input", "completion"])
def test_what_is_delivered_has_been_committed(journal, engine, order):
    with contextlib.closing(sqlite3.connect(tmp := str(journal), isolation_level=None)) as connection:
        for number, _ in enumerate(plait.map(double, range(300), engine=engine, order=order, journal=tmp), 1):
            (recorded,) = connection.execute("SELECT count(*) FROM outcomes").fetchone()
            assert recorded >= number


def test_a_slow_map_records_what_it_has(journal):
    gate = threading.Event()

    def wait(x):
        if x == 3:
            gate.wait(10)
        return x

    stream = iter(plait.map(wait, range(4), engine="thread", workers=1, journal=journal))
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    assert len(rows(journal)) == 3
    gate.set()
    assert list(stream) == [3]


def test_what_was_finished_when_the_work_is_stopped_is_recorded(journal):
    def interrupted(x):
        if x == 500:
            raise KeyboardInterrupt
        return x

    stream = plait.map(interrupted, range(1000), engine="inline", journal=journal)
    with pytest.raises(KeyboardInterrupt):
        list(stream)
    assert len(rows(journal)) == 500
    assert sum(outcome.ok for outcome in stream.outcomes()) <= 500


def test_an_error_in_the_body_of_the_loop(journal):
    with pytest.raises(ZeroDivisionError):
        for value in plait.map(double, range(1000), engine="thread", workers=2, journal=journal):
            if value == 100:
                1 / 0
    found, report = run(double, range(1000), journal)
    assert found == [2 * n for n in range(1000)]
    assert report.recalled > 50
    assert len(rows(journal)) == 1000


def test_after_an_error_the_outcomes_that_were_not_delivered_are_those_in_the_journal(journal):
    run(double, range(0, 40, 2), journal)
    stream = plait.map(lambda x: x if x != 10 else 1 // 0, range(40), engine="inline", journal=journal)
    with pytest.raises(ZeroDivisionError):
        list(stream)
    assert all(outcome.ok or isinstance(outcome.error, plait.errors.Cancelled) for outcome in stream.outcomes())
    recalled = plait.map(double, range(40), engine="inline", journal=journal)
    next(iter(recalled))
    recalled.close()
    rest = list(recalled.outcomes())
    assert all(outcome.value == 2 * outcome.index for outcome in rest if outcome.ok)


def test_an_interrupt_between_commit_and_what_follows_records_nothing_twice(journal, monkeypatch):
    from plait._run.recording.journal_file import JournalFile

    real = JournalFile.transaction
    strikes = []

    @contextlib.contextmanager
    def strike(self):
        with real(self):
            yield
        if not strikes and self._one("SELECT count(*) FROM outcomes")[0] >= 10:
            strikes.append(True)
            raise KeyboardInterrupt

    monkeypatch.setattr(JournalFile, "transaction", strike)
    with pytest.raises(KeyboardInterrupt):
        list(plait.map(double, range(2000), engine="inline", journal=journal))
    monkeypatch.undo()
    indices = [index for (index,) in rows(journal, "item_index")]
    assert len(indices) == len(set(indices)) >= 10
    assert run(double, range(2000), journal)[0] == [2 * n for n in range(2000)]
    assert len(rows(journal)) == 2000


# --- several runs


def test_two_runs_at_once_share_what_they_record(journal):
    fn = Counted(double)
    one = iter(plait.map(fn, range(3000), engine="inline", journal=journal))
    other = iter(plait.map(fn, range(3000), engine="inline", journal=journal))
    first = [next(one) for _ in range(100)]
    second = list(other)
    assert first + list(one) == second == [2 * n for n in range(3000)]
    assert len(rows(journal)) == 3000
    assert sum(fn.calls.values()) < 3000 + 1500  # what one had in hand while the other was faster


def test_an_item_that_two_runs_have_in_hand_is_recorded_once(journal):
    inside = []

    def work(x):
        if x == 3 and not inside:
            inside.append(True)
            assert list(plait.map(fn, [3], engine="inline", journal=journal)) == [3]
        return x

    fn = Counted(work)
    fn.__class__.__plait_key__ = lambda self: "the same"
    try:
        assert run(fn, range(6), journal)[0] == list(range(6))
        assert fn.calls["3"] == 2
        assert sorted(rows(journal, "input")) == [(n,) for n in range(6)]
    finally:
        fn.__class__.__plait_key__ = lambda self: self.fn


def test_processes_that_share_a_journal_from_its_first_moment(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, plait\n"
        "def work(x):\n    return x * 3\n"
        "if __name__ == '__main__':\n"
        "    values = list(plait.map(work, range(3000), engine='thread', workers=2, journal=sys.argv[1]))\n"
        "    assert values == [3 * n for n in range(3000)], values\n"
    )
    journal = tmp_path / "run.sqlite"
    runs = [subprocess.Popen([sys.executable, program, journal], stderr=subprocess.PIPE) for _ in range(3)]
    for each in runs:
        _, errors = each.communicate(timeout=60)
        assert each.returncode == 0, errors.decode()
    assert sorted(n for (n,) in rows(journal, "input")) == list(range(3000))


# --- what it costs to have it, and not to have it


def test_a_map_without_a_journal_imports_nothing_for_one(tmp_path):
    program = (
        "import sys, plait\nlist(plait.map(abs, range(5), engine='inline'))\n"
        "ours = 'plait._run.recording.keeper', 'plait._run.recording.function_key'\n"
        "print([name for name in ('sqlite3', *ours) if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_journal_is_not_even_opened_before_the_first_result_is_asked_for(journal):
    stream = plait.map(double, range(3), engine="inline", journal=journal)
    assert not journal.exists()
    stream.close()
    del stream


@pytest.mark.parametrize("wrong", [3, b"bytes", "", ":memory:", "a\0b", True, object()])
def test_what_is_no_journal(wrong):
    with pytest.raises(UsageError, match="expected the path of a file, or a plait.Journal"):
        plait.map(double, [1], journal=wrong)


def test_journals_are_values(journal):
    assert plait.Journal("a") == plait.Journal("a")
    assert plait.Journal(Path("a"), retry_failed=False).retry_failed is False
    assert pickle.loads(pickle.dumps(plait.Journal("a"))) == plait.Journal("a")
    assert os.fspath(plait.Journal(journal).path) == str(journal)
