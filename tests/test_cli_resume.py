"""``plait map --journal --resume --retry-failed``, for functions and commands, also after SIGKILL."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from marked import MARK, marked_processes

pytestmark = pytest.mark.usefixtures("nothing_left")

TOOLS = """
import os, time

def work(x):
    with open("ran", "a") as file:
        file.write(x + "\\n")
    if x == "bad":
        raise ValueError(f"{x} is bad")
    return {"of": x, "is": len(x)}

def slow(x):
    with open("ran", "a") as file:
        file.write(x + "\\n")
    time.sleep(0.01)
    return "x" * int(x)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tools.py").write_text(TOOLS)
    return tmp_path


def plait(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "plait", "map", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=folder, timeout=60, check=False)


def ran(folder: Path) -> list[str]:
    path = folder / "ran"
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize("engine", ["inline", "thread", "process", "auto"])
def test_a_resumed_run_puts_out_what_was_recorded(folder, engine):
    arguments = ("tools:work", "--engine", engine, "--journal", "run.sqlite")
    first = plait(folder, *arguments, stdin="a\nbad\nccc\n")
    again = plait(folder, *arguments, "--resume", stdin="a\nbad\nccc\n")
    assert first.returncode == again.returncode == 1
    assert [json.loads(line)["index"] for line in again.stdout.splitlines()] == [0, 1, 2]
    assert _plain(again.stdout) == _plain(first.stdout)
    assert sorted(ran(folder)) == ["a", "bad", "ccc"]
    assert "plait: 3 of 3 items were in run.sqlite\n" in again.stderr


def test_only_what_failed_is_run_again_when_that_is_asked_for(folder):
    plait(folder, "tools:work", "--resume", stdin="a\nbad\nccc\n")
    done = plait(folder, "tools:work", "--retry-failed", stdin="a\nbad\nccc\nd\n")
    assert sorted(ran(folder)) == ["a", "bad", "bad", "ccc", "d"]
    assert "2 of 4 items were in plait-journal.sqlite; 1 again because they had failed" in done.stderr
    assert (folder / "plait-journal.sqlite").exists()


def test_without_resume_nothing_that_was_recorded_is_touched(folder):
    plait(folder, "tools:work", "--journal", "run.sqlite", stdin="a\n")
    done = plait(folder, "tools:work", "--journal", "run.sqlite", stdin="a\nb\n")
    assert (done.returncode, done.stdout) == (255, "")
    assert "'run.sqlite' has 1 outcome of 'work': add --resume to go on from there, or name another file" in done.stderr
    assert ran(folder) == ["a"]
    other = plait(folder, "tools:slow", "--journal", "run.sqlite", stdin="1\n")
    assert other.returncode == 0


def test_a_changed_function_is_run_again(folder):
    plait(folder, "tools:work", "--resume", stdin="a\nb\n")
    (folder / "tools.py").write_text(TOOLS.replace("len(x)", "-len(x)"))
    done = plait(folder, "tools:work", "--resume", stdin="a\nb\n")
    assert [json.loads(line)["value"]["is"] for line in done.stdout.splitlines()] == [-1, -1]
    assert "0 of 2 items were in plait-journal.sqlite; 2 again because the function changed since (work)" in done.stderr


def test_a_journal_that_cannot_be_used(folder):
    (folder / "notes").write_text("text" * 1000)
    for arguments in (("--journal", "notes"), ("--journal", "notes", "--resume"), ("--journal", "none/run.sqlite")):
        done = plait(folder, "tools:work", *arguments, stdin="a\n")
        assert (done.returncode, done.stdout) == (255, "")
        assert "Error: the journal" in done.stderr
        assert "Traceback" not in done.stderr


COMMAND = 'echo "to {}"; echo "err {}" >&2; echo {} >> ran; test {} != bad'


def test_commands_come_back_with_status_and_all_they_wrote(folder):
    arguments = (COMMAND, "--journal", "run.sqlite", ":::", "a", "bad", "c")
    first = plait(folder, *arguments)
    again = plait(folder, *arguments[:3], "--resume", *arguments[3:])
    assert first.stdout == again.stdout == "to a\nto bad\nto c\n"
    assert first.returncode == again.returncode == 1
    assert [line for line in again.stderr.splitlines() if line.startswith("err")] == ["err a", "err bad", "err c"]
    assert sorted(ran(folder)) == ["a", "bad", "c"]
    records = plait(folder, *arguments[:3], "--resume", "--json", *arguments[3:]).stdout.splitlines()
    assert json.loads(records[1])["error"]["exit"] == 1
    assert json.loads(records[1])["error"]["stdout"] == "to bad\n"
    with closing(sqlite3.connect(folder / "run.sqlite")) as connection:
        (value,) = connection.execute(
            "SELECT value FROM results WHERE input = 'a' AND function = 'command.echo'"
        ).fetchone()
        assert json.loads(value)["stdout"] == "to a\n"


def test_a_command_with_a_lot_of_output(folder):
    arguments = ("head -c 3000000 /dev/zero | tr '\\0' {}", "--resume", ":::", "x", "y")
    first, again = plait(folder, *arguments), plait(folder, *arguments)
    assert first.stdout == again.stdout == "x" * 3_000_000 + "y" * 3_000_000
    assert "2 of 2 items were in" in again.stderr


def test_a_command_with_its_number_is_another_one_at_another_place(folder):
    plait(folder, "echo {#} {}", "--resume", ":::", "a", "b")
    done = plait(folder, "echo {#} {}", "--resume", ":::", "b", "a", "c")
    assert done.stdout == "1 b\n2 a\n3 c\n"
    assert "0 of 3 items were in" in done.stderr
    assert plait(folder, "echo {}", "--resume", ":::", "b", "a").stdout == "b\na\n"
    assert "2 of 2" in plait(folder, "echo {}", "--resume", ":::", "a", "b").stderr


def test_items_that_are_no_json(folder):
    arguments = ("tools:work", "--jsonl", "--resume")
    first = plait(folder, *arguments, stdin='"a"\nno json\n')
    again = plait(folder, *arguments, stdin='"a"\nno json\n')
    assert _plain(first.stdout) == _plain(again.stdout)
    assert "2 of 2 items were in" in again.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc for the commands it leaves behind")
@pytest.mark.parametrize("target", ["tools:slow", "echo {} >> ran; sleep 0.01; echo {}"])
def test_after_sigkill_the_output_is_that_of_an_unbroken_run(folder, target):
    items = [str(number) for number in range(150)]
    (folder / "items").write_text("\n".join(items))
    arguments = (target, "--journal", "run.sqlite", "-j", "3")
    source = ("items",) if ":" in target else (":::", *items)
    started = subprocess.Popen(
        [sys.executable, "-m", "plait", "map", *arguments, *source],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder, start_new_session=True,
        env={**os.environ, MARK: str(folder)},
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while len(ran(folder)) < 40 and time.monotonic() < deadline:
        time.sleep(0.005)  # nobody tells what a program has done
    os.killpg(started.pid, signal.SIGKILL)
    _, errors = started.communicate()
    assert started.returncode == -signal.SIGKILL, errors
    while marked_processes(str(folder)) and time.monotonic() < deadline:
        time.sleep(0.005)  # commands that ran then are not plait's any more, and go on to their end
    before = len(ran(folder))
    done = plait(folder, *arguments, "--resume", *source)
    assert done.returncode == 0, done.stderr
    expected = plait(folder, target, *source).stdout
    assert done.stdout == expected
    recalled = int(done.stderr.split(" of 150 items")[0].rsplit(" ", 1)[1])
    assert before - 10 <= recalled <= before
    assert len(ran(folder)) == before + (150 - recalled) + 150


def _plain(output: str) -> list[object]:
    """The records, without the traceback of plait's own frames, which a recalled error does not have."""
    records = [json.loads(line) for line in output.splitlines()]
    for record in records:
        record.get("error", {}).pop("traceback", None)
    return records
