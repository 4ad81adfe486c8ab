"""What of a function's code shows that it could tell in which thread it runs, and what values are nothing but data."""

from __future__ import annotations

import collections
import functools
import logging
import random
import socket
import sqlite3
import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import plait
from plait._engines.reading.plain_data import classes_in
from plait._engines.reading.sharing_threads import tells_threads

TABLE = {"a": [1, 2, (3, {"b"})], "c": collections.deque([bytearray(b"d")])}
COUNTS: collections.defaultdict[str, int] = collections.defaultdict(int)
LOCKS = {"a": threading.Lock()}
LOCAL = threading.local()
LOG = logging.getLogger(__name__)
CACHED = sqlite3.connect(":memory:", check_same_thread=False)
total = 0


@dataclass
class Rates:
    values: dict[str, float]
    name: str = ""

    def of(self, name: str) -> float:
        return self.values.get(name, 0.0)


class Pair(NamedTuple):
    values: list[int]
    number: int


class Slotted:
    __slots__ = ("guard", "unset", "values")

    def __init__(self, *, guarded: bool) -> None:
        self.values = [1, 2]
        if guarded:
            self.guard = threading.Lock()


class Logs:
    def __init__(self) -> None:
        self.values = [1]

    def write(self) -> None:
        with LOCKS["a"]:
            self.values.append(2)


RATES, LOGS = Rates({"a": 1.0}), Logs()


@plait.per_worker
def own() -> list[int]:
    return []


@functools.lru_cache
def remembered(x: int) -> int:
    return x


def counts(x: int) -> int:
    global total
    total += x
    COUNTS["a"] += x
    TABLE["c"].append(bytearray())
    return total


def keeps_in_thread(x: int) -> int:
    LOCAL.x = x
    return x


def helper(x: int) -> object:
    return LOCKS["a"] if x else None


def with_default(x: int, known: dict[str, list[int]] = TABLE) -> object:  # type: ignore[assignment]
    return known.get(str(x))


DATA: list[Callable[..., Any]] = [
    lambda x: TABLE[x], lambda x: COUNTS[x], counts, with_default, remembered, random.random,
    lambda x: random.gauss(x, 1), lambda x: RATES.of(x), RATES.of, functools.partial(with_default, known={"a": [1]}),
    lambda x: array("d", [x]), TABLE.get, abs, Rates, lambda x: LOG.info(x),
]  # fmt: skip
TELLS: list[Callable[..., Any]] = [
    lambda x: LOCKS[x], lambda x: LOCAL.x + x, keeps_in_thread, lambda x: LOG.addHandler(x), lambda x: CACHED.execute(x),
    lambda x: own().append(x), lambda x: helper(x), lambda x: LOGS.write(), LOGS.write, LOCKS["a"].acquire,
    functools.partial(helper, LOCKS), lambda x: globals()[x], threading.Event().wait, {"a": LOCAL}.get,
]  # fmt: skip


@pytest.mark.parametrize("function", DATA)
def test_data_is_the_same_in_all_threads(function: Callable[..., Any]) -> None:
    assert not tells_threads(function)


@pytest.mark.parametrize("function", TELLS)
def test_what_belongs_to_a_thread_or_can_be_waited_for_tells_them_apart(function: Callable[..., Any]) -> None:
    assert tells_threads(function)


def test_of_objects_of_plain_classes_the_classes_are_named() -> None:
    found = classes_in([RATES, Slotted(guarded=False), {"a": RATES}, Pair([1], 2)])
    assert set(found or ()) == {Slotted, Rates, Pair}
    assert classes_in(TABLE) == []
    itself: list[object] = []
    itself.append(itself)
    assert classes_in(itself) == []


def test_what_a_library_has_made_is_no_data() -> None:
    with socket.socket() as one:
        for value in (one, threading.Lock(), LOCAL, Slotted(guarded=True), threading.Thread(), iter([]), one.recv):
            assert classes_in(value) is None, value
            assert classes_in({"a": [value]}) is None, value


def test_no_code_runs_when_a_value_is_looked_at() -> None:
    class Meddles(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    class Wild:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

    assert classes_in(Meddles("meddles")) == []
    assert classes_in([Wild()]) is None


def test_what_is_too_large_is_not_looked_at_to_its_end() -> None:
    assert classes_in([[list(range(9))] for _ in range(10_000)]) == []
    assert classes_in([[[[0] for _ in range(40)] for _ in range(40)] for _ in range(40)]) is None
