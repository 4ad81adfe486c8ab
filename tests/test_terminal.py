"""Functions that ask the terminal for something, in worker processes, which are not what it has in its foreground."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ASKS = """
import os, subprocess, sys
import plait

def ask(how):
    if how == "reads":
        return open("/dev/tty").readline()
    if how == "prints":
        print("printed", flush=True)
    else:
        subprocess.run("stty echo < /dev/tty", shell=True, stderr=subprocess.DEVNULL)

if __name__ == "__main__":
    subprocess.run(["stty", "tostop"], check=True)  # whoever prints in the background is stopped, too
    for engine in (plait.engines.ProcessEngine(), plait.engines.ProcessEngine(portable=True)):
        for outcome in plait.map(ask, ["reads", "prints", "sets"], engine=engine, workers=1).outcomes():
            print(outcome.input, type(outcome.error).__name__)
        engine.close()
"""
SPAWN = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))"


@pytest.mark.skipif(sys.platform == "win32", reason="its terminals stop nobody")
def test_a_worker_that_asks_the_terminal_is_not_stopped_for_ever(tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text(ASKS)
    command = [sys.executable, "-c", SPAWN, sys.executable, str(tmp_path / "asks.py")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
    words = ["reads", "OSError", "printed", "prints", "NoneType", "sets", "NoneType"]
    assert sorted(done.stdout.split()) == sorted(words * 2)  # what a worker prints comes at any time
