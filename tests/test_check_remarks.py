"""What asyncio does wrong at one place: coroutines thrown away, tasks lost, a loop held up, a lock kept across an await."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget
from plait._check.programs.program import Script

pytestmark = pytest.mark.usefixtures("nothing_left")


def check(folder: Path, source: str, runs: int = 20) -> Checked:
    file = folder / "program.py"
    file.write_text("import asyncio, gc, threading, time\n" + dedent(source))
    subject = Subject(lambda fresh: Script(str(file), (), fresh), lambda name: name.startswith(str(folder)))
    return search(subject, Budget(runs, 20.0), seed=1, scheduler="rotation")


def failing(checked: Checked) -> tuple[str, int]:
    """The kind of the finding and its line."""
    assert checked.verdict.word == "failed", checked.verdict
    assert checked.told is not None
    finding = checked.told.finding
    assert finding.site is not None
    return finding.kind, finding.site.line


def noted(checked: Checked) -> list[tuple[str, int]]:
    """What was worth a remark in a program that passed, and where."""
    assert checked.verdict.word == "passed", checked.verdict
    return sorted((note.kind, note.site.line if note.site is not None else 0) for note in checked.notes)


FAILING = {
    "a call without await": (
        """
        async def save(): pass
        async def main():
            save()
        asyncio.run(main())
        """,
        ("never awaited", 5),
    ),
    "in a callback of the loop": (
        """
        async def save(): pass
        async def main():
            asyncio.get_running_loop().call_soon(save)
            await asyncio.sleep(0)
        asyncio.run(main())
        """,
        ("never awaited", 3),
    ),
    "where the coroutine is kept and forgotten": (
        """
        async def save(x): pass
        async def main():
            waiting = [save(x) for x in range(3)]
            await waiting.pop()
            waiting.clear()
        asyncio.run(main())
        """,
        ("never awaited", 5),
    ),
    "outside of a loop": (
        """
        async def save(): pass
        save()
        """,
        ("never awaited", 3),
    ),
    "a task that nobody holds": (
        """
        done = []
        async def later():
            await asyncio.get_running_loop().create_future()
            done.append(1)
        async def main():
            asyncio.create_task(later())
            await asyncio.sleep(1)
        asyncio.run(main())
        """,
        ("collected while it runs", 8),
    ),
}


@pytest.mark.parametrize("case", FAILING)
def test_what_is_lost_is_a_failure(case: str, tmp_path: Path) -> None:
    source, expected = FAILING[case]
    assert failing(check(tmp_path, source)) == expected


NOTED = {
    "a sleep in a coroutine": (
        """
        async def main():
            time.sleep(0.5)
        asyncio.run(main())
        """,
        [("blocks the loop", 4)],
    ),
    "a sleep in a callback": (
        """
        def call():
            time.sleep(0.5)
        async def main():
            asyncio.get_running_loop().call_soon(call)
            await asyncio.sleep(0)
        asyncio.run(main())
        """,
        [("blocks the loop", 4)],
    ),
    "a thread that is joined": (
        """
        async def main():
            thread = threading.Thread(target=time.sleep, args=(1,))
            thread.start()
            thread.join()
        asyncio.run(main())
        """,
        [("blocks the loop", 6)],
    ),
    "a lock that a thread keeps while it sleeps": (
        """
        lock = threading.Lock()
        def save():
            with lock:
                time.sleep(1)
        async def main():
            saving = asyncio.create_task(asyncio.to_thread(save))
            await asyncio.sleep(0.5)
            with lock:
                pass
            await saving
        asyncio.run(main())
        """,
        [("blocks the loop", 10)],
    ),
    "a lock that is a signal": (
        """
        async def main():
            done = threading.Lock()
            done.acquire()
            thread = threading.Thread(target=done.release)
            thread.start()
            done.acquire()
        asyncio.run(main())
        """,
        [("blocks the loop", 8)],
    ),
    "a lock that is kept": (
        """
        lock = threading.Lock()
        async def main():
            with lock:
                await asyncio.sleep(0.1)
        asyncio.run(main())
        """,
        [("lock held across an await", 6)],
    ),
    "a lock of threads kept by an asynchronous generator": (
        """
        lock = threading.Lock()
        async def rows():
            with lock:
                await asyncio.sleep(0.1)
                yield 1
        async def main():
            async for _ in rows(): pass
        asyncio.run(main())
        """,
        [("lock held across an await", 6)],
    ),
}


@pytest.mark.parametrize("case", NOTED)
def test_what_holds_up_is_worth_a_remark(case: str, tmp_path: Path) -> None:
    source, expected = NOTED[case]
    assert noted(check(tmp_path, source)) == expected


RIGHT = {
    "a coroutine that is closed": """
        async def save(): pass
        async def main():
            unwanted = save()
            unwanted.close()
        asyncio.run(main())
        """,
    "tasks in a group, and one that its caller holds": """
        async def work(): await asyncio.sleep(0.1)
        async def main():
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(work())
            task = asyncio.create_task(work())
            await asyncio.sleep(1)
            gc.collect()
            await task
        asyncio.run(main())
        """,
    "a task that is cancelled before it began": """
        async def work(): pass
        async def main():
            task = asyncio.create_task(work())
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        asyncio.run(main())
        """,
    "a task that is left behind at the end": """
        async def work(): await asyncio.sleep(100)
        async def main():
            asyncio.create_task(work())
            await asyncio.sleep(0.1)
        asyncio.run(main())
        """,
    "a sleep in a thread": """
        async def main():
            await asyncio.gather(asyncio.to_thread(time.sleep, 1), asyncio.sleep(1))
        asyncio.run(main())
        """,
    "a lock that is let go before": """
        lock = threading.Lock()
        async def work():
            with lock:
                pass
            await asyncio.sleep(0.1)
        async def main():
            await asyncio.gather(work(), work())
        asyncio.run(main())
        """,
    "a lock that threads take, too, and keep for nothing that takes time": """
        inner, lock = threading.Lock(), threading.Lock()
        n = 0
        def add():
            global n
            with inner:
                with lock:
                    n = int(n) + 1
        async def main():
            loop = asyncio.get_running_loop()
            futures = [loop.run_in_executor(None, add) for _ in range(3)]
            add()
            futures.append(loop.run_in_executor(None, add))
            await asyncio.gather(*futures)
        asyncio.run(main())
        """,
    "a process that has ended when it is waited for": """
        import sys
        async def main():
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
            assert await child.wait() == 0
        asyncio.run(main())
        """,
    "a queue of threads that has room": """
        import queue
        jobs = queue.Queue()
        async def main():
            worker = asyncio.create_task(asyncio.to_thread(lambda: [jobs.get(), jobs.get()]))
            await asyncio.sleep(0)
            jobs.put(1)
            jobs.put(2)
            await worker
        asyncio.run(main())
        """,
    "an asyncio lock that is kept": """
        async def main():
            lock = asyncio.Lock()
            async with lock:
                await asyncio.sleep(0.1)
        asyncio.run(main())
        """,
    "a coroutine that is cut off by an error elsewhere": """
        async def slow(): await asyncio.sleep(10)
        async def fails(): raise ValueError
        async def main():
            try:
                await asyncio.gather(slow(), fails())
            except ValueError:
                pass
        asyncio.run(main())
        """,
}


@pytest.mark.parametrize("case", RIGHT)
def test_nothing_is_said_about_what_is_right(case: str, tmp_path: Path) -> None:
    assert noted(check(tmp_path, RIGHT[case])) == []


def test_the_cause_of_an_exception_may_be_a_coroutine_that_was_thrown_away(tmp_path: Path) -> None:
    checked = check(
        tmp_path,
        """
        saved = []
        async def save(): saved.append(1)
        async def main():
            save()
            assert saved
        asyncio.run(main())
        """,
    )
    assert failing(checked)[0] == "never awaited"
    assert checked.told is not None
    assert "save()" in checked.told.finding.title
