"""Worker processes keep the memory of large objects for the next ones, and nothing that they start is told to."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys

import pytest

import plait
from plait._engines.allocator import forget, limits

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc is what is told"),
]
SHOW = "import os; print(sorted(name for name in os.environ if name.startswith('MALLOC_')))"


def faults(_: int) -> int:
    """How many pages the system had to give for a few strings of a megabyte, the first of which do not count."""
    before = 0
    for at in range(40):
        if at == 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        (b"plait and " * 100_000).decode("ascii").upper()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def shown(_: int) -> tuple[list[str], str]:
    mine = sorted(name for name in os.environ if name.startswith("MALLOC_"))
    return mine, subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True).stdout.strip()


def test_large_objects_use_the_memory_of_the_last_ones() -> None:
    assert max(plait.map(faults, range(4), engine="process", workers=2)) < 1000  # 30 x 3 of them have 22,500 pages


def test_what_workers_start_knows_nothing_of_it() -> None:
    assert list(plait.map(shown, range(2), engine="process", workers=2)) == [([], "[]")] * 2


def test_whoever_has_told_it_something_is_not_overruled() -> None:
    """In a program of its own: workers of this one are there already."""
    program = "import plait, resource\nfrom test_allocator import *\nprint(*plait.map(shown, [1], engine='process'))"
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "131072", "PYTHONPATH": os.path.dirname(__file__)}
    environment["PYTHONPATH"] += os.pathsep + os.path.dirname(os.path.dirname(plait.__file__))
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str((["MALLOC_TRIM_THRESHOLD_"], "['MALLOC_TRIM_THRESHOLD_']")), done.stderr


def test_only_what_was_told_is_forgotten() -> None:
    environment = {
        "A": "b",
        "MALLOC_TRIM_THRESHOLD_": "1",
    }
    forget(environment)
    assert environment == {"A": "b", "MALLOC_TRIM_THRESHOLD_": "1"}
    told = limits({})
    assert told
    forget(told_copy := dict(told))
    assert told_copy == {}
