"""An update of one element is lost only when that element has changed meanwhile, whatever else its container went through."""

from __future__ import annotations

from pathlib import Path

import pytest

from plait._check.conclude import Subject, search
from plait._check.explore import Budget
from plait._check.programs.program import Script

SHARED = """
import array, collections, threading
d = {'k': 1, 'm': 2}
ordered = collections.OrderedDict(k=1, m=2)
counts = collections.Counter(k=1)
numbers = [3, 2]
row = collections.deque([1, 2])
packed = array.array('i', [1, 2])
"""

NOTHING_LOST = [
    ("d['k'] += 1", "d.setdefault('k', 3)"),
    ("d['k'] += 1", "d.setdefault('j', 3)"),
    ("d['k'] += 1", "d.pop('j', None)"),
    ("d['k'] += 1", "d.pop('m')"),
    ("d['k'] += 1", "d.popitem()"),
    ("d['k'] += 1", "d.update({'j': 1})"),
    ("n = d['k']; d['k'] = n + 1", "d.setdefault('k', 3)"),
    ("ordered['k'] += 1", "ordered.move_to_end('k')"),
    ("counts['k'] += 1", "counts.update(['j'])"),
    ("numbers[0] += 1", "numbers.append(5)"),
    ("numbers[0] += 1", "numbers.pop()"),
    ("numbers[-1] += 1", "numbers[0] += 1"),
    ("row[0] += 1", "row.append(3)"),
    ("packed[0] += 1", "packed.append(5)"),
]
LOST = [
    ("d['k'] += 1", "d.update(k=7)"),
    ("d['k'] += 1", "d.update({'k': 7})"),
    ("d['k'] += 1", "d.clear()"),
    ("d['k'] += 1", "d.pop('k')"),
    ("numbers[0] += 1", "numbers.sort()"),
    ("counts['k'] += 1", "counts.update(['k'])"),
    ("packed[0] += 1", "packed.reverse()"),
]


@pytest.mark.parametrize(("update", "other"), NOTHING_LOST)
def test_a_change_of_something_else_in_the_container_loses_nothing(tmp_path: Path, update: str, other: str) -> None:
    assert word(tmp_path, update, other) == "passed"


@pytest.mark.parametrize(("update", "other"), LOST)
def test_a_change_of_the_whole_container_that_changes_the_element_is_lost(
    tmp_path: Path, update: str, other: str
) -> None:
    assert word(tmp_path, update, other) == "failed"


def test_a_value_is_not_kept_alive_by_having_been_read(tmp_path: Path) -> None:
    program = """
import threading, weakref
class Thing: pass
things = [Thing()]
seen = weakref.ref(things[0])
def work(): things[0] = None
thread = threading.Thread(target=work)
thread.start()
thread.join()
assert seen() is None
"""
    assert checked(tmp_path, program, 5) == "passed"


def word(folder: Path, update: str, other: str) -> str:
    threads = "threads = [threading.Thread(target=one), threading.Thread(target=two)]\n"
    threads += "for t in threads: t.start()\nfor t in threads: t.join()\n"
    return checked(folder, f"{SHARED}def one(): {update}\ndef two(): {other}\n{threads}", 40)


def checked(folder: Path, program: str, runs: int) -> str:
    file = folder / "program.py"
    file.write_text(program)
    subject = Subject(lambda fresh: Script(str(file), (), fresh), str(file).__eq__)
    return search(subject, Budget(runs, None), seed=1, scheduler="rotation").verdict.word
