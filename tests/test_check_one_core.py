"""A search stays on one core, and neither the program that is checked nor anybody afterwards notices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from plait._check import one_core
from plait._check.explore import Result, explore_script
from plait._check.one_core import OneCore

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot keep a thread on a core"),
]


def explored(folder: Path, source: str) -> Result:
    file = folder / "program.py"
    file.write_text(dedent(source))
    return explore_script(file, runs=5, seconds=None)


def test_a_search_has_one_core_and_gives_the_others_back() -> None:
    before = os.sched_getaffinity(0), os.sched_getscheduler(0)
    with OneCore():
        assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getscheduler(0) == os.SCHED_BATCH
    assert (os.sched_getaffinity(0), os.sched_getscheduler(0)) == before


def test_the_program_sees_all_cores_and_those_it_starts_get_them(tmp_path: Path) -> None:
    result = explored(
        tmp_path,
        f"""
        import os, subprocess, sys, threading
        expected = {os.sched_getaffinity(0)!r}, {os.sched_getscheduler(0)!r}
        ask = "import os; print((os.sched_getaffinity(0), os.sched_getscheduler(0)))"
        def check():
            assert os.sched_getaffinity(0) == os.sched_getaffinity(os.getpid()) == expected[0]
        thread = threading.Thread(target=check)
        thread.start()
        thread.join()
        assert eval(subprocess.run([sys.executable, "-c", ask], stdout=subprocess.PIPE).stdout) == expected
        here, there = os.pipe()
        if not os.fork():
            os.write(there, repr((len(os.sched_getaffinity(0)), os.sched_getscheduler(0))).encode())
            os.kill(os.getpid(), 9)
        assert eval(os.read(here, 100)) == (len(expected[0]), expected[1])
        os.wait()
        os.close(here)
        os.close(there)
        """,
    )
    assert result.verdict.word == "passed", result.record and result.record.failure


@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: [0])(0)) < 2, reason="there is one core only")
def test_it_moves_when_others_want_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_core, "_LOOK", 0.0)
    monkeypatch.setattr(one_core, "_ENOUGH", 1e9)  # as if it had got nothing of it
    with OneCore() as core:
        seen = set()
        for _ in range(10):
            seen |= os.sched_getaffinity(0)
            core.look()
    assert len(seen) > 1


def test_where_the_system_forbids_it_the_search_has_all_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError("not in this sandbox")

    before = os.sched_getaffinity(0)
    for name in ("sched_setaffinity", "sched_setscheduler"):
        monkeypatch.setattr(os, name, forbidden)
        with OneCore():
            pass
        assert explored(tmp_path, "print(1)").verdict.word == "passed"
    assert os.sched_getaffinity(0) == before


def test_a_program_of_one_core_keeps_it() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + dedent(
        """
        from plait._check.one_core import OneCore
        before = os.sched_getaffinity(0)
        with OneCore() as core:
            core.look()
            assert os.sched_getaffinity(0) == before
        assert os.sched_getaffinity(0) == before
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: [0])(0)) < 2, reason="there is one core only")
def test_it_leaves_the_core_of_another_search_to_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_core, "_LOOK", 0.0)
    monkeypatch.setattr(one_core, "_ENOUGH", 1e9)  # as if it had got nothing of it
    for taken in os.sched_getaffinity(0):
        asked = "import os, sys; os.sched_setaffinity(0, {" + str(taken) + "}); print(); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with OneCore(other.pid) as core:
                for _ in range(5):
                    assert os.sched_getaffinity(0) != {taken}
                    core.look()
            other.communicate("")
