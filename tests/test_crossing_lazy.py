"""What CPython 3.15 has new in a script goes to workers: lazy imports (PEP 810) and sentinels (PEP 661)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info < (3, 15):
    pytest.skip("lazy imports and sentinels are there from CPython 3.15 on", allow_module_level=True)

LONG = 60.0
HEAD = """
lazy import json
lazy import xml.etree.ElementTree
lazy from colorsys import rgb_to_hls as hls
lazy from beside import bump
lazy import nowhere_to_be_found as absent
import plait, sys

ENGINES = ["thread", "process", "interpreter"]
"""
PROGRAMS = {
    "modules and what is in them": """
def work(n):
    return json.dumps([n, hls(n, n, n)]), xml.etree.ElementTree.fromstring("<a/>").tag, bump(n)

print(*plait.map(work, [1], engine=sys.argv[1]))
""",
    "beside a class": """
class Held:
    def get(self, n):
        return json.dumps([n]), xml.etree.ElementTree.fromstring("<a/>").tag

def work(n):
    return Held().get(n), bump(n)

print(*plait.map(work, [1], engine=sys.argv[1]))
""",
    "what is not there": """
class Held:
    def get(self, n):
        try:
            return absent.dumps(n)
        except ImportError as error:
            return error.name

def work(n):
    return Held().get(n)

def simple(n):
    try:
        return absent.dumps(n)
    except ImportError as error:
        return error.name

print(*plait.map(work, [1], engine=sys.argv[1]), *plait.map(simple, [1], engine=sys.argv[1]))
""",
    "sentinels": """
class Held: pass
FOUND, ODD = sentinel("FOUND"), sentinel("another", repr="<odd>")

def work(one, *, other=ODD):
    return one, one is FOUND, one is ODD, other is ODD, str(other)

def with_class(one):
    return *work(one), Held

for function in (work, with_class):
    for one in (FOUND, ODD, 1):
        (result,) = plait.map(function, [one], engine=sys.argv[1])
        print(result[0] is one, *result[1:5])
""",
}
PRINTED = {
    "modules and what is in them": "('[1, [0.0, 1.0, 0.0]]', 'a', 2)\n",
    "beside a class": "(('[1]', 'a'), 2)\n",
    "what is not there": "nowhere_to_be_found nowhere_to_be_found\n",
    "sentinels": "True True False True <odd>\nTrue False True True <odd>\nTrue False False True <odd>\n" * 2,
}


@pytest.mark.parametrize("engine", ["thread", "process", "interpreter"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_script_has(name: str, engine: str, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def bump(n):\n    return n + 1\n")
    (tmp_path / "script.py").write_text(HEAD + PROGRAMS[name])
    command = [sys.executable, "script.py", engine]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout) == (0, PRINTED[name]), done.stderr


def test_decisions_know_what_nobody_can_change(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("""
from plait._engines.reading.sharing import obstacle

TABLE, LISTS, MISSING = frozendict(a=1, b=(2, "c")), frozendict(a=[1]), sentinel("MISSING")

def work(n, other=MISSING, table=TABLE):
    return TABLE["a"], n is MISSING

print(repr(obstacle(work)), obstacle(lambda n: LISTS["a"]))
""")
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    found = '\'\' "LISTS" is shared; pass engine="process" if it is only read\n'
    assert (done.returncode, done.stdout) == (0, found), done.stderr


def test_a_journal_finds_what_ran_before_and_after_the_import(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        HEAD
        + """
lazy from beside import FACTOR

def work(n):
    open("log", "a").write(f"{n} ")
    return n * FACTOR

for n in (2, 4):
    print(*plait.map(work, range(n), engine="process", journal="run.sqlite"))
"""
    )
    (tmp_path / "beside.py").write_text("FACTOR = 3\ndef bump(n):\n    return n + 1\n")
    for _ in range(2):
        command = [sys.executable, "script.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
        assert (done.returncode, done.stdout) == (0, "0 3\n0 3 6 9\n"), done.stderr
    assert sorted((tmp_path / "log").read_text().split()) == ["0", "1", "2", "3"]


def test_decisions_see_what_is_imported_lazily(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("seen = []\ndef bump(n):\n    return n + 1\n")
    (tmp_path / "script.py").write_text(
        HEAD
        + """
from plait._engines.choosing.needs import modules_of
from plait._engines.reading.repeatable import is_repeatable
from plait._engines.reading.sharing import obstacle

lazy from beside import seen
lazy from math import sqrt

def work(n):
    seen.append(n)
    return json.dumps(n)

print(modules_of(work), is_repeatable(lambda n: sqrt(n)), obstacle(work))
"""
    )
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    found = '[\'json\'] True "seen" is shared; pass engine="process" if it is only read\n'
    assert (done.returncode, done.stdout) == (0, found), done.stderr
