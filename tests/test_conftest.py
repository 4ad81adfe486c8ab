"""The surroundings that the tests make for themselves."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import plait

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


def pytests(_: int) -> list[str]:
    """Where pytest is found before and after more of it is wanted than marks."""
    before = str(sys.modules["pytest"].__file__)
    with pytest.raises(ValueError):
        raise ValueError
    return [Path(file).parent.name for file in (before, str(sys.modules["pytest"].__file__))]


def test_a_worker_imports_pytest_when_it_needs_it() -> None:
    assert list(plait.map(pytests, [0], engine="process", workers=1)) == [["in_workers", "pytest"]]


_CHILDREN = """
import subprocess, sys
from plait._engines.facts import descendants, has_children

found = [has_children()]
with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
    found += [has_children(), descendants() == {child.pid}]
    child.stdin.close()
    while child.poll() is None:
        found[1] = found[1] and has_children()
print(found, has_children())
"""


def test_whether_a_process_has_children_is_known_without_a_list_of_all() -> None:
    run = subprocess.run([sys.executable, "-c", _CHILDREN], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("[False, True, True] False\n", "")
