"""Exceptions that futures and tasks keep: one that nobody asks for is found as one of a thread is."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget
from plait._check.programs.program import Script

pytestmark = pytest.mark.usefixtures("nothing_left")

FUTURE, TASK = "Nobody asks the future", "Nobody awaits this task"


def check(folder: Path, source: str, runs: int) -> Checked:
    file = folder / "program.py"
    imports = "import asyncio, threading\nfrom concurrent.futures import *\nimport plait\n"
    file.write_text(imports + dedent(source))
    subject = Subject(lambda fresh: Script(str(file), (), fresh), lambda name: name.startswith(str(folder)))
    return search(subject, Budget(runs, 20.0), seed=1, scheduler="rotation")


FAILING = {
    "an assertion in a call of a pool": (
        """
        stock = 1
        def take():
            global stock
            if stock:
                left = stock - 1
                stock = left
                assert left == 0 and stock == 0
                taken.append(1)
                assert len(taken) == 1
        taken = []
        with ThreadPoolExecutor(2) as pool:
            pool.submit(take)
            pool.submit(take)
        """,
        FUTURE,
        "AssertionError",
    ),
    "an item that may not be there yet": (
        """
        found = {}
        def fill(): found["a"] = 1
        def look(): return found["a"]
        with ThreadPoolExecutor(2) as pool:
            wait([pool.submit(fill), pool.submit(look)])
        """,
        FUTURE,
        "KeyError",
    ),
    "a map that nobody iterates": (
        """
        def fails(n): raise ValueError(n)
        with ThreadPoolExecutor(2) as pool:
            pool.map(fails, [1])
        """,
        FUTURE,
        "ValueError",
    ),
    "an assertion, though others are asked": (
        """
        ready = False
        def begins():
            global ready
            ready = True
        def needs(): assert ready
        with ThreadPoolExecutor(2) as pool:
            pool.submit(needs)
            pool.submit(begins).result()
        """,
        FUTURE,
        "AssertionError",
    ),
    "a call of a pool of ours": (
        """
        def fails(): raise ValueError(1)
        with plait.Pool("thread", workers=1) as pool:
            pool.submit(fails)
        """,
        FUTURE,
        "ValueError",
    ),
    "a future that is handed on": (
        """
        promise = Future()
        def keeps(): promise.set_exception(ValueError(1))
        thread = threading.Thread(target=keeps)
        thread.start()
        thread.join()
        """,
        FUTURE,
        "ValueError",
    ),
    "a coroutine for the loop of another thread": (
        """
        async def fails(): raise ValueError(1)
        async def main():
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(fails(), loop))
            await asyncio.sleep(1)
        asyncio.run(main())
        """,
        FUTURE,
        "ValueError",
    ),
    "a task that is let go": (
        """
        ready = False
        async def begins():
            global ready
            await asyncio.to_thread(int)
            ready = True
        async def needs():
            await asyncio.to_thread(int)
            assert ready
        async def main():
            one, other = asyncio.create_task(begins()), asyncio.create_task(needs())
            await asyncio.sleep(1)
        asyncio.run(main())
        """,
        TASK,
        "AssertionError",
    ),
    "a task that is kept to the end": (
        """
        async def fails(): raise ValueError(1)
        async def main():
            kept.append(asyncio.create_task(fails()))
            await asyncio.sleep(1)
        kept = []
        asyncio.run(main())
        """,
        TASK,
        "ValueError",
    ),
    "a future of asyncio": (
        """
        async def main():
            asyncio.get_running_loop().create_future().set_exception(ValueError(1))
        asyncio.run(main())
        """,
        "Nobody awaits the future",
        "ValueError",
    ),
    "a task that is waited for": (
        """
        async def fails(): raise ValueError(1)
        async def main():
            await asyncio.wait([asyncio.create_task(fails())])
        asyncio.run(main())
        """,
        TASK,
        "ValueError",
    ),
}


@pytest.mark.parametrize(("source", "says", "error"), FAILING.values(), ids=FAILING)
def test_what_nobody_asks_for_is_found_and_told(tmp_path: Path, source: str, says: str, error: str) -> None:
    checked = check(tmp_path, source, 200)
    assert checked.verdict.word == "failed", checked.verdict
    assert checked.told is not None
    assert says in checked.told.finding.why
    failure = checked.told.record.failure
    assert failure is not None
    assert type(failure.exception).__name__ == error


FAILS = """
def fails(n=0): raise ValueError(n)
def works(n=0): return n
"""
PASSING = {
    "who asks for the result": """
        with ThreadPoolExecutor(2) as pool:
            future = pool.submit(fails)
            try: future.result()
            except ValueError: pass
        """,
    "who asks for the exception": """
        with ThreadPoolExecutor(2) as pool:
            assert pool.submit(fails).exception() is not None
        """,
    "who is called back": """
        def note(future): seen.append(future.exception())
        seen = []
        with ThreadPoolExecutor(2) as pool:
            pool.submit(fails).add_done_callback(note)
        assert len(seen) == 1
        """,
    "who takes the first answer": """
        with ThreadPoolExecutor(2) as pool:
            for future in as_completed([pool.submit(fails), pool.submit(works), pool.submit(fails)]):
                if future.exception() is None:
                    break
        """,
    "who hears of the first of several": """
        def judges(n): assert n > 5
        with ThreadPoolExecutor(2) as pool:
            try: list(pool.map(judges, range(4)))
            except AssertionError: pass
        """,
    "who looked before it was there": """
        promise = Future()
        try: promise.result(timeout=0.1)
        except TimeoutError: pass
        promise.set_exception(ValueError(1))
        """,
    "a pool of ours that is asked": """
        with plait.Pool("thread", workers=1) as pool:
            assert pool.submit(fails).exception() is not None
        """,
    "a scope, which raises it": """
        try:
            with plait.scope() as s: s.submit(fails)
        except ValueError: pass
        """,
    "a map, which raises it": """
        try: list(plait.map(fails, [1, 2], engine="thread", workers=2))
        except ValueError: pass
        """,
    "outcomes": """
        assert len(list(plait.map(fails, [1, 2], engine="thread", workers=2).outcomes())) == 2
        """,
    "a task that is awaited": """
        async def main():
            task = asyncio.create_task(asyncio.to_thread(fails))
            try: await task
            except ValueError: pass
        asyncio.run(main())
        """,
    "gather, of which two fail": """
        async def late(n):
            await asyncio.sleep(n)
            fails(n)
        async def main():
            try: await asyncio.gather(late(0), late(0), late(1))
            except ValueError: pass
            await asyncio.sleep(2)
        asyncio.run(main())
        """,
    "gather, which returns exceptions": """
        async def late(n): fails(n)
        async def main():
            assert len(await asyncio.gather(late(1), late(2), return_exceptions=True)) == 2
        asyncio.run(main())
        """,
    "a group of tasks": """
        async def late(n): fails(n)
        async def main():
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(late(1))
                    group.create_task(late(2))
            except* ValueError: pass
        asyncio.run(main())
        """,
    "a task with a callback that asks": """
        async def late(): fails()
        async def main():
            task = asyncio.create_task(late())
            task.add_done_callback(lambda task: task.exception())
            await asyncio.sleep(1)
        asyncio.run(main())
        """,
    "a loop with a handler": """
        async def late(): fails()
        async def main():
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context))
            asyncio.create_task(late())
            await asyncio.sleep(1)
        seen = []
        asyncio.run(main())
        """,
    "a task that is cancelled": """
        async def main():
            task = asyncio.create_task(asyncio.sleep(10))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
        asyncio.run(main())
        """,
    "a call that is cancelled": """
        with ThreadPoolExecutor(1) as pool:
            pool.submit(works)
            pool.submit(works).cancel()
        """,
}


@pytest.mark.parametrize("source", PASSING.values(), ids=PASSING)
def test_what_somebody_hears_of_is_no_failure(tmp_path: Path, source: str) -> None:
    checked = check(tmp_path, FAILS + dedent(source), 30)
    assert checked.verdict.word in ("passed", "proved"), (checked.verdict, checked.told)


@pytest.fixture
def let_go(no_tracker_is_left: None, nothing_left: None) -> Iterator[None]:
    """What was alive when an execution ended goes: workers' frames are in tracebacks, and with them their pool's pipes."""
    yield
    gc.unfreeze()
    gc.collect()


def test_a_pool_of_multiprocessing_is_no_other(tmp_path: Path, let_go: None) -> None:
    source = """
        from multiprocessing.pool import ThreadPool
        found = {}
        def fill(): found["a"] = 1
        def look(): return found["a"]
        with ThreadPool(2) as pool:
            pool.apply_async(fill)
            pool.apply_async(look)
            pool.close()
            pool.join()
        """
    test_what_nobody_asks_for_is_found_and_told(tmp_path, source, FUTURE, "KeyError")


def test_nor_one_that_is_asked(tmp_path: Path, let_go: None) -> None:
    source = """
        from multiprocessing.pool import ThreadPool
        seen = []
        with ThreadPool(1) as pool:
            for ask in (lambda result: result.get(), lambda result: result.wait() or 1 / result.successful()):
                try: ask(pool.apply_async(fails))
                except (ValueError, ZeroDivisionError): pass
            pool.apply_async(fails, error_callback=lambda _: seen.append(1))
            try: pool.map(fails, range(3))
            except ValueError: pass
            assert pool.map(works, range(3)) == [0, 1, 2]
            pool.close()
            pool.join()
        assert len(seen) == 1
        """
    test_what_somebody_hears_of_is_no_failure(tmp_path, source)
