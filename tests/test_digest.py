"""Digests of values: equal content, equal digest, in every process; and nothing else."""

from __future__ import annotations

import array
import collections
import copyreg
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import os
import pathlib
import re
import subprocess
import sys
import threading
import types
import uuid
import zoneinfo
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait._core.digest import SIZE, Digester, Undigestible


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: int
    tags: set


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


class Tags(set):
    pass


class Handle:
    def __init__(self, name):
        self.name, self.lock = name, threading.Lock()

    def __plait_key__(self):
        return self.name


class Pair(NamedTuple):
    left: int
    right: int


def digest(value):
    return Digester().digest(value)


def some_values():
    """One of everything; called twice it makes equal values that are not the same objects."""
    return [
        None, True, False, 0, 1, -1, 2**100, 0.0, -0.0, 1.0, 1e300, float("inf"), float("nan"), 1j, "", "a", "ä", "\udcff",
        b"", b"a", bytearray(b"a"), (), (1,), (1, 2), ((1,), 2), [], [1], [[1], 2], {}, {"a": 1}, {"a": [1]}, {1: 2},
        set(), {1}, frozenset(), frozenset({1}), {"a", "b"}, range(3), range(0, 3, 2), slice(1, 2), ...,
        memoryview(b"abc"), array.array("i", [1, 2]), Color.RED, Color.BLUE, Point(1, {"u", "v"}), Point(2, {"u", "v"}),
        Slotted(1, 2), Slotted(2, 1), Tags({"x", "y"}), Handle("a"), Handle("b"), Pair(1, 2), collections.Counter("ab"),
        collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1), collections.deque([1]),
        collections.defaultdict(list, a=[1]), dt.date(2020, 1, 2), dt.datetime(2020, 1, 2), dt.timedelta(1),
        dt.datetime(2020, 1, 2, tzinfo=dt.UTC), dt.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC")),
        decimal.Decimal("1.0"), decimal.Decimal("1.00"), fractions.Fraction(1, 3), uuid.UUID(int=1),
        pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("a/b"), pathlib.Path("a/b"), re.compile("a"), re.compile("b"),
        ValueError("a"), ValueError("b"), KeyError("a"), int, str, len, os.path.join, "a".upper, "b".upper, os, Point,
        types.SimpleNamespace(a=1), str.upper, functools_partial(), lambda_of(1),
    ]  # fmt: skip


def functools_partial():
    import functools

    return functools.partial(pow, 2)


def lambda_of(n):
    return len


def test_equal_values_have_equal_digests():
    for one, other in zip(some_values(), some_values(), strict=True):
        assert digest(one) == digest(other), one
        assert len(digest(one)) == SIZE


def test_different_values_have_different_digests():
    found: dict[bytes, object] = {}
    for value in some_values():
        if value is len and len in found.values():
            continue
        if isinstance(value, pathlib.Path):
            continue  # the same as one of the pure paths but for its type
        twin = found.setdefault(digest(value), value)
        assert twin is value, (twin, value)


def test_order_does_not_matter_where_it_does_not_matter():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"x", "y", "z"}) == digest({"z", "y", "x"})
    assert digest(collections.Counter(a=1, b=2)) == digest(collections.Counter(b=2, a=1))


def test_sharing_does_not_matter():
    shared = [1]
    assert digest([shared, shared]) == digest([[1], [1]])
    for _ in range(100):
        shared = [shared, shared]  # 2 ** 100 lists, if each were written down
    assert len(digest(shared)) == SIZE


def test_values_that_hold_themselves():
    one: list[object] = [1]
    one.append(one)
    other: list[object] = [1]
    other.append(other)
    assert digest(one) == digest(other)
    assert digest(one) != digest([1, [1]])
    point = Point(1, set())
    point.me = point
    assert digest([point, point]) == digest([point, point])


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda children: (
        st.lists(children, max_size=4)
        | st.tuples(children, children)
        | st.dictionaries(st.text(max_size=3), children, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(plain, plain)
def test_digests_are_equal_exactly_when_values_are(one, other):
    same = _typed(one) == _typed(other)
    assert (digest(one) == digest(other)) is same


def _typed(value):
    """Python's 1 == 1.0 == True are three values to a function."""
    if isinstance(value, dict):
        return {key: _typed(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [_typed(child) for child in value]
    return type(value), repr(value)


def test_a_digest_is_the_same_in_every_process_whatever_its_hash_seed():
    program = (
        "import sys; sys.path.insert(0, 'tests'); import test_digest as t\n"
        "import __main__\n"
        "print([t.digest(v).hex() for v in t.some_values()])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=pathlib.Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "68c6aebaa3afe5a00d174ec86a509be3"),
        ("text", "d769e8fcac3f3e4f166b2f28756d96e2"),
        ((1, "a"), "8811a6b67e98fdc350a0160a3e9e3aff"),
        ({"a": 1, "b": [None]}, "61a075a9f4d16449052c85f97149213e"),
        ({"x", "y"}, "8a8e29504df79e12bb807b2cd007da9d"),
        (b"x" * 1000, "ebb0ab531f1aeed580e179f4a079b338"),
    ],
)
def test_digests_stay_what_they_are(value, expected):
    """Whoever changes one makes every journal there is worthless: then the schema needs a new number."""
    assert digest(value).hex() == expected


def test_how_a_library_has_exceptions_pickled_does_not_matter(monkeypatch):
    """As tblib does for Dask: with the lines where they were raised, and what they were raised from."""
    error = ValueError("as a value")
    before = Digester().digest(error)
    monkeypatch.setitem(
        copyreg.dispatch_table, ValueError, lambda error: (ValueError, error.args, {"at": os.urandom(8)})
    )
    assert Digester().digest(error) == before
    assert error.__dict__ == {}  # which it has from now on
    assert Digester().digest(error) == before


def test_arrays():
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(12).reshape(3, 4)
    same = [array.copy(), numpy.asfortranarray(array), numpy.arange(24).reshape(3, 8)[:, ::2] // 2]
    assert {digest(each) for each in same} == {digest(array)}
    others = [
        array.T, array.ravel(), array.astype("int32"), array.astype(float), array + 1, array.tolist(), numpy.int64(0),
        numpy.float64(0), array.astype(object), array.astype("datetime64[s]"), numpy.zeros(3, dtype=[("a", "i4"), ("b", "f8")]),
        numpy.zeros(3, dtype=[("a", "i4"), ("c", "f8")]), numpy.random.default_rng(1), numpy.random.default_rng(2),
    ]  # fmt: skip
    assert len({digest(each) for each in [array, *others]}) == len(others) + 1
    assert digest(array.astype(object)) == digest(array.astype(object))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (threading.Lock, "cannot pickle '_thread.lock' object"),
        (lambda: {"a": [threading.Lock()]}, "lock"),
        (lambda: (n for n in []), "generator"),
        (lambda: types.SimpleNamespace(x=sys.__stdout__), "TextIOWrapper"),
    ],
)
def test_what_has_no_content(make, why):
    value = make()
    digester = Digester()
    with pytest.raises(Undigestible, match=why):
        digester.digest(value)
    assert digester.digest([1]) == digest([1])


def test_what_is_nested_too_deeply():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Undigestible, match="too deeply"):
        digest(deep)


def test_code_counts_by_what_one_is_told_of_it():
    told = Digester(lambda code: b"told" if code is Point else None)
    assert told.digest(Point) != digest(Point)
    assert told.digest(Point(1, set())) != digest(Point(1, set()))
    assert told.digest(len) == digest(len)
