"""What type checkers infer of users' programs; mypy reads this file too (`make test`), where a line that should be wrong must be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, assert_type

import pytest

import plait


def text(number: int) -> str:
    return str(number)


def share(number: int, name: str) -> float:
    return number / len(name)


async def fetched(number: int) -> bytes:
    return bytes(number)


async def numbers() -> AsyncIterator[int]:
    yield 1


def test_maps() -> None:
    assert list(assert_type(plait.map(text, [1], engine="inline"), plait.Stream[str])) == ["1"]
    assert_type(list(plait.map(fetched, [1])), list[bytes])  # awaited
    assert_type(list(plait.map(lambda number: number + 1, [1], engine="inline")), list[int])
    assert_type(list(plait.map(partial(share, name="a"), [1], engine="inline")), list[float])
    assert_type(list(plait.map(share, [1], ["a"], engine="inline")), list[float])
    assert_type(list(plait.map(max, [1], [2], [3], engine="inline")), list[Any])
    columns: list[list[int]] = [[1], [2]]
    assert list(plait.map(lambda *numbers: sum(numbers), *columns, engine="inline")) == [3]
    for outcome in plait.map(text, numbers()).outcomes():
        assert outcome.ok
        assert_type(len(outcome.value), int)  # no None for whoever has looked


def test_maps_that_are_wrong() -> None:
    plait.map(text, ["a"]).close()  # type: ignore[arg-type]  # an item is no int
    plait.map(share, [1], [2]).close()  # type: ignore[arg-type]  # a name is no int
    plait.map(share, [1]).close()  # type: ignore[arg-type]  # one argument is missing
    with pytest.raises(TypeError, match="max_workers"):
        plait.map(text, [1], max_workers=2)  # type: ignore[call-overload]  # concurrent.futures' word


def test_tasks() -> None:
    with plait.scope("inline") as s:
        assert_type(s.submit(text, 1).result(), str)
        assert_type(s.submit(fetched, 1).result(), bytes)
        assert_type(s.map(text, [1]), plait.Stream[str]).close()
    with plait.Pool("thread") as pool:
        assert_type(pool.submit(share, 1, name="a").result(), float)
