"""Runs a program that hangs, with a watchdog or without, and asks it why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from plait._see.why.ask import why
from plait._see.why.outside import CannotLook

ROOT = Path(__file__).parent.parent
LONG = 30.0  # seconds
PYSPY = shutil.which("py-spy", path=sysconfig.get_path("scripts"))
EITHER_WAY = pytest.mark.parametrize(
    "watchdog",
    ["import plait\n", pytest.param("\n", marks=pytest.mark.skipif(PYSPY is None, reason="needs py-spy"))],
    ids=["watchdog", "outside"],
)


def come_to_rest(pid: int) -> None:
    """Return once its main thread does not compute, or after half a second: asking costs much more than it takes to begin."""
    seen = ["", "", ""]
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/schedstat") as file:
                seen = [*seen[1:], file.read().partition(" ")[0]]
        except OSError:  # no Linux, or it is gone
            return
        if seen[0] == seen[-1]:
            return
        time.sleep(0.005)  # nobody can be asked to tell when a program waits


def asked(pid: int) -> str:
    """What `plait why` prints; nothing where it cannot look. Without the command, which takes long to start."""
    try:
        return why(pid) + "\n"
    except CannotLook:
        return ""


def said_of(folder: Path, program: str, title: str, also: tuple[str, ...] = ()) -> str:
    """What `plait why` says of a program, once it has come to where it hangs: what begins with this title.

    And has these words, where a program may be said to do the same before it is there.
    """
    file = folder / "app.py"
    file.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "1000"}
    running = subprocess.Popen([sys.executable, str(file)], env=environment, process_group=0)
    deadline = time.monotonic() + LONG
    said = ""
    try:
        come_to_rest(running.pid)
        while not (said.startswith(title) and all(words in said for words in also)) and time.monotonic() < deadline:
            said = asked(running.pid)
    finally:
        os.killpg(running.pid, 9)
        running.wait()
    assert said.startswith(title), said
    assert all(words in said for words in also), (also, said)
    return said
