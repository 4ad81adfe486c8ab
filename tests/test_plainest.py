"""The plainest ways to run a program: whatever the way, maps, pools, scopes, checks and traces say the same."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest

LONG = 100.0
DEFINITIONS = """
import threading
import plait

class Point:
    def __init__(self, x):
        self.x = x

    def moved(self):
        return Point(self.x + 1)

def double(n):
    return 2 * n

async def adouble(n):
    return 2 * n

def test_keeps():
    found, lock = [0], threading.Lock()
    def add():
        with lock:
            found[0] += 1
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2]

def check():
    try:
        return plait.check(test_keeps, runs=2).verdict
    except plait.errors.UsageError as error:
        return str(error).partition(";")[0][:47]

"""
WORK = """
said = [list(plait.map(double, [1, 2], engine=engine)) for engine in ("inline", "thread", "process", "auto")]
said.append(list(plait.map(adouble, [1, 2], engine="async")))
said.append([(type(point) is Point, point.x) for point in plait.map(Point.moved, [Point(1)], engine="process")])
with plait.Pool("process", workers=1) as pool:
    said.append(pool.submit(lambda n: double(n) + 1, 1).result())
with plait.scope() as scope:
    task = scope.submit(double, 4)
said.append(task.result())
with plait.trace() as trace:
    list(plait.map(double, [1], engine="thread"))
said.append(len(trace.slices))
said.append(check())
said.append(plait.advise(double, range(20), seconds=0.1).engine in ("inline", "thread", "process"))
print(*said)
"""
SAID = "[2, 4] [2, 4] [2, 4] [2, 4] [2, 4] [(True, 2)] 3 8 1 {} True\n"
PASSED = SAID.format("passed")
GUARDED = DEFINITIONS + "if __name__ == '__main__':\n" + indent(WORK, "    ")
TESTED = "import unittest\nclass TestWork(unittest.TestCase):\n    def test_it(self):\n" + indent(WORK, "        ")
CELLS = (
    "from IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell.instance()\n"
    f"for cell in {[DEFINITIONS, WORK]!r}:\n    shell.run_cell(cell).raise_error()\n"
)

Way = Callable[[Path], "list[str]"]


def written(name: str, text: str, *words: str) -> Way:
    def write(folder: Path) -> list[str]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        return list(words) or [name]

    return write


def zipped(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "app.pyz", "w") as file:
        file.writestr("__main__.py", "from inside import *\n" + WORK)
        file.writestr("inside.py", DEFINITIONS)
    return ["app.pyz"]


WAYS: dict[str, tuple[Way, str]] = {
    "a script with a guard": (written("app.py", GUARDED), PASSED),
    "a script without one": (written("app.py", DEFINITIONS + WORK), PASSED),
    "python -c": (lambda _: ["-c", DEFINITIONS + WORK], PASSED),
    "standard input": (written("input", DEFINITIONS + WORK, "-"), PASSED),
    "python -m": (written("pack/app.py", GUARDED, "-m", "pack.app"), PASSED),
    "a zip file": (zipped, PASSED),
    "unittest": (written("test_work.py", DEFINITIONS + TESTED, "-m", "unittest", "-q"), PASSED),
    "cells of IPython": (written("cells.py", CELLS), PASSED),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_is_said(way: str, tmp_path: Path) -> None:
    if "IPython" in way and importlib.util.find_spec("IPython") is None:
        pytest.skip("no IPython here; the extra `frameworks` has it")
    arrange, expected = WAYS[way]
    words = arrange(tmp_path)
    (tmp_path / "input").touch()
    with (tmp_path / "input").open() as given:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            stdin=given,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
            env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        )
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
