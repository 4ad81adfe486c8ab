"""plait's own concurrent code under plait's own check: channels, scopes, maps on threads, the journal."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import plait
from plait._check import explore
from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget
from plait._check.programs.function_program import own_files
from plait._check.programs.program import Script

pytestmark = pytest.mark.usefixtures("nothing_left")

RUNS = int(os.environ.get("PLAIT_OWN_RUNS", "6"))  # schedules for each program
OURS = ("plait",)

PROGRAMS = {
    "a channel between threads": """
        items, got = plait.channel(2), []
        def produce(base):
            for x in range(2):
                items.put(base + x)
        def consume():
            for x in items:
                got.append(x)
        makers = [threading.Thread(target=produce, args=(base,)) for base in (0, 10)]
        takers = [threading.Thread(target=consume) for _ in range(2)]
        for thread in makers + takers: thread.start()
        for thread in makers: thread.join()
        items.close()
        for thread in takers: thread.join()
        assert sorted(got) == [0, 1, 10, 11], got
        """,
    "a channel between a thread and a task": """
        import asyncio
        items = plait.channel(1)
        def produce():
            for x in range(3):
                items.put(x)
            items.close()
        async def main():
            thread = threading.Thread(target=produce)
            thread.start()
            assert [x async for x in items] == [0, 1, 2]
            await asyncio.to_thread(thread.join)
        asyncio.run(main())
        """,
    "a map on threads": """
        with plait.map(str, range(6), engine="thread", workers=2) as stream:
            assert list(stream) == ["0", "1", "2", "3", "4", "5"]
        """,
    "a map on threads that fails": """
        def half(x):
            if x == 2:
                raise ValueError(x)
            return x // 2
        outcomes = list(plait.map(half, range(4), engine="thread", workers=2).outcomes())
        assert [one.ok for one in outcomes] == [True, True, False, True]
        """,
    "a map that is left early": """
        for value in plait.map(str, range(100), engine="thread", workers=2):
            if value == "3":
                break
        """,
    "a scope": """
        with plait.scope() as scope:
            futures = [scope.submit(str, x) for x in range(3)]
        assert [future.result() for future in futures] == ["0", "1", "2"]
        """,
    "calls that come as the only worker goes to rest": """
        import time
        began = time.monotonic()
        with plait.scope(workers=1) as scope:
            for x in range(4):
                assert scope.submit(str, x).result() == str(x)
        assert time.monotonic() - began < 1, "a call waited for the driver to look after it"
        """,
    "a scope whose task fails": """
        def fail():
            raise ValueError("no")
        try:
            with plait.scope() as scope:
                waiting = scope.submit(plait.channel(1).get)
                scope.submit(fail)
        except ValueError:
            assert waiting.done()
        else:
            raise AssertionError("the error of the task was lost")
        """,
    "a pool": """
        with plait.Pool("thread", workers=2) as pool:
            futures = [pool.submit(str, x) for x in range(3)]
            assert [future.result() for future in futures] == ["0", "1", "2"]
        """,
    "a map with a journal": """
        import tempfile, os
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.sqlite")
            for _ in range(2):
                assert list(plait.map(len, ["a", "bb"], engine="thread", workers=2, journal=path)) == [1, 2]
        """,
}


@pytest.fixture(autouse=True)
def _frozen_by_the_search(nothing_left: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let it freeze what it keeps: these programs collect garbage under locks, which else looks through all of that."""
    monkeypatch.setattr(explore, "_program_freezes", lambda: False)
    yield
    gc.freeze()  # it has thawed what the test run keeps, too


def check(folder: Path, source: str, runs: int) -> Checked:
    file = folder / "program.py"
    file.write_text("import threading\nimport plait\n" + dedent(source))
    mine = own_files(str(file), OURS)
    return search(
        Subject(lambda fresh: Script(str(file), (), fresh), mine), Budget(runs, None), seed=1, scheduler="rotation"
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_schedule_breaks_it(name: str, tmp_path: Path) -> None:
    checked = check(tmp_path, PROGRAMS[name], RUNS)
    assert checked.told is None, checked.told and checked.told.finding
    assert checked.verdict.word in ("passed", "inconclusive"), checked.verdict
    assert checked.coverage.accesses > 50, "our own code was not observed"
    assert checked.coverage.threads > 1


def test_a_race_in_our_own_code_would_be_found(tmp_path: Path) -> None:
    """The accounts of a run have no lock: they are its driver's."""
    checked = check(
        tmp_path,
        """
        from collections import deque
        from plait._core.batch import Batch
        from plait._run.accounts import Accounts
        accounts = Accounts(deque([(0, "ab")]))
        threads = [threading.Thread(target=accounts.settle, args=(Batch(x, "x"),)) for x in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        left = [piece.base for piece in accounts.unended()]
        assert not left, left
        """,
        200,
    )
    assert checked.verdict.word == "failed"
    assert checked.told is not None
    assert "changed by another thread" in checked.told.finding.title


def test_in_a_checkout_of_ours_our_files_are_not_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(plait.__file__).parents[2])
    mine = own_files(str(tmp_path / "app.py"))
    assert mine(str(tmp_path / "app.py"))
    assert mine(os.path.abspath("setup.py"))
    assert not mine(plait.__file__)
    assert not mine(os.path.join(os.path.dirname(plait.__file__), "_run", "map.py"))
    assert own_files(str(tmp_path / "app.py"), ("plait._run",))(str(Path(plait.__file__).parent / "_run" / "map.py"))
