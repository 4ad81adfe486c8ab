"""The scout of `plait check`: a second process that searches beside the first, and touches nothing of others'."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plait._check.conclude import Subject, go_ahead, search
from plait._check.explore import Budget
from plait._check.programs.program import Script
from plait._check.pulse import Pulse
from plait._check.scout import Discovery, Scout, Scouting
from plait._check.verdict import Tally
from plait._cli.check_run import Options

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="scouts are for Linux"),
    pytest.mark.usefixtures("nothing_left"),
]

SOON = 60.0  # seconds that anything may take on a busy machine

# Whatever the machine, there is a scout after the first execution, the search waits for each of its reports, and its time
# is over after sixty.
EAGER = """
import contextlib, os, select
import plait._check.explore as explore, plait._check.scout as scout, plait._cli.check_guard as guard
from plait._core.budget import Cores

scout.available_cores = lambda _: Cores(2, "as a test wants it")
scout._AFTER = scout._EVERY = 0.0
discoveries, receive, start = scout.Scout.discoveries, scout.Scout._receive, guard._Guard._start_scout
looks = []

def look(self):
    looks.append(None)
    if len(looks) > LOOKS:
        explore.monotonic = lambda: float("inf")
    return discoveries(self)

def wait_and_receive(self):
    with contextlib.suppress(OSError):
        select.select([self._reports], [], [], 60)
    receive(self)

def start_and_say(self):
    start(self)
    os.write(2, b"%d %d\\n" % (self._child, self._scout))

scout.Scout.discoveries = look
scout.Scout._receive = wait_and_receive
guard._Guard._start_scout = start_and_say
"""
EAGER, ENDLESS = EAGER.replace("LOOKS", "60"), EAGER.replace("LOOKS", "10 ** 9")
MAIN = "\nfrom plait._cli.main import main; main()"

# An order of 18 appends that the first 15,000 executions of seed 0 do not have, and the 42nd of seed 1 does.
RARE = """
import sys, threading

order = []

def worker(name):
    for _ in range(6):
        order.append(name)

threads = [threading.Thread(target=worker, args=(name,)) for name in "abc"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

word = 0
for name in order:
    word = (word * 31 + ord(name)) % 1_000_003
"""
NUMBER = 42
FAILS = "assert word % 100_003 != 50_280, ''.join(order)\n"
DIES = "if word % 100_003 == 50_280:\n    import os\n    os.abort()\n"
LEAVES = "if word % 100_003 == 50_280:\n    import os\n    os._exit(3)\n"

ALONE = """
import os, subprocess, socket, threading

def alone():
    DEED

thread = threading.Thread(target=alone)
thread.start()
thread.join()
"""

LOSES = """
import threading

class Counter:
    value = 0

def add():
    counter.value += 1

counter = Counter()
threads = [threading.Thread(target=add) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def check(program: str, folder: Path, *options: str, before: str = EAGER) -> tuple[int, dict[str, Any], str]:
    """Exit status, report, and what was written to stderr."""
    seconds = () if options else ("--seconds", str(SOON))
    words = ["check", "--json", *seconds, *options, str(written(program, folder))]
    command = [sys.executable, "-c", before + MAIN, *words]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SOON, check=False, stdin=subprocess.DEVNULL
    )
    assert run.stdout, run.stderr
    return run.returncode, json.loads(run.stdout), run.stderr


def written(program: str, folder: Path) -> Path:
    file = folder / "program.py"
    file.write_text(program)
    return file


def test_what_both_have_done_counts(tmp_path: Path) -> None:
    status, report, _ = check(RARE, tmp_path)
    coverage = report["coverage"]
    assert (status, report["verdict"], coverage["processes"]) == (0, "passed", 2), report
    assert f"{coverage['schedules']:,} schedules (2 processes, {coverage['distinct']:,} distinct)" in coverage["words"]
    assert coverage["threads"] == 4


def test_certain_schedules_are_made_by_one_process(tmp_path: Path) -> None:
    status, report, errors = check(RARE, tmp_path, "--seed", "0", "--runs", "200")
    assert (status, report["coverage"]["processes"], errors) == (0, 1, "")


def test_who_may_scout() -> None:
    plain = dict.fromkeys(Options.__annotations__)
    plain |= {"scheduler": "rotation"}
    assert Options(**plain).may_scout  # type: ignore[arg-type]  # the others are not looked at
    for asked in ({"seed": 0}, {"runs": 5}, {"replay": "1abc"}, {"scheduler": "bounded"}):
        assert not Options(**(plain | asked)).may_scout  # type: ignore[arg-type]  # as above


def test_a_bug_that_the_scout_finds_is_told_and_replayed(tmp_path: Path) -> None:
    status, report, _ = check(RARE + FAILS, tmp_path)
    assert (status, report["verdict"], report["coverage"]["processes"]) == (1, "failed", 2), report
    assert NUMBER <= report["coverage"]["schedules"] <= 3 * NUMBER  # the search has waited for each report
    (finding,) = report["findings"]
    assert finding["token"]
    again = check(RARE + FAILS, tmp_path, "--replay", finding["token"])
    assert (again[0], again[1]["findings"][0]["title"]) == (1, finding["title"])


def test_an_exit_that_the_scout_finds_is_told_and_replayed(tmp_path: Path) -> None:
    status, report, _ = check(RARE + LEAVES, tmp_path)
    assert (status, report["verdict"], report["coverage"]["processes"]) == (1, "failed", 2), report
    token = report["findings"][0]["token"]
    assert check(RARE + LEAVES, tmp_path, "--replay", token)[0] == 1


def test_a_death_that_the_scout_meets_is_told_with_its_seed(tmp_path: Path) -> None:
    status, report, errors = check(RARE + DIES, tmp_path)
    assert (status, [one["kind"] for one in report["findings"]]) == (1, ["died"])
    assert f"execution {NUMBER} of seed 1" in str(report["findings"])
    assert "Fatal Python error: Aborted" in errors
    again = check(RARE + DIES, tmp_path, "--seed", "1", "--runs", str(NUMBER))
    assert again[:2] == (status, report)


IN_THE_SCOUT = "import os\nif os.readlink('/proc/self/fd/1') == os.devnull:\n    DEED\n"


@pytest.mark.parametrize("deed", ["raise ValueError", "os.abort()"])
def test_what_does_not_come_true_in_the_search_is_not_told(deed: str, tmp_path: Path) -> None:
    program = RARE + IN_THE_SCOUT.replace("DEED", deed)
    status, report, _ = check(program, tmp_path)
    assert (status, report["verdict"], report["coverage"]["processes"]) == (0, "passed", 1), report


DEEDS = {
    "a file": "open('here', 'x').close(); os.unlink('here')",
    "a fifo": "os.mkfifo('here'); os.unlink('here')",
    "a folder": "os.mkdir('here'); os.rmdir('here')",
    "a port": "s = socket.socket(); s.bind(('127.0.0.1', PORT)); s.close()",
    "a program": "subprocess.run(['mkdir', 'here'], check=True); subprocess.run(['rmdir', 'here'], check=True)",
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_where_two_would_disturb_each_other_there_is_one(deed: str, tmp_path: Path, free_port: int) -> None:
    program = ALONE.replace("DEED", deed.replace("PORT", str(free_port)))
    status, report, errors = check(program, tmp_path)
    assert (status, report["verdict"], report["coverage"]["processes"]) == (0, "passed", 1), report
    assert len(errors.split()) == 2, errors  # there was one, and it has gone without a word
    assert not (tmp_path / "here").exists()


def test_the_scout_goes_before_it_does_what_few_executions_do(tmp_path: Path) -> None:
    rarely = "import os\nif word % 20 == 7:\n    open('here', 'x').close()\n    os.unlink('here')\n"
    status, report, _ = check(RARE + rarely, tmp_path)
    assert (status, report["verdict"], report["coverage"]["processes"]) == (0, "passed", 2), report


def test_a_program_may_close_all_that_is_open(tmp_path: Path) -> None:
    status, report, _ = check(RARE + "import os\nos.closerange(3, 100)\n", tmp_path)
    assert (status, report["verdict"]) == (0, "passed"), report


def test_a_bug_that_is_found_at_once_needs_no_scout(tmp_path: Path) -> None:
    patient = EAGER.replace("scout._AFTER = scout._EVERY = 0.0", f"scout._AFTER = {SOON}")
    status, report, errors = check(LOSES + "assert counter.value == 2\n", tmp_path, before=patient)
    assert (status, report["coverage"]["processes"], errors) == (1, 1, "")


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Started:
    """A command that searches for ever, with its search and its scout."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", ENDLESS + MAIN, "check", "--seconds", "600", str(written(RARE, folder))]
        self.command = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        assert self.command.stderr is not None
        self.search, self.scout = map(int, self.command.stderr.readline().split())
        self.ends = [os.pidfd_open(pid) for pid in (self.command.pid, self.search, self.scout)]

    def all_end(self) -> bool:
        """Whether none of the processes is there any more, soon."""
        self.said = self.command.communicate(timeout=SOON)[1].decode()
        ended = [select.select([end], [], [], SOON)[0] for end in self.ends]
        return all(ended)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    one = Started(tmp_path)
    yield one
    for end in one.ends:
        os.close(end)
    if one.command.poll() is None:
        os.killpg(one.command.pid, signal.SIGKILL)
        one.command.communicate()


def test_nothing_is_left_after_ctrl_c(started: Started) -> None:
    os.killpg(started.command.pid, signal.SIGINT)
    assert started.all_end()
    assert started.command.returncode == 130
    assert started.said.strip() == "inconclusive: Ctrl-C ended the search before there was an answer"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_command_is_killed(number: signal.Signals, started: Started) -> None:
    started.command.send_signal(number)
    assert started.all_end()
    assert started.command.returncode == -number


def test_nothing_is_left_when_the_search_is_killed(started: Started) -> None:
    os.kill(started.search, signal.SIGKILL)
    assert started.all_end()
    assert started.command.returncode == 3


def test_the_search_goes_on_when_the_scout_is_killed(tmp_path: Path) -> None:
    kills = EAGER + "start_and_die = guard._Guard._start_scout\n" + KILLS
    status, report, _ = check(RARE, tmp_path, before=kills)
    assert (status, report["verdict"]) == (0, "passed")


KILLS = """
def start_and_kill(self):
    start_and_die(self)
    os.kill(self._scout, 9)

guard._Guard._start_scout = start_and_kill
"""


# What the scout tells, and what the search makes of it, in one process


class Told(Scouting):
    """Keeps what a scout tells."""

    def __init__(self) -> None:
        super().__init__(-1, Pulse(), 0)
        self.told: list[Discovery] = []

    def tell(self) -> None:
        return

    def discover(self, turns: Any, sites: Any) -> None:
        self.told.append(Discovery(turns, tuple(sites)))

    def finish(self) -> None:
        return


class Telling(Scout):
    """A scout that has found this."""

    def __init__(self, told: list[Discovery]) -> None:
        self.told = told
        self.tally = Tally()
        self.pulse = Pulse()

    @property
    def died(self) -> bool:
        return False

    def discoveries(self) -> Iterator[Discovery]:
        yield from self.told
        self.told = []

    def discredit(self) -> None:
        raise AssertionError("it did not come true")

    def end(self) -> None:
        return


OUTPUT = """
import threading

def say(name):
    print(name)

for name in "ab":
    threading.Thread(target=say, args=(name,)).start()
"""


@pytest.mark.parametrize(
    ("source", "one_output", "kind"),
    [
        (LOSES, False, "data race"),
        (LOSES + "assert counter.value == 2", False, "lost update"),
        (OUTPUT, True, "depends on the schedule"),
    ],
)
def test_all_that_a_scout_can_find_is_told(source: str, one_output: bool, kind: str, tmp_path: Path) -> None:
    file = str(written(source, tmp_path))
    subject = Subject(lambda fresh: Script(file, [], fresh), lambda name: name.startswith(str(tmp_path)))
    scouting = Told()
    go_ahead(subject, scouting, scheduler="rotation", one_output=one_output)
    assert len(scouting.told) == 1
    for seed in range(4):  # also where this search begins with what the scout has found to be rare
        scout = Telling(list(scouting.told))
        found = search(subject, Budget(1, None), seed=seed, scheduler="rotation", one_output=one_output, scout=scout)
        assert found.told is not None
        assert (found.verdict.word, found.told.finding.kind) == ("failed", kind)
        assert found.told.token
