"""How ``plait map`` ends before its work does: Ctrl-C, SIGTERM, a reader that has gone; nothing goes on after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ENGINES = ["inline", "thread", "process"]

TOOLS = """
import sys, time

def wait(x):
    if x == "quick":
        return x
    print("running", x, file=sys.stderr, flush=True)
    while True:
        time.sleep(0.01)

def same(x):
    return x
"""

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tools.py").write_text(TOOLS)
    os.mkfifo(tmp_path / "pids")
    return tmp_path


def start(folder: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "plait", "map", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
        **options,
    )


def gone(pid: int) -> bool:
    """Whether a process ends soon that is not our child, so that nobody tells us."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_signal_stops_the_work_and_names_what_was_running(folder, engine, number, status):
    with start(folder, "tools:wait", "--engine", engine, "--workers", "1", ":::", "quick", "forever") as process:
        assert json.loads(process.stdout.readline())["value"] == "quick"
        assert process.stderr.readline() == "running forever\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert out == ""
    assert "plait: stopped after 1 item; 1 was running" in err
    assert "item 1, 'forever', on " in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 5


@pytest.mark.parametrize("engine", ["thread", "process"])
def test_what_was_computed_before_ctrl_c_is_written(folder, engine):
    """Item 1 has ended, but its turn in the output comes after item 0, which never ends."""
    (folder / "turns.py").write_text(
        "import sys, time\n"
        "def f(x):\n"
        "    if x == 'last':\n"
        "        print('running', x, file=sys.stderr, flush=True)\n"
        "    while x != 'quick':\n"
        "        time.sleep(0.01)\n"
        "    return x\n"
    )
    with start(folder, "turns:f", "--engine", engine, "--workers", "2", ":::", "first", "quick", "last") as process:
        assert process.stderr.readline() == "running last\n"  # the worker that ran item 1 is at item 2 now
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [json.loads(line) for line in out.splitlines()] == [{"index": 1, "input": "quick", "value": "quick"}]


def test_a_second_signal_ends_it_at_once(folder):
    """Ending threads that do not listen takes a while, which nobody has to wait for."""
    (folder / "deaf.py").write_text(
        "import sys, time\n"
        "def f(x):\n"
        "    while True:\n"
        "        try:\n"
        "            print('running', file=sys.stderr, flush=True)\n"
        "            while True:\n"
        "                time.sleep(0.01)\n"
        "        except BaseException:\n"
        "            pass\n"
    )
    with start(folder, "deaf:f", "--engine", "thread", "--workers", "1", ":::", "x") as process:
        assert process.stderr.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode in (130, 143)


@pytest.mark.parametrize(
    "command", ["echo $$ > pids; exec sleep 1000 # {}", "trap '' TERM; sleep 1000 & echo $! > pids; wait # {}"]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_commands_and_all_they_have_started(folder, command, number):
    with start(folder, command, "--workers", "1", "x") as process:
        with open(folder / "pids") as pids:
            pid = int(pids.readline())
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "item 0, 'x'" in err
    assert gone(pid)


@pytest.mark.parametrize(
    "command", ["echo $$ > pids; exec sleep 1000 # {}", "trap '' TERM; sleep 1000 & echo $! > pids; wait # {}"]
)
def test_commands_do_not_outlive_a_program_that_is_killed(folder, command):
    """Nothing of the program is left to end them: another process does, which nothing else keeps alive."""
    with start(folder, command, "--workers", "1", "x") as process:
        with open(folder / "pids") as pids:
            pid = int(pids.readline())
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
    assert gone(pid)


def test_a_command_does_not_outlive_a_program_that_it_kills_at_once(folder):
    for number in range(5):
        seconds = f"1000.{os.getpid()}{number}"
        with start(folder, f"kill -KILL $PPID; sleep {seconds}; sleep {seconds} # {{}}", "x") as process:
            assert process.wait(30) == -signal.SIGKILL
        for each in psutil.process_iter(["cmdline"]):
            if any(seconds in word for word in each.info["cmdline"] or ()):
                assert gone(each.pid)


def test_a_guard_that_is_killed_costs_no_command(folder):
    command = "case {} in a) read line < pids;; esac; echo {} $line"
    with start(folder, command, "--workers", "1", "a", "b") as process:
        with open(folder / "pids", "w") as pids:  # the first command runs
            guard = next(each for each in psutil.Process(process.pid).children() if "groups=" in each.cmdline()[-1])
            guard.kill()
            pids.write("1\n")
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("a 1\nb\n", "")


def test_a_timeout_ends_the_whole_group_and_the_others_go_on(folder):
    command = "case {} in slow) sleep 1000 & echo $! > pids; wait;; *) echo {};; esac"
    with start(folder, command, "--workers", "2", "--timeout", "1", "a", "slow", "b") as process:
        with open(folder / "pids") as pids:
            pid = int(pids.readline())
        out, err = process.communicate(timeout=30)
    assert out == "a\nb\n"
    assert process.returncode == 1
    assert "TaskTimeout" in err
    assert gone(pid)


def test_halt_now_ends_commands(folder):
    command = "case {} in bad) read pid < pids; exit $pid;; *) echo 3 > pids; exec sleep 1000;; esac"
    with start(folder, command, "--workers", "2", "--halt", "now,fail=1", "slow", "bad", "more") as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "exit status 3" in err
    assert "halted by --halt now,fail=1" in err


@pytest.mark.parametrize("target", ["tools:same", "echo {}"])
@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_reader_that_goes_away_ends_it_quietly(folder, target, engine):
    if engine == "process" and " " in target:
        pytest.skip("commands run on threads")
    endless = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    with endless, subprocess.Popen(
        [sys.executable, "-m", "plait", "map", target, "--engine", engine],
        stdin=endless.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
    ) as process:  # fmt: skip
        endless.stdout.close()
        assert process.stdout.readline() != b""
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141
    assert endless.returncode == -signal.SIGPIPE


def test_nohup_is_respected(folder):
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with start(folder, "tools:wait", "--engine", "thread", ":::", "forever", preexec_fn=ignore) as process:
        assert process.stderr.readline() == "running forever\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


@pytest.mark.skipif(not hasattr(signal, "SIGCHLD"), reason="needs SIGCHLD")
def test_a_command_that_fails_is_seen_where_the_ends_of_children_are_ignored(folder):
    deaf = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", deaf, sys.executable, "-m", "plait", "map", "exit {}"]
    done = subprocess.run(command, input="0\n3\n", capture_output=True, text=True, cwd=folder, check=False)
    assert "1 of 2 items failed" in done.stderr
    assert "exit status 3" in done.stderr
    assert done.returncode == 1
