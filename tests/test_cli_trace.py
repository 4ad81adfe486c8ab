"""``plait trace`` and ``plait show`` as commands: the program's own output and status, the summary, the files."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("nothing_left")

PROGRAM = """
import sys, threading, time
time.sleep(0.1)
lock = threading.Lock()
assert __name__ == "__main__"
print("arguments", sys.argv[1:])
sys.exit(7)
"""


def plait(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "plait", *words], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("words", [["-o", "run.html", "app.py", "a", "b"], ["app.py", "a", "b", "-o", "run.html"]])
def test_a_script(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    done = plait(tmp_path, "trace", *words)
    assert done.stdout == "arguments ['a', 'b']\n"
    assert done.returncode == 7
    assert done.stderr.startswith("app.py a b: ")
    assert done.stderr.endswith("written: run.html\n")
    shown = plait(tmp_path, "show", "run.html")
    assert shown.returncode == 0
    assert "MainThread" in shown.stdout
    plait(tmp_path, "show", "run.html", "--to", "perfetto", "-o", "run.json")
    assert plait(tmp_path, "show", "run.json").stdout == shown.stdout


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("200", 200), ("5", 40)])
def test_text_is_as_wide_as_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    plait(tmp_path, "trace", "-o", "run.json", "app.py")
    monkeypatch.setenv("COLUMNS", columns)
    lines = plait(tmp_path, "show", "run.json").stdout.splitlines()
    assert max(map(len, lines)) == width


def test_sentences_break_at_words_in_a_terminal_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    assert max(map(len, plait(tmp_path, "trace", "app.py").stderr.splitlines())) > 40
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": "40"}
    words = [sys.executable, "-m", "plait", "trace", "app.py"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=child, env=environment):
        os.close(child)
        with open(parent, encoding="utf-8") as terminal, suppress(OSError):  # EIO where the last writer is gone
            lines = [terminal.readline().rstrip()]
            while not lines[-1].startswith("written: "):
                lines.append(terminal.readline().rstrip())
    assert max(map(len, lines)) <= 40
    assert " ".join(line.strip() for line in lines).startswith("app.py: ")
    assert any(line.startswith("  ") for line in lines)


@pytest.mark.parametrize(
    ("words", "arguments", "written"),
    [
        (["-m", "app", "--jobs", "3"], ["--jobs", "3"], "trace.html"),
        (["-o", "run.txt", "-mapp", "-o", "out.csv"], ["-o", "out.csv"], "run.txt"),
        (["-m", "app", "-o", "run.html"], [], "run.html"),
        (["app.py", "--fast", "-o", "out.csv"], ["--fast", "-o", "out.csv"], "trace.html"),
    ],
)
def test_options_behind_the_program_are_its_own(
    tmp_path: Path, words: list[str], arguments: list[str], written: str
) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    done = plait(tmp_path, "trace", *words)
    assert done.stdout == f"arguments {arguments}\n"
    assert done.returncode == 7
    assert (tmp_path / written).exists()


def test_a_module_and_an_exception(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise KeyError('lost')\n")
    done = plait(tmp_path, "trace", "-m", "broken")
    assert done.returncode == 1
    assert "KeyError: 'lost'" in done.stderr
    assert (tmp_path / "trace.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no.py"], "there is no file 'no.py'"),
        (["app"], "there is no file 'app'; did you mean 'app.py'?"),
        (["app.py:main"], "a function is traced in a program: with plait.trace('run.html'): main()"),
        ([], "what should be traced?"),
        (["-o", "x.svg", "no.py"], "ends in .html"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "app.py").write_text("def main(): ...\n")
    done = plait(tmp_path, "trace", *words)
    assert said in done.stderr
    assert done.returncode == 255
