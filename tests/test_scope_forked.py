"""A child that is forked in the block of a scope: it waits for nothing, and is told what it cannot have."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

ENGINES = ["thread", "process", "inline"]


def program(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import asyncio, os, sys, time, plait\n" + dedent(text), *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_it_leaves_the_block_at_once(engine: str) -> None:
    done = program(
        """
        with plait.scope(sys.argv[1], workers=1) as s:
            s.submit(time.sleep, 0.2)
            if os.fork() == 0:
                sys.exit(7)
            print(os.waitstatus_to_exitcode(os.wait()[1]))
        """,
        engine,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="asyncio.run of CPython 3.14 hangs in a child forked in it")
def test_it_leaves_an_async_block_at_once() -> None:
    done = program(
        """
        async def main():
            async with plait.scope(workers=1) as s:
                s.submit(time.sleep, 0.2)
                s.submit(asyncio.sleep, 0.2)
                if os.fork() == 0:
                    sys.exit(7)
                print(os.waitstatus_to_exitcode(os.wait()[1]))
        asyncio.run(main())
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_it_is_told_that_the_tasks_run_elsewhere(engine: str) -> None:
    done = program(
        """
        child = -1
        try:
            with plait.scope(sys.argv[1], workers=1) as s:
                ended = s.submit(abs, -3)
                ended.result()
                running = s.submit(time.sleep, 0.2)
                child = os.fork()
                if child:
                    assert os.waitpid(child, 0)[1] == 0
                else:
                    print(ended.result())
                    for attempt in (running.result, lambda: s.submit(abs, 1)):
                        try:
                            attempt()
                        except plait.errors.PlaitError as error:
                            print(error)
        except plait.errors.PlaitError as error:
            print("left:", error)
        if child:
            print("parent:", running.result())
        """,
        engine,
    )
    elsewhere = "this scope was opened by the process that forked this one; only there its tasks can go on"
    assert done.stdout.splitlines() == [
        "3",
        "sleep(0.2) runs in the process that forked this one, and only there",
        elsewhere,
        f"left: {elsewhere}",
        "parent: None",
    ], done.stderr


def test_it_goes_on_after_a_block_in_which_nothing_ran() -> None:
    done = program(
        """
        with plait.scope() as s:
            result = s.submit(abs, -3).result()
            child = os.fork()
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        with plait.scope() as s:
            assert s.submit(abs, -result).result() == 3
        sys.exit(9)
        """
    )
    assert (done.returncode, done.stderr) == (9, "")
