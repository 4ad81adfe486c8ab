"""The same seeds give the same executions: event for event, in any process, on every Python."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from plait._check.explore import explore_script
from plait._check.record import Record
from plait._schedulers.replay import ReplayScheduler

PROGRAMS = {
    "threads": """
        import threading
        class Account:
            def __init__(self):
                self.balance, self.lock, self.log = 0, threading.Lock(), []
            def pay(self, amount):
                for _ in range(2):
                    with self.lock:
                        self.balance += amount
                    self.log.append(amount)
        account = Account()
        threads = [threading.Thread(target=account.pay, args=(n,)) for n in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """,
    "queues": """
        import queue, threading, time
        jobs, done = queue.Queue(2), {}
        def work():
            while (job := jobs.get()) is not None:
                time.sleep(job)
                done[job] = threading.current_thread().name
        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers: worker.start()
        for n in range(4): jobs.put(n)
        for _ in workers: jobs.put(None)
        for worker in workers: worker.join()
        event, barrier = threading.Event(), threading.Barrier(2)
        timer = threading.Timer(1, event.set)
        timer.start()
        threading.Thread(target=barrier.wait).start()
        barrier.wait()
        assert event.wait(5)
    """,
    "tasks": """
        import asyncio
        seen = []
        async def step(n):
            for _ in range(2):
                await asyncio.sleep(n % 2)
                seen.append(n)
        async def main():
            await asyncio.gather(*map(step, range(3)))
        asyncio.run(main())
    """,
    "pools": """
        from concurrent.futures import ThreadPoolExecutor, as_completed, wait
        total = {"n": 0}
        def add(n):
            total["n"] += n
            return n
        with ThreadPoolExecutor(3) as pool:
            found = [future.result() for future in as_completed([pool.submit(add, n) for n in range(4)])]
            done, _ = wait([pool.submit(add, n) for n in range(2)])
            found += [future.result() for future in done]
        assert sum(found) == 7
    """,
}

# The same on CPython 3.11 to 3.15, where the pools of the standard library differ and so have none. A change of one is a change of what every token means: say so in CHANGELOG.md.
DIGESTS = {
    "threads": "72604bc9854e4151",
    "queues": "b7838417219021b1",
    "tasks": "a11bdd6d0198880d",
}


SETS = """
    import asyncio
    order = []
    async def work(name):
        try:
            await asyncio.sleep(9)
        finally:
            order.append(name)
    async def fail():
        await asyncio.sleep(1)
        raise KeyError
    async def main():
        try:
            async with asyncio.TaskGroup() as group:  # which cancels the others
                for name in "abcdefg":
                    group.create_task(work(name))
                group.create_task(fail())
        except* KeyError:
            pass
        for each in asyncio.as_completed([work(name) for name in "hijklmn"]):
            await each
        loop = asyncio.get_running_loop()
        futures = {loop.create_future(): name for name in "opqrst"}
        for future in futures:
            future.set_result(None)
        done, _ = await asyncio.wait(futures)
        order.extend(futures[future] for future in done)
        for name in "uvwxyz":
            asyncio.create_task(work(name))
        await asyncio.sleep(0)  # and the end of the loop cancels them
    asyncio.run(main())
    print("".join(order))
"""


def digest(file: Path) -> str:
    found = hashlib.sha256()

    def note(record: Record) -> None:
        for event in record.events:
            site = event.site and (event.site.line, event.site.column)
            found.update(repr((event.thread, event.kind.name, event.place, event.name, site)).encode())

    explore_script(file, runs=40, seconds=None, seed=7, examine=note)
    return found.hexdigest()[:16]


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / f"{request.param}.py"
    file.write_text(dedent(PROGRAMS[request.param]))
    return file


def test_the_same_in_this_process_and_on_every_python(program: Path) -> None:
    assert digest(program) == (DIGESTS.get(program.stem) or digest(program))


@pytest.mark.parametrize("program", ["tasks"], indirect=True)
def test_the_same_when_the_code_comes_from_disk(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert digest(program) == DIGESTS[program.stem]
    assert list((program.parent / "__pycache__").iterdir())
    assert digest(program) == DIGESTS[program.stem]


def test_the_same_in_another_process(program: Path) -> None:
    command = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    command += "from pathlib import Path; import logging, decimal\n"  # a process that has imported something else
    command += f"from test_check_determinism import digest; print(digest(Path({str(program)!r})))"
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    result = subprocess.run(
        [sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == digest(program)


def test_what_asyncio_keeps_in_sets_is_in_the_order_in_which_it_was_made(tmp_path: Path) -> None:
    file = tmp_path / "sets.py"
    file.write_text(dedent(SETS))
    outputs, kept = set(), []

    def note(record: Record) -> None:
        outputs.add(record.output)
        kept.append([asyncio.Future(loop=loop) for _ in range(len(outputs) + len(kept) % 7)])  # moves what comes next

    with closing(asyncio.new_event_loop()) as loop:
        explore_script(file, runs=30, seconds=None, scheduler=ReplayScheduler([]), examine=note)
    assert outputs == {"abcdefghijklmnopqrstuvwxyz\n"}


@pytest.mark.parametrize("how", ["import of_others", "importlib.import_module('of_others')"])
def test_the_first_execution_which_imports_what_others_have_written_is_like_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "of_others.py").write_text("import threading\nwith threading.Lock(): pass\n")
    monkeypatch.syspath_prepend(tmp_path / "library")
    file = tmp_path / "program" / "program.py"
    file.parent.mkdir()
    lines = ["import importlib, threading", f"def work(): {how}"]
    lines += ["threads = [threading.Thread(target=work) for _ in 'ab']"]
    file.write_text("\n".join([*lines, "for thread in threads: thread.start()"]))
    seen = []

    def note(record: Record) -> None:
        seen.append([(event.thread, event.kind, event.site and event.site.line) for event in record.events])

    explore_script(file, runs=2, seconds=None, scheduler=ReplayScheduler([]), examine=note)
    del sys.modules["of_others"]
    assert seen[0] == seen[1]
