"""What a process has one of, set by several threads: the story names it, and its fix, done as it says, mends it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from plait._check.conclude import Checked, Subject, search
from plait._check.explore import Budget
from plait._check.findings import Finding
from plait._check.programs.function_program import own_files
from plait._check.programs.program import Script


class Wide(NamedTuple):
    """What is there before, what each thread does, what holds in the end, and what it is called."""

    before: str
    work: str
    holds: str
    name: str


WIDE = {
    "folder": Wide(
        "here, seen = os.getcwd(), []",
        "old = os.getcwd()\n    os.chdir('/')\n    seen.append(os.path.realpath('.'))\n    os.chdir(old)",
        "os.getcwd() == here and seen == ['/'] * 2",
        "the working directory",
    ),
    "folder of a block": Wide(
        "seen = []", "with contextlib.chdir('/'):\n        seen.append(os.getcwd())", "seen == ['/'] * 2", "the working directory"
    ),
    "numbers": Wide(
        "seen = []", "random.seed(1)\n    seen.append(random.random())", "len(set(seen)) == 1", "the random numbers of random"
    ),
    "output": Wide(
        "seen = []",
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n        print('x')\n        seen.append(out.getvalue())",
        "seen == ['x\\n'] * 2",
        "sys.stdout",
    ),
    "filters": Wide(
        "before, levels = warnings.filters[:], ['error', 'ignore']",
        "with warnings.catch_warnings():\n        warnings.simplefilter(levels.pop())",
        "warnings.filters == before",
        "the filters of warnings",
    ),
    "filters, through a stack": Wide(
        "before, levels = warnings.filters[:], ['error', 'ignore']",
        "with contextlib.ExitStack() as stack:\n        stack.enter_context(warnings.catch_warnings())\n"
        "        warnings.simplefilter(levels.pop())",
        "warnings.filters == before",
        "the filters of warnings",
    ),
    "patch": Wide(
        "api = types.SimpleNamespace(fetch=0)",
        "with mock.patch.object(api, 'fetch', 1):\n        pass",
        "api.fetch == 0",
        "the patched fetch",
    ),
    "level": Wide(
        "log = logging.getLogger('chk')",
        "old = log.level\n    log.setLevel(old + 1)\n    log.setLevel(old)",
        "log.level == 0",
        "log.level",
    ),
}  # fmt: skip
PROGRAM = """import contextlib, io, logging, os, random, threading, types, warnings
from unittest import mock
{before}
lock = threading.Lock()
def work():
    {work}
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert {holds}
"""


@pytest.mark.parametrize("name", WIDE)
def test_its_fix_mends_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = PROGRAM.format_map(WIDE[name]._asdict())
    finding = _finding(source, tmp_path)
    assert finding.title == f"Set by another thread meanwhile: {WIDE[name].name}"
    found = re.search(r"Hold one lock over lines (\d+) to (\d+) \(`with lock:` around all of it\)", finding.fix)
    assert found is not None, finding.fix
    first, last = map(int, found.groups())
    lines = source.split("\n")
    lines[first - 1 : last] = ["    with lock:", *("    " + line for line in lines[first - 1 : last])]
    assert _checked("\n".join(lines), tmp_path).verdict.word == "passed"


APART = """import threading, warnings
def work():
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        warnings.warn("x")
        assert len(recorded) == 1
def test_work():
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
if __name__ == "__main__":
    test_work()
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="warnings are caught by all threads before CPython 3.14")
@pytest.mark.parametrize(
    "what", [["--runs", "60", "test_apart.py"], ["--seconds", "0.3", "-m", "pytest"]], ids=["script", "test"]
)
def test_who_catches_warnings_of_a_thread_alone_is_right(what: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_apart.py").write_text(APART)
    command = [sys.executable, "-X", "context_aware_warnings=1", "-m", "plait", "check", *what]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_who_only_uses_random_numbers_is_not_to_blame(tmp_path: Path) -> None:
    source = PROGRAM.format(
        before="import time\nn = 0",
        work="global n; random.random(); old = n; random.random(); n = old + 1",
        holds="n == 2",
    )
    finding = _finding(source, tmp_path)
    assert finding.title == "Lost update of n"


def _finding(source: str, folder: Path) -> Finding:
    told = _checked(source, folder).told
    assert told is not None
    return told.finding


def _checked(source: str, folder: Path) -> Checked:
    file = folder / "program.py"
    file.write_text(source)
    subject = Subject(lambda fresh: Script(str(file), [], fresh), own_files(str(file), ()))
    return search(subject, Budget(200, None), seed=0, scheduler="rotation")
