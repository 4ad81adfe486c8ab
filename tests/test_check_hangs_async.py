"""Tasks that wait for ever: what for, where, and what would mend it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget
from plait._check.programs.function_program import own_files
from plait._check.programs.program import Script


def check(folder: Path, body: str, before: str = "") -> Checked:
    file = folder / "program.py"
    source = f"import asyncio, threading\n{dedent(before)}\nasync def main():\n{indent(dedent(body), '    ')}\nasyncio.run(main())\n"
    file.write_text(source)
    subject = Subject(lambda fresh: Script(str(file), [], fresh), own_files(str(file), ()))
    return search(subject, Budget(50, None), seed=0, scheduler="rotation")


BOTH = """
async def both(one, two):
    async with one:
        await asyncio.sleep(0)
        async with two:
            pass
"""
WORKER = """
async def work(todo):
    while True:
        await todo.get()
"""
HANGS = {
    "a hand-made queue that does not wake the second": (
        """
        items, waiters, got = [], [], []
        async def get():
            while not items:
                waiters.append(asyncio.get_running_loop().create_future())
                await waiters[-1]
            got.append(items.pop())
        def put(item):
            items.append(item)
            if len(items) == 1:
                waiters.pop(0).set_result(None)
        tasks = [asyncio.create_task(get()) for _ in range(2)]
        await asyncio.sleep(0.1)
        put(1)
        put(2)
        await asyncio.gather(*tasks)
        """,
        "",
        "nobody sets it",
        "changes `items` in line 12",
    ),
    "a hand-made event": (
        """
        waiters = []
        async def wait():
            waiters.append(asyncio.get_running_loop().create_future())
            await waiters[-1]
        async with asyncio.TaskGroup() as group:
            group.create_task(wait(), name="one")
        """,
        "",
        "nobody sets it",
        "one awaits a result in line 8 that nobody who is left will set",
    ),
    "a shielded one": (
        "todo = asyncio.Queue()\nawait asyncio.shield(asyncio.create_task(todo.get(), name='one'))",
        "",
        "nothing comes",
        "one waits for an item",
    ),
    "a shielded one that awaits a result": (
        """
        async def wait(): await asyncio.get_running_loop().create_future()
        await asyncio.wait_for(asyncio.shield(asyncio.create_task(wait(), name='one')), None)
        """,
        "",
        "nobody sets it",
        "one awaits a result in line 5",
    ),
    "two that await each other": (
        """
        tasks = []
        async def other(at): await tasks[at]
        tasks += [asyncio.create_task(other(1), name="one"), asyncio.create_task(other(0), name="two")]
        await asyncio.wait(tasks)
        """,
        "",
        "deadlock",
        "one awaits two in line 6; two awaits one in line 6",
    ),
    "a result of one that has ended": (
        """
        todo, answers = asyncio.Queue(), {}
        async def answer():
            while True:
                key = await todo.get()
                answers[key].set_result(int(key))
        async def ask(key):
            answers[key] = asyncio.get_running_loop().create_future()
            await todo.put(key)
            return await answers[key]
        reader = asyncio.create_task(answer(), name="reader")
        await asyncio.gather(ask("1"), ask("x"), ask("2"))
        """,
        "",
        "nobody sets it",
        "In line 9 reader has ended with ValueError: invalid literal",
    ),
    "a condition that nobody notifies": (
        """
        free, back = [1], asyncio.Condition()
        async def take():
            async with back:
                while not free: await back.wait()
                one = free.pop()
            await asyncio.sleep(0.1)
            async with back: free.append(one)
        await asyncio.gather(take(), take())
        """,
        "",
        "nobody sets it",
        "changes `free` in line 11, which Task-3 (main.<locals>.take) waits for in line 8, but does not notify",
    ),
    "an event": ("ready = asyncio.Event()\nawait ready.wait()", "", "nobody sets it", "waits for `ready` in line 5"),
    "an event that was cleared": (
        "ready = asyncio.Event()\nready.set()\nready.clear()\nawait ready.wait()",
        "",
        "lost wake-up",
        "cleared in line 6",
    ),
    "an item": ("todo = asyncio.Queue()\nawait todo.get()", "", "nothing comes", "an item from `todo` in line 5"),
    "room": ("todo = asyncio.Queue(1)\nfor _ in 'ab':\n    await todo.put(1)", "", "nothing comes", "room in `todo`"),
    "a queue": (
        "todo = asyncio.Queue()\nworker = asyncio.create_task(work(todo))\ntodo.put_nowait(1)\nawait todo.join()",
        WORKER,
        "missing task_done",
        "task_done() was not called for each",
    ),
    "a lock": (
        "lock = asyncio.Lock()\nawait asyncio.create_task(lock.acquire())\nasync with lock:\n    pass",
        "",
        "never released",
        "and never gave it back",
    ),
    "a lock that another task has": (
        (
            "lock = asyncio.Lock()\nasync def take(): await lock.acquire()\nawait asyncio.create_task(take())\n"
            "async with lock:\n    pass"
        ),
        "",
        "never released",
        "Task-2 (main.<locals>.take) has taken it in line 5 and never gave it back",
    ),
    "a lock that it has itself": (
        (
            "lock = asyncio.Lock()\nasync def inner():\n    async with lock: pass\n"
            "other = asyncio.create_task(inner())\nasync with lock:\n    await inner()"
        ),
        "",
        "self-deadlock",
        "takes `lock` in line 6, but holds it already, since line 8",
    ),
    "a lock that is kept by who waits": (
        (
            "lock = asyncio.Lock()\nasync def inner():\n    async with lock: pass\n"
            "async with lock:\n    await asyncio.gather(inner())"
        ),
        "",
        "deadlock",
        "Task-1 (main) has taken it in line 7 and keeps it while it waits itself, for a result in line 8",
    ),
    "two locks": (
        "a, b = asyncio.Lock(), asyncio.Lock()\nawait asyncio.gather(both(a, b), both(b, a))",
        BOTH,
        "deadlock",
        "keeps `one` and waits for `two` in line 6",
    ),
    "a lock, within an asynchronous generator": (
        "lock = asyncio.Lock()\nasync with lock:\n    async for _ in rows(lock): pass",
        "async def rows(lock):\n    async with lock: yield 1",
        "self-deadlock",
        "takes `lock` in line 3, but holds it already, since line 6",
    ),
    "a result": ("await asyncio.get_running_loop().create_future()", "", "nobody sets it", "awaits a result in line 4"),
    "its own loop": (
        "loop = asyncio.get_running_loop()\nasyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()",
        "",
        "waits for itself",
        "without `await`",
    ),
    "a thread that does not wake it": (
        "future = asyncio.Future()\nthreading.Thread(target=lambda: future.set_result(1)).start()\nawait future",
        "",
        "loop used from another thread",
        "calls `future.set_result(1)` in line 5",
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of bugs
@pytest.mark.parametrize("name", HANGS)
def test_it_says_what_a_task_waits_for(name: str, tmp_path: Path) -> None:
    body, before, kind, says = HANGS[name]
    told = check(tmp_path, body, before).told
    assert told is not None
    assert told.finding.kind == kind
    assert says in told.finding.why


def test_a_program_that_passes_is_told_that_a_thread_uses_its_loop(tmp_path: Path) -> None:
    body = """
    todo = asyncio.Queue()
    getter = asyncio.create_task(todo.get())
    await asyncio.sleep(0)
    threading.Thread(target=lambda: todo.put_nowait(1)).start()
    await asyncio.sleep(1)
    assert await getter == 1
    """
    checked = check(tmp_path, body)
    assert checked.verdict.word == "passed"
    assert [note.kind for note in checked.notes] == ["loop used from another thread"]
