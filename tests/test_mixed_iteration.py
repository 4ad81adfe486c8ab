"""A stream that is iterated in several ways, one after the other or in turns: everything comes once."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

import plait
from plait._run.stream import _OneAtATime, _outcomes
from plait.errors import UsageError

LONG = 30.0  # seconds after which a test that waits has failed
LARGE = 600_000  # bytes: a journal reads them in pieces

pytestmark = pytest.mark.usefixtures("nothing_left")


def same(n: int) -> int:
    return n


def fail_at_ten(n: int) -> int:
    if n == 10:
        raise ValueError(n)
    return n


def large(n: int) -> bytes:
    return bytes([n]) * LARGE


@pytest.mark.parametrize("order", ["input", "completion"])
@pytest.mark.parametrize("engine", ["inline", "thread", "process", "auto"])
def test_values_and_outcomes_in_turns_give_everything_once(engine: str, order: str) -> None:
    for seed in range(5):
        turns = random.Random(seed)
        stream = plait.map(same, iter(range(300)), engine=engine, workers=2, order=order)
        values, outcomes = iter(stream), iter(stream.outcomes())
        found: list[int | None] = []
        for _ in range(250):
            found.append(next(values) if turns.random() < 0.5 else next(outcomes).value)
        found += values
        found += [outcome.value for outcome in outcomes]
        if order == "completion":
            found.sort(key=str)
            assert found == sorted(range(300), key=str)
        else:
            assert found == list(range(300))
        assert stream.report.finished


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_outcomes_go_on_where_a_loop_over_values_was_left(engine: str) -> None:
    stream = plait.map(fail_at_ten, range(50), engine=engine, workers=1)
    for value in stream:
        if value == 3:
            break
    rest = list(stream.outcomes())
    assert [outcome.index for outcome in rest] == list(range(4, 50))
    assert [outcome.index for outcome in rest if not outcome.ok] == [10]
    assert list(stream) == []


def test_values_go_on_where_a_loop_over_outcomes_was_left() -> None:
    stream = plait.map(fail_at_ten, range(50), engine="inline")
    outcomes = stream.outcomes()
    assert [next(outcomes).index for _ in range(4)] == [0, 1, 2, 3]
    values = iter(stream)
    assert [next(values) for _ in range(6)] == [4, 5, 6, 7, 8, 9]
    with pytest.raises(ValueError, match="10"):
        next(values)
    assert all(outcome.index > 10 for outcome in outcomes)  # what had been computed by then


@pytest.mark.parametrize("close", [False, True])
def test_what_a_journal_recalls_is_not_lost_between_two_ways(close: bool, tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    list(plait.map(large, range(20), engine="inline", journal=journal))
    stream = plait.map(large, range(20), engine="inline", journal=journal)
    found = [next(stream) for _ in range(3)]
    if close:
        stream.close()
    found += [outcome.value for outcome in stream.outcomes() if outcome.value is not None]
    assert [(value[0], len(value)) for value in found] == [(n, LARGE) for n in range(20)]


def test_a_stream_that_waits_for_somebody_else_says_so_in_every_way() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        asked.set()
        assert go_on.wait(LONG)
        yield 1

    stream = plait.map(same, items(), engine="thread")
    found: list[int] = []
    other = threading.Thread(target=lambda: found.extend(stream))
    other.start()
    assert asked.wait(LONG)
    with pytest.raises(UsageError, match="waiting for its next result already"):
        list(stream.outcomes())
    go_on.set()
    other.join(LONG)
    assert found == [0, 1]


@pytest.mark.parametrize("engine", ["thread", "async"])
def test_an_error_that_was_raised_before_its_turn_does_not_come_again(engine: str) -> None:
    def fail_before_the_first_ends(n: int) -> int:
        while n == 0 and not plait.current().cancelled:
            time.sleep(0.001)
        if n == 1:
            raise ValueError(n)
        return n

    async def awaited(n: int) -> int:
        if n == 0:
            await asyncio.sleep(LONG)
        return fail_before_the_first_ends(n)

    fn = awaited if engine == "async" else fail_before_the_first_ends
    stream = plait.map(fn, range(3), engine=engine, workers=2)
    with pytest.raises(ValueError) as caught:
        list(stream)
    assert plait.errors.outcome_of(caught.value).index == 1
    assert 1 not in [outcome.index for outcome in stream.outcomes()]


def test_who_asks_while_another_thread_closes_the_stream_waits_for_that() -> None:
    running, closing, may_end = threading.Event(), threading.Event(), threading.Event()

    def work(n: int) -> int:
        while n == 1 and not plait.current().cancelled:
            running.set()
            time.sleep(0.001)
        if n == 1:
            closing.set()
            may_end.wait(LONG)
        return n

    stream = plait.map(work, range(3), engine="thread", workers=1)
    outcomes = iter(stream.outcomes())
    assert next(outcomes).value == 0
    assert running.wait(LONG)
    closer = threading.Thread(target=stream.close)
    closer.start()
    assert closing.wait(LONG)
    threading.Timer(0.02, may_end.set).start()  # until then there is nothing to be had
    rest = [outcome.index for outcome in outcomes]
    closer.join()
    assert rest in ([1], [2], [1, 2])  # what runs may be stopped, and then it is as cancelled as what comes after it


def test_what_one_thread_was_about_to_take_is_not_given_twice() -> None:
    """Two threads that share an iterator without a lock: one is held up between a batch and its first outcome."""
    stream = plait.map(same, range(100), engine="inline")
    source = _OneAtATime(
        stream._run, (_outcomes(stream._run, batch) for batch in stream._run.batches(stop_at_failure=False))
    )
    stream._used = True
    held_up = next(source)
    others = [outcome.index for outcome in chain.from_iterable(source)]
    assert others == list(range(100))
    assert list(held_up) == []


def test_a_stream_that_was_the_input_ends_with_the_map_although_somebody_keeps_that() -> None:
    kept = plait.map(fail_at_ten, plait.map(same, iter(range(10**9)), engine="thread", workers=2), engine="inline")
    with pytest.raises(ValueError):
        list(kept)
    deadline = time.monotonic() + LONG
    while any(thread.name.startswith("plait-thread") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)  # nobody tells when a thread has left the list
    assert kept.report.failed == 1
