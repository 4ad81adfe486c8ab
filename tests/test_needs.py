"""Needs: what comes along with a function decides how long processes take to start for it."""

from __future__ import annotations

import json
import os
import sys
from types import ModuleType
from typing import Any

import pytest

from plait._engines.choosing import needs
from plait._engines.choosing.choice import Measured, start_seconds
from plait._engines.choosing.needs import StartUp, modules_with

HOLDS = Measured(calls=10, elapsed=0.03, busy=0.03, gil=0.97, left=100, cores=2)  # saves 150 ms


def module(name: str, **contents: Any) -> ModuleType:
    made = ModuleType(name)
    made.__file__ = f"/{name}.py"
    vars(made).update(contents)
    return made


def made_in(origin: str) -> Any:
    def fn(x: int) -> int:
        return x

    fn.__module__ = origin
    return fn


class Untouchable:
    """As a lazy proxy, whose attributes do what nobody has asked for."""

    @property
    def __module__(self) -> str:  # type: ignore[override]
        raise AssertionError

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise AssertionError


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """`first` imports all of `second`, and a function of `inside.third`; nobody needs `apart`."""
    third, inside = module("inside.third"), module("inside")
    second = module("second", back=sys, itself=made_in("second"), proxy=Untouchable())
    first = module("first", second=second, fn=made_in("inside.third"), missing=made_in("never_imported"))
    vars(second)["again"] = first
    for one in (first, second, third, inside, module("apart")):
        monkeypatch.setitem(sys.modules, one.__name__, one)


def test_what_is_imported_on_the_way_counts_once(modules: None) -> None:
    assert modules_with(made_in("first"), 100) == 4
    assert modules_with(made_in("second"), 100) == 4
    assert modules_with(made_in("inside.third"), 100) == 2
    assert modules_with(made_in("first"), 3) == 3
    assert modules_with(made_in("first"), 0) == 0


def test_what_has_no_file_costs_nothing() -> None:
    assert modules_with(sys.getsizeof, 100) == 0
    assert modules_with(made_in("builtins"), 100) == 0
    assert modules_with(made_in("plait"), 100) == 0  # workers have it


def test_what_the_interpreter_starts_with_leads_to_nothing() -> None:
    """Not even by its package: codecs leads to importlib, which has importlib.metadata if anybody has imported it."""
    import importlib.metadata  # noqa: F401

    assert 0 < modules_with(json.loads, 1000) < 30
    assert modules_with(os.fspath, 1000) == modules_with(os.path.getsize, 1000) == 0


@pytest.mark.parametrize(
    ("measured", "comes", "start", "most"),
    [
        (HOLDS._replace(left=10_000), 7, start_seconds(650), None),  # pays in any case
        (HOLDS._replace(left=10), 7, start_seconds(650), None),  # never pays
        (HOLDS, 7, start_seconds(7), 250),  # pays, since the function needs little
        (HOLDS, 250, start_seconds(250), 250),  # needs too much
    ],
)
def test_what_comes_along_is_counted_when_the_choice_hangs_on_it(
    monkeypatch: pytest.MonkeyPatch, measured: Measured, comes: int, start: float, most: int | None
) -> None:
    asked: list[int] = []

    def count(fn: object, most: int) -> int:
        asked.append(most)
        return comes

    monkeypatch.setattr(needs, "modules_with", count)
    monkeypatch.setattr(sys, "modules", dict.fromkeys(range(800)))
    start_up = StartUp(abs)
    assert start_up.of(measured).start == pytest.approx(start)
    assert start_up.of(measured).start == pytest.approx(start)
    assert len(asked) == (most is not None)
    assert most is None or asked[0] == pytest.approx(most, abs=2)


def test_where_the_classes_of_objects_come_from_counts(modules: None) -> None:
    """As of functions that a library has compiled, which look like those they were made of, and of models."""
    kind = type("Compiled", (), {"__module__": "first", "__call__": made_in("first")})
    compiled = kind()
    script = {"__name__": "__main__", "compiled": compiled}
    exec("def uses(x): return compiled(x)", script)
    assert modules_with(script["uses"], 100) == 4
    assert modules_with(compiled, 100) == 4
    compiled.__wrapped__ = eval("lambda x: x", {"__name__": "__main__"})
    assert modules_with(compiled, 100) == 4
