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
    ends = []
    for engine in (plait.engines.ProcessEngine(), plait.engines.ProcessEngine(portable=True)):
        outcomes = plait.map(ask, ["reads", "prints", "sets"], engine=engine, workers=1).outcomes()
        ends += [f"{outcome.input}:{type(outcome.error).__name__}" for outcome in outcomes]
        engine.close()
    print(*ends)  # what workers print has come before
"""
SPAWN = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))"


@pytest.mark.skipif(sys.platform == "win32", reason="its terminals stop nobody")
def test_a_worker_that_asks_the_terminal_is_not_stopped_for_ever(tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text(ASKS)
    command = [sys.executable, "-c", SPAWN, sys.executable, str(tmp_path / "asks.py")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["printed"] * 2 + ["reads:OSError", "prints:NoneType", "sets:NoneType"] * 2
