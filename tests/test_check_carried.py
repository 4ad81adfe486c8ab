"""Functions and classes of a program under check that go to other processes by value: they go as they are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LONG = 60.0
PROGRAM = """
import threading
import plait

LIMIT, lock, seen = [3], threading.Lock(), []

class Broken(Exception):
    pass

class Point:
    def __init__(self, x):
        self.x = x

    def moved(self, by):
        self.x += by
        return Point(self.x)

def limited(n):
    point = Point(n).moved(1)
    return point.x + LIMIT[0]

def broken(n):
    raise Broken(point_of[n].x)

point_of = {1: Point(7)}

def test_it():
    total = 0
    def add():
        nonlocal total
        with lock:
            total += 5
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(plait.map(limited, [1, 2], engine="process", workers=1)) == [5, 6]
    with plait.Pool("process", workers=1) as pool:
        both = [pool.submit(f, 1).result() for f in (lambda n: n + total, lambda n: n - total)]
        assert both == [11, -9]
        assert type(pool.submit(Point(1).moved, 2).result()) is Point
    (outcome,) = plait.map(broken, [1], engine="process").outcomes()
    assert type(outcome.error) is Broken
    assert outcome.error.args == (7,)

if __name__ == "__main__":
    test_it()
"""


@pytest.mark.parametrize("target", ["program.py", "program.py:test_it"])
def test_a_program_that_uses_processes_is_checked(target: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "plait", "check", "--runs", "3", target]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout[:19]) == (0, "passed: 3 schedules"), done.stdout + done.stderr
