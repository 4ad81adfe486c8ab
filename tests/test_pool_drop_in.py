"""What programs that were written for the standard library's executors rely on, on a Pool."""

from __future__ import annotations

import asyncio
import decimal
import threading
from collections.abc import Callable
from contextvars import ContextVar

import pytest

import plait

PATIENCE = 20.0
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


def precision() -> tuple[int, str]:
    return decimal.getcontext().prec, WHO.get()


def prepare(prec: int, who: str) -> None:
    decimal.getcontext().prec = prec
    WHO.set(who)


@pytest.mark.parametrize("engine", ["thread", "inline", "process"])
def test_calls_see_the_context_variables_that_the_initializer_has_set(engine: str, nothing_left: None) -> None:
    mine = decimal.getcontext().prec
    WHO.set("the program")
    with plait.Pool(engine, 2, initializer=prepare, initargs=(7, "the worker")) as pool:
        futures = [pool.submit(precision) for _ in range(6)]
        assert {future.result() for future in futures} == {(7, "the worker")}
        assert set(plait.map(lambda _: precision(), range(4), engine=pool)) == {(7, "the worker")}
    assert precision() == (mine, "the program")


def test_so_do_coroutines(nothing_left: None) -> None:
    async def see() -> str:
        await asyncio.sleep(0)
        return WHO.get()

    async def setup() -> None:
        WHO.set("the loop")

    for initializer in (setup, lambda: WHO.set("the loop")):
        with plait.Pool("async", 2, initializer=initializer) as pool:
            assert [pool.submit(see).result() for _ in range(3)] == ["the loop"] * 3
            assert list(plait.map(lambda _: see(), range(3), engine=pool)) == ["the loop"] * 3


def test_what_one_call_sets_another_does_not_see_where_the_context_is_its_submitters() -> None:
    def change(who: str) -> str:
        seen = WHO.get()
        WHO.set(who)
        return seen

    with plait.Pool("thread", 1, initializer=prepare, initargs=(9, "the worker")) as pool:
        assert list(pool.map(change, ["a", "b"])) == ["the worker"] * 2


@pytest.mark.parametrize("engine", ["thread", "inline"])
def test_a_chunk_size_has_no_effect_where_nothing_travels(engine: str) -> None:
    with plait.Pool(engine, 2) as pool:
        found = pool.map(lambda n: 1 // n, [1, 1, 0, 1], chunksize=4)
        assert [next(found), next(found)] == [1, 1]
        with pytest.raises(ZeroDivisionError):
            next(found)


def test_calls_that_wait_for_one_another_are_not_put_into_one_chunk() -> None:
    together = threading.Barrier(3)
    wait: Callable[[int], int] = lambda _: together.wait(PATIENCE)
    with plait.Pool("thread", 3) as pool:
        assert sorted(pool.map(wait, range(3), chunksize=3)) == [0, 1, 2]


def test_coroutines_wait_side_by_side_whatever_the_chunk_size() -> None:
    async def meet(_: int) -> int:
        nonlocal here
        here += 1
        while here < 3:
            await asyncio.sleep(0)
        return 1

    here = 0
    with plait.Pool("async", 3) as pool:
        assert sum(pool.map(meet, range(3), chunksize=3, timeout=PATIENCE)) == 3
