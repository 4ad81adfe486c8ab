"""What programs that were written for the standard library's executors rely on, on a Pool."""

from __future__ import annotations

import asyncio
import decimal
import logging
import multiprocessing
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

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
    with plait.Pool(engine, 1, initializer=prepare, initargs=(7, "the worker")) as pool:
        for _ in range(2):  # on the worker that is there, and on one that is new
            assert [pool.submit(precision).result() for _ in range(2)] == [(7, "the worker")] * 2
            assert list(plait.map(lambda _: precision(), range(2), engine=pool)) == [(7, "the worker")] * 2
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


def set_everything() -> None:
    sys.setrecursionlimit(5000)
    sys.set_int_max_str_digits(9000)
    sys.path.insert(0, "/nowhere/at/all")
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("chatty").setLevel(logging.ERROR)
    warnings.simplefilter("error")
    socket.setdefaulttimeout(3)
    os.chdir("/")
    decimal.getcontext().prec = 7


def everything() -> list[object]:
    return [
        sys.getrecursionlimit(),
        sys.get_int_max_str_digits(),
        sys.path[0],
        logging.getLogger().level,
        logging.getLogger("chatty").level,
        warnings.filters[0][0],
        socket.getdefaulttimeout(),
        os.getcwd(),
        decimal.getcontext().prec,
    ]


SET = [5000, 9000, "/nowhere/at/all", logging.DEBUG, logging.ERROR, "error", 3.0, "/", 7]


@pytest.mark.skipif(os.name != "posix", reason="a folder that every system has")
def test_what_an_initializer_has_set_in_python_itself_stays_so_for_all_maps(
    nothing_left: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything()
    with plait.Pool("process", 1, initializer=set_everything) as pool:
        assert pool.submit(everything).result() == SET
        assert list(plait.map(lambda _: everything(), range(2), engine=pool)) == [SET] * 2
        monkeypatch.syspath_prepend("/not/there/either")  # what the program changes still arrives
        logger = logging.getLogger("talkative")
        logger.setLevel(logging.CRITICAL)
        assert list(plait.map(lambda _: ("/not/there/either" in sys.path, logger.level), [1], engine=pool)) == [
            (True, 50)
        ]
        assert pool.submit(everything).result() == SET
    monkeypatch.undo()
    logger.setLevel(logging.NOTSET)
    assert everything() == before


def test_an_initializer_that_sets_nothing_leaves_all_to_the_program(nothing_left: None) -> None:
    with plait.Pool("process", 1, initializer=everything) as pool:
        pool.submit(everything).result()
        with decimal.localcontext() as context:
            context.prec = 11
            assert list(plait.map(lambda _: decimal.getcontext().prec, [1], engine=pool)) == [11]


def test_a_process_has_the_name_of_its_worker(caplog: pytest.LogCaptureFixture, nothing_left: None) -> None:
    def log(_: int) -> str:
        logging.getLogger("named").warning("here")
        return plait.current().worker

    def name(_: int) -> str:
        return multiprocessing.current_process().name

    with plait.Pool("process", 1) as pool:
        assert next(plait.map(log, [1], engine=pool)).startswith("process-1 ")
        assert list(plait.map(name, [1], engine=pool)) == ["process-1"]  # which imports multiprocessing
        assert pool.submit(log, 1).result()
    assert [record.processName for record in caplog.records if record.name == "named"] == ["process-1"] * 2
    assert multiprocessing.current_process().name == "MainProcess"


def given(lock: Any, event: Any, condition: Any, semaphore: Any) -> None:
    global tools
    tools = lock, event, condition, semaphore


def count_up(path: Path) -> bool:
    lock, event, _, _ = tools
    with lock:
        number = int(path.read_text())
        path.write_text(str(number + 1))
    return bool(event.is_set())


def wait_in(_: int) -> bool:
    _, event, condition, semaphore = tools
    with condition:
        event.clear()
        return bool(condition.wait(PATIENCE)) and bool(semaphore.acquire(timeout=PATIENCE))


@pytest.mark.skipif(os.name != "posix", reason="semaphores have names there")
def test_locks_of_multiprocessing_that_have_a_name_reach_the_workers(
    tmp_path: Path, fork_server: ForkServerContext, nothing_left: None
) -> None:
    made = fork_server.RLock(), fork_server.Event(), fork_server.Condition(), fork_server.Semaphore(0)
    path = tmp_path / "number"
    path.write_text("0")
    made[1].set()
    with plait.Pool("process", 2, initializer=given, initargs=made) as pool:
        assert set(pool.map(count_up, [path] * 20)) == {True}
        assert path.read_text() == "20"
        waiting = pool.submit(wait_in, 0)
        while made[1].is_set():
            time.sleep(0)
        with made[2]:  # which the call has, until it waits
            made[2].notify()
        made[3].release()
        assert waiting.result(PATIENCE)


@pytest.mark.skipif(os.name != "posix", reason="nothing is forked elsewhere")
def test_locks_that_only_forked_processes_have_are_refused() -> None:
    fork = multiprocessing.get_context("fork")
    for made in (fork.Lock(), fork.Event(), fork.Condition()):
        with pytest.raises(plait.errors.NotTransferable, match=r"get_context\('spawn'\).* or pass one of a multiproc"):
            list(plait.map(id, [made], engine="process"))
