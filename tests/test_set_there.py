"""What the report says of names that a function assigns to in its workers."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import plait
from plait._core.star import Star
from plait._engines.set_there import set_there

total = most = 0


def counts(n: int) -> int:
    global total
    total += n
    return total


def counts_both(n: int) -> None:
    global total, most

    def inner() -> None:
        global most
        most = n

    inner()
    total = n


def reads(n: int) -> int:
    return total + n


def capturing() -> Any:
    seen, last = 0, 0

    def work(n: int) -> int:
        nonlocal last
        own = n

        def inner() -> int:
            nonlocal own
            own += 1
            return own + seen

        last = inner()
        return last

    return work


class Counter:
    def counts(self, n: int) -> None:
        global total
        self.own = total = n


def far() -> Any:
    """The name has too high a number for one byte."""
    scope: dict[str, Any] = {}
    lines = "".join(f"    n.a{number}\n" for number in range(700))
    exec(f"def work(n):\n    global total\n{lines}    total = n\n", scope)
    return scope["work"]


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (counts, '"total"'),
        (counts_both, '"total", "most"'),
        (capturing(), '"last"'),
        (Counter().counts, '"total"'),
        (partial(counts, 1), '"total"'),
        (Star(counts), '"total"'),
        (far(), '"total"'),
        (reads, ""),
        (len, ""),
        (Counter, ""),
        (pytest.main, ""),
    ],
)
def test_names_that_are_assigned_to_are_said(function: object, names: str) -> None:
    assert set_there(function, "process") == (names and f"what it assigns to {names} stays in its worker process")


def test_the_report_says_so_and_is_right() -> None:
    stream = plait.map(counts, [1, 2], engine="process", workers=1)
    assert list(stream) == [1, 3]
    assert total == 0
    assert 'what it assigns to "total" stays in its worker process' in stream.report.why
    stream = plait.map(counts, [0], engine="thread")
    assert list(stream) == [0]
    assert not any("total" in reason for reason in stream.report.why)
