"""What the commands do when there is nowhere to write to: a closed stream is no reason to fail, a full disk is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full"),
]

LOSES = """
import threading
total = 0
def add():
    global total
    seen = total
    total = seen + 1
threads = [threading.Thread(target=add) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert total == 2
"""
COMMANDS = {
    "check": (["check", "loses.py"], 1),
    "check --json": (["check", "--json", "loses.py"], 1),
    "trace": (["trace", "quiet.py", "-o", "run.html"], 0),
    "doctor": (["doctor"], 0),
    "advise": (["advise", "work.py:double", "--seconds", "0.1", ":::", "1", "2"], 0),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loses.py").write_text(LOSES)
    (tmp_path / "quiet.py").write_text("import threading\nthreading.Event().wait(0.01)\n")
    (tmp_path / "work.py").write_text("def double(x):\n    return 2 * x\n")
    return tmp_path


def plait(folder: Path, arguments: list[str], redirection: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m plait "$@" {redirection}', sys.executable, *arguments],
        capture_output=True, text=True, cwd=folder, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize("name", COMMANDS)
def test_closed_streams_change_nothing_but_what_is_seen(folder: Path, name: str, redirection: str) -> None:
    arguments, status = COMMANDS[name]
    done = plait(folder, arguments, redirection)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if name == "trace":
        assert "plait" in (folder / "run.html").read_text(encoding="utf-8")
        assert "ended by somebody else" not in done.stderr


@pytest.mark.parametrize("name", ["check", "check --json", "doctor", "advise"])
def test_a_full_disk_is_said_once(folder: Path, name: str) -> None:
    done = plait(folder, COMMANDS[name][0], "> /dev/full")
    assert done.returncode not in (0, 1)
    assert done.stderr.count("Error: cannot write to standard output: No space left on device") == 1
    assert "Traceback" not in done.stderr


def test_a_page_that_cannot_be_written_is_said(folder: Path) -> None:
    assert plait(folder, COMMANDS["trace"][0], "").returncode == 0
    done = plait(folder, ["show", "run.html", "--to", "perfetto", "-o", "no/such/folder.json"], "")
    assert "Error: cannot write 'no/such/folder.json': No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_findings_that_cannot_be_written_are_said(folder: Path) -> None:
    done = plait(folder, ["check", "--html", "no/such/page.html", "loses.py"], "")
    assert done.returncode == 2
    assert done.stderr.count("Error: cannot write 'no/such/page.html': No such file or directory") == 1
    assert "Traceback" not in done.stderr
