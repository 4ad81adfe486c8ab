"""Of a process with several interpreters the newest is seen from outside: the answer says so, and what else there is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from told import EITHER_WAY, PYSPY, said_of

from plait._see.why.dump import OTHERS
from plait._see.why.words import NOTHING

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.skipif(sys.version_info < (3, 14), reason="there is no module of interpreters"),
    pytest.mark.usefixtures("nothing_left"),
]
PROGRAM = """
import os, threading
from concurrent import interpreters

heard, said = os.pipe()

def sleeps(said):
    import os, time
    os.write(said, b".")
    time.sleep(100)

def sticks(said):
    import os, threading
    done = threading.Event()
    os.write(said, b".")
    done.wait()

def run():
    interpreters.create().call({inner}, said)

if __name__ == "__main__":
    lock = threading.Lock()
    lock.acquire()
    threading.Thread(target=run, daemon=True).start()
    os.read(heard, 1)
    lock.acquire()
"""


@pytest.mark.skipif(PYSPY is None, reason="needs py-spy")
def test_that_the_others_are_not_seen_is_said(tmp_path: Path) -> None:
    said = said_of(tmp_path, PROGRAM.format(inner="sleeps"), NOTHING, (OTHERS, "waits for a lock"))
    seen, _, unseen = said.partition(OTHERS)
    assert "sleeps" in seen
    assert "(python" in unseen


@pytest.mark.skipif(PYSPY is None, reason="needs py-spy")
def test_nobody_is_said_to_be_left_of_those_that_are_seen(tmp_path: Path) -> None:
    said = said_of(tmp_path, PROGRAM.format(inner="sticks"), "Nobody sets done", (OTHERS,))
    assert "No other thread that is seen is left" in said.replace("\n", " ")


@EITHER_WAY
def test_without_interpreters_nothing_is_missing(watchdog: str, tmp_path: Path) -> None:
    program = watchdog + "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n"
    assert OTHERS not in said_of(tmp_path, program, "MainThread waits for itself")
