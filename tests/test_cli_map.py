"""``plait map`` with Python functions, as a user runs it: a real process with real pipes."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from plait._cli.main import run

ENGINES = ["inline", "thread", "process"]

TOOLS = """
import os, subprocess, sys

def shout(x):
    return x.upper()

def picky(x):
    if "bad" in x:
        raise ValueError(f"{x} is bad")
    return len(x)

def chatty(x):
    print("printed", x)
    os.write(1, b"written\\n")
    subprocess.run(["echo", "echoed"], check=True)
    return x

def double(x):
    return x * 2

def odd(x):
    return object

def never(x):
    import time
    if x == "slow":
        while True:
            time.sleep(0.01)
    return x

flaky_calls = []

def flaky(x):
    flaky_calls.append(x)
    if len(flaky_calls) < 3:
        raise OSError("try again")
    return len(flaky_calls)

async def coroutine(x):
    return x

def letters(x):
    yield from x
    if "bad" in x:
        raise ValueError(f"{x} is bad")

async def letters_later(x):
    for letter in x:
        yield letter
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tools.py").write_text(TOOLS)
    return tmp_path


def plait(folder: Path, *arguments: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run(
        [sys.executable, "-m", "plait", *arguments],
        input=data,
        capture_output=True,
        cwd=folder,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def refuse(folder, monkeypatch, capfd):
    """Runs the command in this process, for what is refused before anything begins: status, output, errors."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)

    def refused(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.delitem(sys.modules, "tools", raising=False)
        status = run(list(arguments))
        sys.modules.pop("tools", None)
        return status, *capfd.readouterr()

    return refused


def values(done: subprocess.CompletedProcess[str]) -> list[object]:
    return [json.loads(line)["value"] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("engine", ENGINES)
def test_lines_of_standard_input(folder, engine):
    done = plait(folder, "map", "tools:shout", "--engine", engine, stdin="a\nb\nc\n")
    assert done.stdout == (
        '{"index": 0, "input": "a", "value": "A"}\n'
        '{"index": 1, "input": "b", "value": "B"}\n'
        '{"index": 2, "input": "c", "value": "C"}\n'
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("engine", "meant"), [("proces", "process"), ("multiprocessing", "process")])
def test_an_engine_by_another_name_is_answered_by_what_is_meant(engine, meant, capsys):
    assert run(["map", "tools:shout", "--engine", engine]) == 255
    said = " ".join(capsys.readouterr().err.split())
    assert f"'{engine}' is not one of 'auto', 'inline', " in said
    assert said.endswith(f"; did you mean '{meant}'?")


@pytest.mark.parametrize("engine", ENGINES)
def test_failures_are_records_and_the_exit_status_counts_them(folder, engine):
    done = plait(folder, "map", "tools:picky", "--engine", engine, stdin="a\nbad\nc\nworse bad\n")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record.get("value") for record in records] == [1, None, 1, None]
    assert records[1]["error"]["type"] == "ValueError"
    assert records[1]["error"]["message"] == "bad is bad"
    assert 'tools.py", line' in records[1]["error"]["traceback"]
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "plait: 2 of 4 items failed",
        "  item 1, 'bad': ValueError: bad is bad",
        "  item 3, 'worse bad': ValueError: worse bad is bad",
    ]


@pytest.mark.parametrize(("count", "status"), [(1, 1), (100, 100), (101, 101), (250, 101)])
def test_the_exit_status_ends_at_101(folder, count, status):
    done = plait(folder, "map", "tools:picky", "--engine", "inline", stdin="bad\n" * count)
    assert done.returncode == status
    assert f"and {count - 3} more" in done.stderr or count < 4


def test_failures_go_to_a_file_on_request(folder):
    done = plait(folder, "map", "tools:picky", "--engine", "inline", "--errors", "failed.jsonl", stdin="a\nbad\n")
    assert values(done) == [1]
    assert done.returncode == 1
    (record,) = [json.loads(line) for line in (folder / "failed.jsonl").read_text().splitlines()]
    assert (record["index"], record["input"], record["error"]["type"]) == (1, "bad", "ValueError")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_functions_print_goes_to_standard_error(folder, engine):
    done = plait(folder, "map", "tools:chatty", "--engine", engine, stdin="x\n")
    assert values(done) == ["x"]
    assert sorted(done.stderr.splitlines()) == ["echoed", "printed x", "written"]


def test_json_lines(folder):
    done = plait(folder, "map", "tools:double", "--jsonl", "--engine", "process", stdin='[1, 2]\n"ab"\nnot json\n3\n')
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record.get("value") for record in records] == [[1, 2, 1, 2], "abab", None, 6]
    assert records[2]["input"] == "not json"
    assert "not JSON" in records[2]["error"]["message"]
    assert done.returncode == 1


def test_nul_separated_and_names_that_are_no_utf8(folder):
    done = plait(folder, "map", "tools:double", "--null", "--engine", "inline", stdin=b"a\nb\0\xff\0")
    assert values(done) == ["a\nba\nb", "\udcff\udcff"]


def test_names_by_pattern(folder):
    (folder / "deep").mkdir()
    for name in ("b.txt", "a.txt", "deep/c.txt"):
        (folder / name).write_text("")
    done = plait(folder, "map", "os.path:basename", "--glob", "**/*.txt", "--engine", "inline")
    assert values(done) == ["a.txt", "b.txt", "c.txt"]


def test_items_as_arguments(folder):
    assert values(plait(folder, "map", "tools:shout", "--engine", "inline", ":::", "a", "b")) == ["A", "B"]


@pytest.mark.parametrize("sign", [":::", ":::+", "::::", "::::+"])
@pytest.mark.parametrize("target", ["tools:shout", "echo {}"])
def test_a_second_list_of_items_is_refused(refuse, sign, target):
    status, output, errors = refuse("map", target, ":::", "a", sign, "b")
    assert (status, output) == (255, "")
    assert f"{sign}: the items are one list" in errors


@pytest.mark.parametrize(
    ("words", "stdin", "hint"),
    [
        (["builtins:open", "tools.py"], None, "were the lines of 'tools.py'; if the files are the items, write :::"),
        (["math:sqrt"], "4\n9\n", "the items were texts; with --jsonl they are read as JSON values"),
        (["math:sqrt", "--jsonl"], '"4"\n', ""),
        (["builtins:int"], "x\n1\n", ""),
    ],
)
def test_when_all_fail_it_is_said_what_may_be_meant(folder, words, stdin, hint):
    done = plait(folder, "map", *words, "--engine", "inline", stdin=stdin or "")
    last = done.stderr.splitlines()[-1]
    assert hint in last
    assert last.startswith("plait: the items were") == bool(hint)


def test_a_value_that_is_no_json_is_marked(folder):
    assert values(plait(folder, "map", "tools:odd", "--engine", "inline", stdin="x\n")) == [
        {"__repr__": "<class 'object'>"}
    ]


def test_a_rate_and_a_backoff(folder):
    flaky = ("map", "tools:flaky", "--engine", "inline", "--retries", "2", "--backoff", "0.01", "--rate", "50/s")
    assert values(plait(folder, *flaky, stdin="x\n")) == [3]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_function_yields_is_a_list_which_the_workers_make(folder, engine):
    done = plait(folder, "map", "tools:letters", "--engine", engine, stdin="ab\nbad\n")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[0]["value"] == ["a", "b"]
    assert records[1]["error"]["message"] == "bad is bad"
    assert done.returncode == 1


def test_what_a_coroutine_function_yields_or_returns(folder):
    assert values(plait(folder, "map", "tools:letters_later", stdin="ab\nc\n")) == [["a", "b"], ["c"]]
    done = plait(folder, "map", "tools:coroutine", "--jsonl", stdin="[1]\nno json\n")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[0]["value"] == [1]
    assert "not JSON" in records[1]["error"]["message"]


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--rate", "10", 'such as "10/s"'),
        ("--rate", "0/s", 'such as "10/s"'),
        ("--backoff", "-1", "-1.0 is not in the range x>=0"),
    ],
)
def test_a_rate_or_backoff_that_cannot_be_meant(folder, option, value, expected):
    done = plait(folder, "map", "tools:shout", option, value, stdin="x\n")
    assert (done.returncode, done.stdout) == (255, "")
    assert expected in done.stderr


def test_retries(folder):
    done = plait(folder, "map", "tools:flaky", "--engine", "inline", "--retries", "2", "--report", stdin="x\n")
    assert values(done) == [3]
    assert "retries: 2" in done.stderr


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_timeout(folder, engine):
    arguments = ("--engine", engine, "--timeout", "0.5", "--workers", "2")
    done = plait(folder, "map", "tools:never", *arguments, stdin="a\nslow\nb\n")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record.get("value") for record in records] == ["a", None, "b"]
    assert records[1]["error"]["type"] == "plait.errors.TaskTimeout"
    assert done.returncode == 1


def test_the_report_says_engine_workers_and_rate(folder):
    done = plait(folder, "map", "tools:shout", "--engine", "process", "--workers", "1", "--report", stdin="a\nb\n")
    assert "done: 2 items in" in done.stderr
    assert "engine: process, 1 of 1 worker" in done.stderr


def test_the_bar_without_a_terminal_is_one_line(folder):
    done = plait(folder, "map", "tools:shout", "--engine", "inline", "--bar", stdin="a\nb\n")
    assert values(done) == ["A", "B"]
    assert done.stderr.startswith("shout: 2 items in ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_halt_now(folder, engine):
    done = plait(
        folder, "map", "tools:picky", "--engine", engine, "--halt", "now,fail=1", stdin="bad\n" + "a\n" * 1_000_000
    )
    assert 1 <= done.returncode <= 101
    assert "plait: halted by --halt now,fail=1" in done.stderr
    assert len(done.stdout.splitlines()) < 1_000_000


def test_halt_sees_a_failure_whose_turn_in_the_output_is_far_off(folder):
    arguments = ("--engine", "process", "--workers", "2", "--halt", "now,fail=1")
    (folder / "waits.py").write_text(
        "import time\ndef f(x):\n    if x == 'bad':\n        raise ValueError\n    time.sleep(1000)\n"
    )
    done = plait(folder, "map", "waits:f", *arguments, stdin="slow\nbad\n")
    assert done.returncode == 1
    assert "1 started item was stopped" in done.stderr


def test_halt_soon_starts_nothing_more(folder):
    done = plait(
        folder, "map", "tools:shout", "--engine", "thread", "--halt", "soon,success=1", stdin="a\n" * 1_000_000
    )
    assert done.returncode == 0
    count = len(done.stdout.splitlines())
    assert 1 <= count < 1_000_000
    assert f"after {count:,} items" in done.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_results_come_while_the_input_is_still_open(folder, engine, nothing_left):
    with subprocess.Popen(
        [sys.executable, "-m", "plait", "map", "tools:shout", "--engine", engine],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder,
    ) as process:  # fmt: skip
        for letter in (b"a", b"b", b"c"):
            process.stdin.write(letter + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["value"] == letter.decode().upper()
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["map", "tools:shoutt"], ["has no 'shoutt'", "did you mean 'shout'"]),
        (["map", "tolls:shout"], ["no module 'tolls'", "did you mean 'tools'"]),
        (["map", "tools:shout", "nowhere.txt"], ["cannot read 'nowhere.txt'"]),
        (["map", "tools:shout", "."], ["cannot read '.'", "--glob"]),
        (["map", "tools:shout", "--glob", "*.jpg"], ["no file matches"]),
        (["map", "tools:shout", "--glob"], ["at least one pattern"]),
        (["map", "tools:shout", "--jsonl", "--null"], ["exclude one another"]),
        (["map", "tools:shout", "--engine", "warp"], ["--engine", "'warp' is not one of", "'process'"]),
        (["map", "tools:shout", "--timeout", "0"], ["--timeout", "0.0 is not in the range x>0"]),
        (["map", "tools:shout", "--halt", "soonish"], ["now,fail=3"]),
        (["map", "tools:shout", "--workers", "0"], ["--workers"]),
        (["map", "tools:shout", "--errors", "no/such/folder"], ["--errors", "no/such/folder"]),
        (["map", "tools:coroutine", "--engine", "inline"], ["coroutine function"]),
        (["map", "tools:shout", "--nonsense"], ["--nonsense"]),
        (["map", "tools:shout", "3"], ["cannot read '3'", "write ::: before the items"]),
        (["map"], ["TARGET", "what should be run? expected module:function"]),
        (["advise"], ["TARGET", "what should be measured? expected module:function"]),
        (["show"], ["FILE", "which trace? expected a file"]),
        (["why"], ["PID", "which process? expected its number"]),
        (["mop"], ["no command 'mop'", "did you mean 'map'"]),
    ],
)
def test_what_cannot_begin_says_why_and_is_not_mistaken_for_a_count(refuse, arguments, words):
    status, output, errors = refuse(*arguments)
    assert status == 255
    assert output == ""
    assert [word for word in words if word not in errors] == [], errors
    assert "Traceback" not in errors


def test_a_full_disk_is_said_and_is_not_mistaken_for_a_count(folder):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "plait", "map", "tools:shout", "--engine", "inline", ":::", "a"],
            stdout=full, stderr=subprocess.PIPE, cwd=folder, check=False,
        )  # fmt: skip
    assert done.returncode == 255
    assert done.stderr == b"Error: the results cannot be written: No space left on device\n"


def test_what_was_written_before_the_errors_file_was_full_stays(folder):
    done = plait(folder, "map", "tools:picky", "--engine", "inline", "--errors", "/dev/full", stdin="a\nb\nbad\n")
    assert done.returncode == 255
    assert values(done) == [1, 1]
    assert done.stderr.splitlines()[-1] == "Error: --errors: cannot write '/dev/full': No space left on device"


@pytest.mark.parametrize(
    ("redirect", "status", "words"),
    [
        ("<&-", 255, "no standard input"),
        (">&-", 255, "no standard output"),
        ("2>&-", 0, ""),
        ("</dev/null", 0, ""),
    ],
)
def test_streams_that_are_closed(folder, redirect, status, words):
    shell = f"exec {sys.executable} -m plait map tools:shout --engine inline {redirect}"
    done = subprocess.run(["sh", "-c", shell], input="a\n", capture_output=True, cwd=folder, text=True, check=False)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lambda x: x * 2",), "is Python, and would be run as a shell command; put it into a file"),
        (("echo {}",), "no standard input to read items from; put them after the command"),
    ],
)
def test_what_is_meant_otherwise_is_not_run_as_a_command(folder, arguments, words):
    shell = shlex.join([sys.executable, "-m", "plait", "map", *arguments]) + " <&-"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, cwd=folder, text=True, check=False)
    assert (done.returncode, done.stdout) == (255, "")
    assert words in done.stderr


def test_what_a_module_prints_when_it_is_imported_is_no_result(folder):
    (folder / "loud.py").write_text("print('hello')\ndef f(x):\n    return x\n")
    done = plait(folder, "map", "loud:f", "--engine", "inline", stdin="a\n")
    assert values(done) == ["a"]
    assert done.stderr == "hello\n"


def test_a_script_that_exits_when_it_is_imported(folder):
    (folder / "script.py").write_text("import sys\ndef f(x):\n    return x\nsys.exit(0)\n")
    done = plait(folder, "map", "script.py:f", stdin="a\n")
    assert done.returncode == 255
    assert "SystemExit: 0" in done.stderr


def test_version_and_help(folder):
    assert plait(folder, "--version").stdout.startswith("plait ")
    shown = plait(folder, "--help").stdout
    assert "map" in shown
    assert "doctor" in shown
    assert "Exit status:" in plait(folder, "map", "-h").stdout


def test_on_a_terminal_results_pass_above_the_bar(folder):
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "plait", "map", "tools:shout", "--engine", "thread", "--bar", ":::", "a", "b"]
    with subprocess.Popen(command, stdin=child, stdout=child, stderr=child, cwd=folder, env=environment) as process:
        os.close(child)
        sent = b""
        try:
            while block := os.read(parent, 65536):
                sent += block
        except OSError:  # Linux says EIO when the last writer of a terminal is gone
            pass
        os.close(parent)
    shown = [line.rpartition("\x1b[K")[2] for line in sent.decode().split("\r\n")]
    assert shown[:2] == ['{"index": 0, "input": "a", "value": "A"}', '{"index": 1, "input": "b", "value": "B"}']
    assert shown[2].startswith("shout: 2 items in ")
    assert process.returncode == 0
