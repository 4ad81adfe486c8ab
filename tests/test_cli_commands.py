"""``plait map`` with shell commands: what is run, what is written where, and the limits of what may be open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import plait
from plait._run.command import CommandFailed, CommandRunner, Output

pytestmark = pytest.mark.usefixtures("nothing_left")


def run(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "plait", "map", *arguments],
        input=stdin, capture_output=True, cwd=folder, timeout=60, check=False,
    )  # fmt: skip


def test_a_command_for_each_argument(tmp_path):
    for name in ("a.log", "b c.log"):
        (tmp_path / name).write_text(name)
    done = run(tmp_path, "cp {} {.}.copy", "a.log", "b c.log")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "b c.copy").read_text() == "b c.log"


def test_a_command_for_each_line(tmp_path):
    done = run(tmp_path, "echo {#} {}", stdin=b"a\n$(touch hacked)\n; touch hacked\n")
    assert done.stdout == b"1 a\n2 $(touch hacked)\n3 ; touch hacked\n"
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_no_utf8_reach_the_command_as_they_are(tmp_path):
    name = b"\xff\xfe.txt"
    (tmp_path / os.fsdecode(name)).write_text("inside")
    done = run(tmp_path, "cat {}; echo {}", "--null", stdin=name + b"\0")
    assert done.stdout == b"inside" + name + b"\n"


def test_outputs_come_whole_and_in_order(tmp_path):
    """Each of two commands that run at the same time waits for the other between its two lines."""
    for name in ("one", "two"):
        os.mkfifo(tmp_path / name)
    meet = (
        "case {} in 1) echo 1a; echo x > one; read _ < two; echo 1b;; "
        "2) echo 2a; read _ < one; echo 2b; echo x > two;; esac"
    )
    done = run(tmp_path, f"{meet}; echo e{{}} >&2", "--workers", "2", "1", "2")
    assert done.stdout == b"1a\n1b\n2a\n2b\n"
    assert done.stderr == b"e1\ne2\n"


def test_bytes_pass_unchanged(tmp_path):
    done = run(tmp_path, "printf '\\377\\000'; #", "x")
    assert done.stdout == b"\xff\x00"


def test_large_output(tmp_path):
    done = run(tmp_path, "head -c 3000000 /dev/zero | tr '\\0' {}", "a", "b", "c", "--workers", "3")
    assert done.stdout == b"a" * 3_000_000 + b"b" * 3_000_000 + b"c" * 3_000_000


def test_failures_are_counted_and_said(tmp_path):
    done = run(tmp_path, "echo out {}; echo err {} >&2; exit {}", "0", "3", "0", "4")
    assert done.stdout == b"out 0\nout 3\nout 0\nout 4\n"
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "err 0", "err 3", "err 0", "err 4",
        "plait: 2 of 4 items failed",
        "  item 1, '3': exit status 3: echo out 3; echo err 3 >&2; exit 3",
        "  item 3, '4': exit status 4: echo out 4; echo err 4 >&2; exit 4",
    ]  # fmt: skip


def test_a_command_that_a_signal_ends(tmp_path):
    done = run(tmp_path, "kill -9 $$ # {}", "x")
    assert done.returncode == 1
    assert b"ended by SIGKILL" in done.stderr


def test_json(tmp_path):
    done = run(tmp_path, "echo {}; exit {}", "--json", "0", "3")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[0]["value"] == {"command": "echo 0; exit 0", "exit": 0, "stdout": "0\n", "stderr": ""}
    assert records[1]["error"]["type"] == "plait._run.command.CommandFailed"
    assert (records[1]["error"]["exit"], records[1]["error"]["stdout"]) == (3, "3\n")


def test_failures_to_a_file(tmp_path):
    done = run(tmp_path, "exit {}", "--errors", "failed", "0", "3")
    assert done.returncode == 1
    assert json.loads((tmp_path / "failed").read_text())["error"]["exit"] == 3


def test_retries(tmp_path):
    done = run(tmp_path, "echo x >> tries; test $(wc -l < tries) -ge 3 #", "--retries", "2", "x")
    assert done.returncode == 0


def test_an_input_that_no_command_can_have(tmp_path):
    done = run(tmp_path, "echo {}", "--jsonl", stdin=b'"a\\u0000b"\n"ok"\n{"a": 1}\nbroken\n')
    assert done.stdout == b'ok\n{"a": 1}\n'
    assert done.returncode == 2


def test_a_child_in_the_background_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "gate")
    done = run(tmp_path, "(read _ < gate) & echo {}", "x")
    assert done.stdout == b"x\n"
    with open(tmp_path / "gate", "w") as gate:
        gate.write("go\n")


def test_commands_have_no_standard_input(tmp_path):
    assert run(tmp_path, "cat; echo {}", stdin=b"a\nb\n").stdout == b"a\nb\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["echo {}", "--engine", "process", "x"], "commands are processes already"),
        (["echo `basename {}`", "x"], "backquotes"),
        (["echo", "x"], "expected module:function"),
    ],
)
def test_what_cannot_begin(tmp_path, arguments, words):
    done = run(tmp_path, *arguments)
    assert done.returncode == 255
    assert words in done.stderr.decode()


def test_few_open_files_are_enough(tmp_path):
    """The first command ends last; what the others write is large, and has to wait in files."""
    os.mkfifo(tmp_path / "gate")
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 120; exec {sys.executable} -m plait map '{LATE}' --workers 2"],
        input=b"".join(b"%d\n" % number for number in range(200)),
        capture_output=True, cwd=tmp_path, timeout=100, check=False,
    )  # fmt: skip
    assert done.stderr == b""
    assert done.returncode == 0
    assert len(done.stdout) == 200 * 70_000


LATE = "test {} = 0 && sleep 1; head -c 70000 /dev/zero"


def test_output_is_kept_in_memory_only_while_it_is_short():
    for size in (0, 10, 1 << 16, (1 << 16) + 1, 3 << 20):
        file = tempfile.TemporaryFile()
        file.write(b"x" * size)
        output = Output(file)
        assert file.closed is (size <= 1 << 16)
        assert output.size == size
        assert output.read() == output.read() == b"x" * size
        file.close()


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_the_runner_as_a_function_of_a_map(engine):
    runner = CommandRunner(lambda item, index: f"echo {item}{index}; exit {item}", "echo")
    outcomes = list(plait.map(runner, [0, 3], engine=engine).outcomes())
    assert outcomes[0].value.stdout.read() == b"00\n"
    assert isinstance(outcomes[1].error, CommandFailed)
    assert outcomes[1].error.result.code == 3
    runner.close()


def test_a_closed_runner_starts_nothing():
    runner = CommandRunner(lambda item, index: "exit 0", "true")
    runner.close()
    with plait.map(runner, [1], engine="thread") as stream:
        (outcome,) = stream.outcomes()
    assert not outcome.ok


def test_leaving_the_loop_ends_the_commands(tmp_path):
    os.mkfifo(tmp_path / "pids")
    runner = CommandRunner(
        lambda item, index: "exit 0" if item == 0 else f"echo $$ > {tmp_path}/pids; sleep 1000", "sleep"
    )
    pids = []
    reader = threading.Thread(target=lambda: pids.append((tmp_path / "pids").read_text()))
    reader.start()
    with plait.map(runner, [0, 1], engine="thread", workers=2) as stream:
        next(stream)
        reader.join()
    runner.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0]), 0)
