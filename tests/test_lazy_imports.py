"""plait works where all imports are lazy (``-X lazy_imports=all``), and `check` with modules that import lazily."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from plait._check.patches import Patches

if sys.version_info < (3, 15):
    pytest.skip("imports are lazy from CPython 3.15 on", allow_module_level=True)

LONG = 100.0
VERBS = """
import plait, json

def work(n):
    return json.dumps(n)

async def later(n):
    return n

class Held:
    def __init__(self, n):
        self.n = n

for engine in ("inline", "thread", "process", "interpreter", "auto"):
    print(*plait.map(work, range(3), engine=engine), *plait.map(later, range(2)))
print([held.n for held in plait.map(Held, range(2), engine="process")])
with plait.scope("process") as s:
    one = s.submit(work, 1)
print(one.result(), *plait.map(work, range(2), journal="run.sqlite"))
print(*(type(each.error).__name__ for each in plait.map(lambda n: 1 / n, [0], engine="process").outcomes()))
with plait.trace("run.html"):
    list(plait.map(work, range(2)))
"""
SAID = "0 1 2 0 1\n" * 5 + "[0, 1]\n1 0 1\nZeroDivisionError\n"
RACE = """
import threading
from time import sleep

n = 0

def add():
    global n
    seen = n
    sleep(0)
    n = seen + 1

threads = [threading.Thread(target=add) for _ in range(2)]
for one in threads:
    one.start()
for one in threads:
    one.join()
assert n == 2
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "lazy_imports=all", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONG, check=False)


def test_all_verbs(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(VERBS)
    done = run(tmp_path, "script.py")
    assert (done.returncode, done.stdout) == (0, SAID), done.stderr


def test_check(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(RACE)
    done = run(tmp_path, "-m", "plait", "check", "script.py")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "Lost update of n"), done.stdout + done.stderr


@pytest.mark.parametrize("words", [["map", "json:loads", "inputs.txt"], ["trace", "inputs.py"], ["doctor"]])
def test_commands(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "inputs.txt").write_text("1\n2\n")
    (tmp_path / "inputs.py").write_text("import json\nprint(json.dumps(1))\n")
    done = run(tmp_path, "-m", "plait", *words)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_imported_during_a_search_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = time.sleep
    module = ModuleType("installed_somewhere")
    with monkeypatch.context() as earlier:  # what is loaded is not imported lazily
        earlier.delitem(sys.modules, "time")
        exec("lazy from time import sleep", vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with Patches():
        assert vars(module)["sleep"] is not time.sleep
        assert module.sleep is time.sleep is not sleep
    assert vars(module)["sleep"] is time.sleep is sleep
