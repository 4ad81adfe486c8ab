"""``plait why`` on programs with handlers of signals, which may end a wait that no thread is left to end."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from told import EITHER_WAY, said_of

IMPORTS = "import signal, threading\n"
WAITS = "stop = threading.Event()\n{}\nstop.wait()\n"
HANDLES = "signal.signal(signal.SIGTERM, lambda *_: stop.set())"

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]


@EITHER_WAY
def test_who_waits_for_a_signal_does_not_hang_for_certain(tmp_path: Path, watchdog: str) -> None:
    program = watchdog + IMPORTS + WAITS.format(HANDLES)
    said = said_of(tmp_path, program, "Nobody sets stop, unless at a signal\n")
    # a watchdog that has just begun is asked from outside, and has taken SIGQUIT before its thread has a name
    assert re.search(r"handler of (SIGQUIT or )?SIGTERM may", " ".join(said.split())), said


@EITHER_WAY
@pytest.mark.parametrize("others", ["", "import faulthandler; faulthandler.enable()"])
def test_handlers_of_python_itself_are_none(tmp_path: Path, watchdog: str, others: str) -> None:
    said = said_of(tmp_path, watchdog + IMPORTS + WAITS.format(others), "Nobody sets stop\n")
    assert "handler of" not in said, said


@EITHER_WAY
def test_a_lock_is_not_let_go_by_a_handler(tmp_path: Path, watchdog: str) -> None:
    program = f"{watchdog}{IMPORTS}lock = threading.Lock()\n{HANDLES}\nlock.acquire()\nlock.acquire()\n"
    said = said_of(tmp_path, program, "MainThread waits for itself\n")
    assert "only it could let go." in " ".join(said.split()), said
