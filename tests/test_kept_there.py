"""What the report says of names that a function assigns to in its workers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._core.star import Star
from plait._engines.kept_there import Kept, kept_by

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
        (counts, ["total"]),
        (counts_both, ["total", "most"]),
        (capturing(), ["last"]),
        (Counter().counts, ["total"]),
        (partial(counts, 1), ["total"]),
        (Star(counts), ["total"]),
        (far(), ["total"]),
        (reads, []),
        (len, []),
        (Counter, []),
        (pytest.main, []),
    ],
)
def test_names_that_are_assigned_to_are_said(function: object, names: list[str]) -> None:
    assert kept_by(function) == Kept(names, [], [])


results: list[Any] = []
by_name: dict[Any, Any] = {}
text, number = "text", 1


def appends(n: int) -> None:
    results.append(n * n)


def stores(n: int) -> None:
    by_name[n % 3, f"{n}"] = [n, n * 2]


def stores_within(n: int) -> None:
    by_name[n]["found"] = n


def adds_up(n: int) -> None:
    by_name[n] += 1


def fills_in_an_inner_function(n: int) -> None:
    def inner() -> None:
        results.extend([n])

    inner()


def keeps_a_cache(n: int) -> None:
    if n not in by_name:
        by_name[n] = n


def appends_and_sorts(n: int) -> None:
    results.append(n)
    results.sort()


def flush() -> None:
    while results:
        results.pop()


def appends_and_has_it_flushed(n: int) -> None:
    results.append(n)
    flush()


def has_others_fill(n: int) -> None:
    appends(n)


def puts_it_into_another(n: int) -> None:
    here: dict[int, Any] = {}
    here[n] = results
    here[results[0]] = by_name[n]


def only_asks(n: int) -> bool:
    return n in results or by_name.get(n) or text[number]


def collecting() -> Any:
    found: list[int] = []
    own: set[int] = set()

    def work(n: int, into: Any = None) -> None:
        found.append(n)
        own.add(n)
        (into or []).append(n)
        if own:
            return

    return work


class Job:
    def __init__(self) -> None:
        self.results: list[int] = []
        self.queue: list[int] = []
        self.name = "job"

    def collects(self, n: int) -> None:
        self.results.append(n)

    def collects_and_empties(self, n: int) -> None:
        self.queue.append(n)
        self._empty()

    def _empty(self) -> None:
        self.queue.clear()


@pytest.mark.parametrize(
    ("function", "filled", "only_filled"),
    [
        (appends, ["results"], True),
        (stores, ["by_name"], True),
        (stores_within, ["by_name"], True),
        (adds_up, ["by_name"], True),
        (fills_in_an_inner_function, ["results"], True),
        (partial(appends), ["results"], True),
        (results.append, ["list.append"], True),
        (Job().collects, ["self.results"], True),
        (Job().collects_and_empties, ["self.queue"], False),
        (keeps_a_cache, ["by_name"], False),
        (appends_and_sorts, ["results"], False),
        (appends_and_has_it_flushed, ["results"], False),
        (has_others_fill, [], False),
        (puts_it_into_another, [], False),
        (only_asks, [], False),
        (results.index, [], False),
        (text.startswith, [], False),
        (Job.collects, [], False),
    ],
)
def test_containers_that_are_filled_are_told_from_those_that_are_used(
    function: object, filled: list[str], only_filled: bool
) -> None:
    assert kept_by(function) == Kept([], filled, filled if only_filled else [])


def test_of_several_each_is_told_by_itself() -> None:
    assert kept_by(collecting()) == Kept([], ["found", "own"], ["found"])


def test_the_report_says_so_and_is_right() -> None:
    stream = plait.map(counts, [1, 2], engine="process", workers=1)
    assert list(stream) == [1, 3]
    assert total == 0
    assert 'what it assigns to "total" stays in its worker process' in stream.report.why
    stream = plait.map(counts, [0], engine="thread")
    assert list(stream) == [0]
    assert not any("total" in reason for reason in stream.report.why)


def test_who_returns_nothing_and_fills_what_nobody_sees_is_warned() -> None:
    with pytest.warns(RuntimeWarning, match=r'plait\.map: what the function puts into "results" stays') as caught:
        assert list(plait.map(appends, [1, 2], engine="process", workers=1)) == [None, None]
    assert [Path(one.filename).name for one in caught] == [Path(__file__).name]
    assert results == []


def fills_and_returns(n: int) -> int:
    results.append(n)
    return n


def fills_and_fails(n: int) -> None:
    results.append(n)
    raise ValueError(n)


@pytest.mark.filterwarnings("error")
def test_who_returns_something_or_has_a_use_for_it_is_not() -> None:
    assert list(plait.map(fills_and_returns, [1, 2], engine="process", workers=1)) == [1, 2]
    assert list(plait.map(keeps_a_cache, [1, 2], engine="process", workers=1)) == [None, None]
    assert all(one.error for one in plait.map(fills_and_fails, [1], engine="process", workers=1).outcomes())
    assert list(plait.map(appends, [], engine="process", workers=1)) == []
    for _ in plait.map(appends, range(100), engine="process", workers=1):
        break
    assert list(plait.map(appends, [1], engine="thread")) == [None]
    results.clear()
