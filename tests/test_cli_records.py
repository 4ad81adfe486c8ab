"""Outcomes as JSON lines: always strict JSON in one line, whatever the value."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import types
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait._cli.json_items import Unreadable
from plait._cli.records import describe, record_line, to_json
from plait._core.outcome import Outcome


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: object


class Model:
    """As those of pydantic."""

    def __init__(self, found: object) -> None:
        self.found = found

    def model_dump(self, *, mode: str) -> object:
        if self.found is None:
            raise LookupError
        return {"found": self.found, "mode": mode}

    def __repr__(self) -> str:
        return "Model()"


class Defined:
    """As classes that attrs has made."""

    __attrs_attrs__ = (types.SimpleNamespace(name="size"),)
    size = 3


class Silent:
    def __repr__(self) -> str:
        raise ZeroDivisionError


LOOP: list[object] = []
LOOP.append(LOOP)
WIDE: dict[str, object] = {}
WIDE.update(left=WIDE, right=WIDE)
DEEP: list[object] = []
for _ in range(500_000):  # Python 3.14 writes, and reads, 50,000
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("é", '"é"'),
        ("two\nlines", '"two\\nlines"'),
        ((1, 2), "[1, 2]"),
        ({3, 1, 2}, "[1, 2, 3]"),
        ({1: 2}, '{"1": 2}'),
        ({(1, 2): 3}, '{"(1, 2)": 3}'),
        (Point(1, {2}), '{"x": 1, "y": [2]}'),
        (Colour.RED, '"red"'),
        ([Model(1), Model(None)], '[{"found": 1, "mode": "json"}, {"__repr__": "Model()"}]'),
        (Defined(), '{"size": 3}'),
        (pathlib.PurePosixPath("/a"), '"/a"'),
        (dt.datetime(2020, 1, 2, 3, 4), '"2020-01-02T03:04:00"'),
        (decimal.Decimal("1.50"), '"1.50"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (math.nan, '{"__repr__": "nan"}'),
        ([math.inf, 1.5], '[{"__repr__": "inf"}, 1.5]'),
        (b"x", '{"__repr__": "b\'x\'"}'),
        ({"deep": [1j]}, '{"deep": [{"__repr__": "1j"}]}'),
        (Silent(), '{"__repr__": "<Silent whose repr raised ZeroDivisionError>"}'),
        (LOOP, '[{"__repr__": "[[...]]"}]'),
        (Point(1, math.nan), '{"x": 1, "y": {"__repr__": "nan"}}'),
        ([10**5000], json.dumps([{"__repr__": hex(10**5000)}])),
        ("\udcff", '"\\udcff"'),
    ],
)
def test_values(value, text):
    assert to_json(value).decode() == text


def test_arrays():
    numpy = pytest.importorskip("numpy")
    assert (
        to_json({"a": numpy.arange(3), "b": numpy.float64(0.5), "c": numpy.int8(3)})
        == b'{"a": [0, 1, 2], "b": 0.5, "c": 3}'
    )
    assert json.loads(to_json(numpy.array([numpy.nan, 1.0]))) == [{"__repr__": "nan"}, 1.0]


@pytest.mark.parametrize("value", [DEEP, WIDE], ids=["deep", "wide"])
def test_what_never_ends_is_cut(value):
    text = to_json(value)
    assert len(text) < 100_000
    json.loads(text)


@settings(suppress_health_check=[HealthCheck.too_slow])  # others run beside it
@given(
    st.recursive(
        st.none() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
        lambda x: st.lists(x) | st.dictionaries(st.text() | st.integers(), x),
    )
)
def test_always_strict_json_in_one_line(value):
    text = to_json(value)
    assert b"\n" not in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def outcome(**fields: object) -> Outcome[object]:
    return Outcome(
        **{
            "index": 0,
            "input": "a",
            "value": None,
            "error": None,
            "attempts": 1,
            "worker": "w",
            "started": 0.0,
            "ended": 0.0,
            **fields,
        }
    )


def test_a_value():
    assert record_line(outcome(value=3)) == b'{"index": 0, "input": "a", "value": 3}\n'
    assert record_line(outcome(value=None)) == b'{"index": 0, "input": "a", "value": null}\n'


def test_an_error():
    record = json.loads(record_line(outcome(error=KeyError("k"))))
    assert list(record) == ["index", "input", "error"]
    assert record["error"] == {"type": "KeyError", "message": "'k'", "traceback": "KeyError: 'k'\n"}


def test_an_error_that_cannot_be_put_into_words():
    class Mute(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    assert describe(Mute())["message"] == "<Mute whose str raised ZeroDivisionError>"


def test_an_error_whose_traceback_python_cannot_print():
    class Untrue(Exception):
        def __bool__(self) -> bool:
            raise ZeroDivisionError

        __cause__ = property(__bool__)

    try:
        raise Untrue("why")
    except Untrue as error:
        said = describe(error)["traceback"]
    assert 'raise Untrue("why")' in said
    assert said.endswith("Untrue: why\n")


def test_a_line_that_was_no_json_is_given_back_as_it_was():
    assert json.loads(record_line(outcome(input=Unreadable("{x", "why"), error=ValueError("why"))))["input"] == "{x"
