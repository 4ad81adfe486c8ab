"""The programs of tests/bugs: which there are, and what figures many searches for one bug give."""

from __future__ import annotations

import math
import statistics
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

BUGS = Path(__file__).resolve().parent.parent / "tests" / "bugs"
INDEX = tomllib.loads((BUGS / "INDEX.toml").read_text())
BUGGY = [BUGS / "buggy" / f"{name}.py" for name in INDEX["buggy"]]
RIGHT = [BUGS / "fixed" / f"{name}.py" for name in INDEX["buggy"]]
RIGHT += [BUGS / "correct" / f"{name}.py" for name in INDEX["correct"]]


class Search(NamedTuple):
    """One search for one bug: the execution that failed (0: none did), how many were made, and their CPU time.

    `passed` says that the tool called the program right, not only that it found nothing in the time.
    """

    at: int
    executions: int
    cpu: float
    steps: int = 0
    passed: bool = False


def figures(searches: Sequence[Search], limit: int) -> str:
    """Geometric mean, mean and worst number of executions to the failure; a search that missed counts as the limit.

    >>> figures([Search(1, 1, 0.0), Search(4, 4, 0.0), Search(0, 16, 0.0)], 16)
    'geomean 4.0, mean 7.0, worst 16'
    """
    needed = [search.at or limit for search in searches]
    return f"geomean {geomean(needed):.1f}, mean {statistics.mean(needed):.1f}, worst {max(needed)}"


def geomean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return math.exp(statistics.mean(math.log(value) for value in values))


def each_ms(searches: Sequence[Search]) -> float:
    """CPU milliseconds for an execution."""
    return 1000 * sum(search.cpu for search in searches) / max(1, sum(search.executions for search in searches))
