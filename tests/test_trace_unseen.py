"""A trace is not seen by the program: no thread to join or to count, nothing that a forked child does for its parent."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest

import plait
from plait._see.unseen_thread import UnseenThread

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_nobody_counts_or_joins_a_thread_of_the_trace() -> None:
    seen = []

    async def main() -> None:
        seen.append(set(threading.enumerate()))
        time.sleep(0.06)  # noqa: ASYNC251  long enough to be looked at
        seen.append(set(threading.enumerate()))

    before = set(threading.enumerate())
    with plait.trace() as trace:
        seen.append(set(threading.enumerate()))
        asyncio.run(main())
        seen.append(set(threading.enumerate()))
    assert seen == [before] * 4
    assert not any("watch" in lane.name for lane in trace.lanes)


FORKS = """
import asyncio, os, plait
with plait.trace():
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        asyncio.run(asyncio.sleep(0))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_program_of_one_thread_may_fork() -> None:
    """Python 3.12 and later warn of a fork where the system counts more threads than one."""
    words = [sys.executable, "-W", "always::DeprecationWarning:__main__", "-c", FORKS]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stderr == ""


def test_an_unseen_thread_begins_and_ends_again() -> None:
    looked = threading.Event()
    thread = UnseenThread(looked.set, 0.001)
    thread.stop()
    for _ in range(3):
        looked.clear()
        thread.start()
        thread.start()
        assert looked.wait(10)
        thread.stop()
    looked.clear()
    thread.stop()
    assert not looked.is_set()
