"""``plait advise``: what it reads, what it says in words, as JSON and as a page, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("nothing_left")

MODULE = """
import os
import subprocess
import sys
import time
print("imported")

def wait(line):
    time.sleep(0.002)
    return len(line)

def sixfold(number):
    return 6 * number

def fail(line):
    raise ValueError(line)

def leave(line):
    raise SystemExit(*[int(line)] if line.isdigit() else [])

def leave_later(line, calls=iter(range(10_000))):
    if next(calls) == 30:
        sys.exit("enough")

def vanish(line):
    os._exit(3)

def crash(line):
    import ctypes
    ctypes.string_at(0)

def interrupt(line):
    raise KeyboardInterrupt

def talk(line):
    print("printed")
    os.write(1, b"written\\n")
    if line == "line 0":
        subprocess.run(["/bin/sh", "-c", "echo echoed"], check=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work.py").write_text(MODULE)
    (tmp_path / "lines.txt").write_text("".join(f"line {n}\n" for n in range(200)))
    (tmp_path / "numbers.jsonl").write_text("1\n2\n3\n")
    return tmp_path


def run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plait", "advise", *arguments, "--seconds", "0.4"],
        input=stdin, capture_output=True, text=True, encoding="utf-8", cwd=folder, timeout=60, check=False,
        env={"PYTHONIOENCODING": "utf-8", "PATH": "", "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip


def test_the_answer_comes_first(folder):
    done = run(folder, "work:wait", "lines.txt", "--html", "advice.html")
    assert (done.returncode, done.stderr) == (0, "imported\n" * done.stderr.count("imported"))
    first, *rest = done.stdout.splitlines()
    assert first.startswith('wait: use engine="thread" with ')
    assert re.match(r"One call: [2-4] ms, \d % of it computing", rest[0])
    assert any(line.startswith("engine") and line.endswith("200 items") for line in rest)
    assert "█" in done.stdout
    assert "<svg" in (folder / "advice.html").read_text(encoding="utf-8")


def test_json_from_json_lines_and_standard_input(folder):
    done = run(folder, "work:sixfold", "numbers.jsonl", "--jsonl", "--json", "--total", "1000000")
    found = json.loads(done.stdout)
    assert found["items"] == 1_000_000
    assert found["profile"]["calls"] > 100
    done = run(folder, "work.py:wait", "--json", stdin="a\nb\n")
    assert json.loads(done.stdout)["engine"] in ("inline", "thread", "process")


def test_arguments_as_items(folder):
    assert run(folder, "work:wait", ":::", "a", "b").stdout.startswith("wait: use")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["work:fail", "lines.txt"], "cannot be measured, because it fails: ValueError: line 0"),
        (["work:fail", "lines.txt"], "plait: raised while it was measured with the item 'line 0', at work.py:"),
        (["work:leave", ":::", "3"], "work:leave cannot be measured, because it fails: SystemExit: 3\n"),
        (["work:leave", ":::", "x"], "because it fails: SystemExit\n"),
        (["work:leave_later", ":::", "x"], "because it fails: SystemExit: enough\n"),
        (
            ["work:vanish", "lines.txt"],
            "work:vanish cannot be measured, because it ends the process: os._exit(3) at work.py:",
        ),
        (["wait", "lines.txt"], "expected module:function, module:Class.method or file.py:function"),
        (["work:wait", "nowhere.txt"], "cannot read 'nowhere.txt'"),
        (["work:wate", "lines.txt"], "did you mean 'wait'?"),
        (["work:wait", "-"], "there is no item to measure with: name a file that has one a line, or write :::"),
        (["work:sixfold", "lines.txt", "--jsonl"], "not JSON"),
        (["work:fail", "lines.txt", "--html", "no/where.html"], "cannot write 'no/where.html': No such file"),
    ],
)
def test_what_cannot_begin_is_said(folder, arguments, said):
    done = run(folder, *arguments)
    assert done.returncode == 255
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_crash_is_told_at_its_line(folder):
    done = run(folder, "work:crash", "lines.txt")
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr
    assert re.search(r'work.py", line \d+ in crash', done.stderr)


def test_what_the_function_prints_is_no_part_of_the_answer(folder):
    done = run(folder, "work:talk", "lines.txt", "--json")
    assert json.loads(done.stdout)["function"] == "talk"
    assert {"imported", "printed", "written", "echoed"} <= set(done.stderr.split())


def test_an_interrupt_is_no_failure(folder):
    assert run(folder, "work:interrupt", "lines.txt").returncode == 130
