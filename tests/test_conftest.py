"""The surroundings that the tests make for themselves."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = "import signal; print([signal.getsignal(n) is signal.SIG_IGN for n in (2, 1, 3)])"
_IGNORING = f"""
import signal, subprocess, sys
for number in (2, 1, 3):
    signal.signal(number, signal.SIG_IGN)
sys.path.insert(0, {str(Path(__file__).parent)!r})
import conftest
conftest.pytest_configure()
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
signal.raise_signal(signal.SIGHUP)
subprocess.run([sys.executable, "-c", {_CHILD!r}], check=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no signals that a shell could ignore")
def test_signals_that_a_shell_ignores_for_its_background_jobs_are_heard() -> None:
    run = subprocess.run([sys.executable, "-c", _IGNORING], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("[False, False, False]\n", "")
