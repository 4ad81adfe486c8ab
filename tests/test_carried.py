"""A function of a script that is submitted again and again is one function in a worker, as one that it imports is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._engines import carried as carrying
from plait._engines.carried import arrive
from plait._engines.pickling.codec import pickled

pytestmark = pytest.mark.usefixtures("nothing_left")

SCRIPT = """
import functools, plait

model = None
factor = 1

def load():
    return object()

def loads(_=None):
    global model
    fresh = model is None
    if fresh:
        model = load()
    return fresh

class Registry:
    items = []

    @classmethod
    def add(cls, item):
        cls.items.append(item)
        return len(cls.items)

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.calls

    @staticmethod
    def count(seen=[]):
        seen.append(1)
        return len(seen)

def counter():
    total = 0
    def count():
        nonlocal total
        total += 1
        return total
    return count

def scaled(x, cache={}):
    cache.setdefault("factor", factor)
    return x * cache["factor"]

def main():
    global factor
    with plait.Pool("process", workers=1) as pool:
        print("submit", [pool.submit(loads).result() for _ in range(3)], list(pool.map(loads, range(2))))
        print("class", [pool.submit(Registry.add, n).result() for n in range(3)])
        print("static", [pool.submit(Registry.count).result() for _ in range(3)])
        count = counter()
        print("closure", [pool.submit(count).result() for _ in range(3)], count())
        one = Registry()
        print("object", [pool.submit(one).result() for _ in range(3)])
        part = functools.partial(Registry.count, [])
        print("partial", [pool.submit(part).result() for _ in range(3)])
        before = pool.submit(scaled, 2).result()
        factor = 5
        print("changed", before, pool.submit(scaled, 2).result())
    with plait.scope("process", workers=1) as s:
        print("scope", [s.submit(loads).result() for _ in range(3)])

if __name__ == "__main__":
    main()
"""


def test_what_a_call_leaves_behind_the_next_one_finds(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "submit [True, False, False] [False, False]",
        "class [1, 2, 3]",
        "static [1, 2, 3]",
        "closure [1, 2, 3] 1",
        "object [1, 1, 1]",
        "partial [1, 1, 1]",
        "changed 2 10",
        "scope [True, False, False]",
    ]


def local(number: int) -> Callable[[], int]:
    return lambda: number


def test_functions_that_differ_are_different_ones() -> None:
    with plait.Pool("process", workers=1) as pool:
        assert [pool.submit(local(n)).result() for n in range(100)] == list(range(100))
        assert [future.result() for future in [pool.submit(local(n % 3)) for n in range(30)]] == [
            n % 3 for n in range(30)
        ]


def test_a_large_function_is_sent_with_each_call() -> None:
    ballast = bytearray(2 * carrying._LARGEST)

    def grow() -> int:
        ballast.append(1)
        return len(ballast)

    with plait.Pool("process", workers=1) as pool:
        assert [pool.submit(grow).result() - len(ballast) for _ in range(3)] == [1, 1, 1]


def test_a_worker_keeps_the_last_functions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "_arrived", {})
    sent = [pickled(local(n)) for n in range(carrying._MOST + 3)]
    first: list[Any] = [arrive(data) for data in sent]
    assert [function() for function in first] == list(range(len(sent)))
    assert len(carrying._arrived) == carrying._MOST
    assert arrive(sent[-1]) is first[-1]
    assert arrive(sent[0]) is not first[0]
