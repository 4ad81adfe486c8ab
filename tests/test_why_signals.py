"""``plait why`` on programs with handlers of signals, which may end a wait that no thread is left to end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONG = 30.0  # seconds
WAITS = "stop = threading.Event()\n{}\nstop.wait()\n"
HANDLES = "signal.signal(signal.SIGTERM, lambda *_: stop.set())"
PYSPY = shutil.which("py-spy", path=sysconfig.get_path("scripts"))

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]
EITHER_WAY = pytest.mark.parametrize(
    "imports",
    [
        "import signal, threading, plait",
        pytest.param("import signal, threading", marks=pytest.mark.skipif(PYSPY is None, reason="needs py-spy")),
    ],
    ids=["watchdog", "outside"],
)


@EITHER_WAY
def test_who_waits_for_a_signal_does_not_hang_for_certain(tmp_path: Path, imports: str) -> None:
    said = _said(tmp_path, f"{imports}\n{WAITS.format(HANDLES)}", "Nobody sets stop, unless at a signal\n")
    assert "handler of SIGTERM may" in said, said


@EITHER_WAY
@pytest.mark.parametrize("others", ["", "import faulthandler; faulthandler.enable()"])
def test_handlers_of_python_itself_are_none(tmp_path: Path, imports: str, others: str) -> None:
    said = _said(tmp_path, f"{imports}\n{WAITS.format(others)}", "Nobody sets stop\n")
    assert "handler of" not in said, said


@EITHER_WAY
def test_a_lock_is_not_let_go_by_a_handler(tmp_path: Path, imports: str) -> None:
    program = f"{imports}\nlock = threading.Lock()\n{HANDLES}\nlock.acquire()\nlock.acquire()\n"
    said = _said(tmp_path, program, "MainThread waits for itself\n")
    assert "only it could let go." in said, said


def _said(folder: Path, program: str, title: str) -> str:
    """What is said of a program once it has come to its wait."""
    file = folder / "app.py"
    file.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PLAIT_WATCHDOG": "1000"}
    running = subprocess.Popen([sys.executable, str(file)], env=environment, process_group=0)
    command = [sys.executable, "-m", "plait", "why", str(running.pid)]
    deadline = time.monotonic() + LONG
    said = ""
    try:
        while not said.startswith(title) and time.monotonic() < deadline:
            said = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False).stdout
    finally:
        os.killpg(running.pid, 9)
        running.wait()
    assert said.startswith(title), said
    return said
