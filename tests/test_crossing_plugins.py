"""What a program has loaded by the path of its file under a dotted name, as plug-ins are, crosses to workers and back."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

import plait

pytestmark = pytest.mark.usefixtures("nothing_left")

PLUGIN = """
FACTOR = 4
class Scaled:
    def __init__(self, n): self.n = n
    def by(self, m): return self.n * m * FACTOR
    def __eq__(self, other): return type(self) is type(other) and self.n == other.n
class Refused(Exception): pass
def scale(n): return Scaled(n).by(1)
def refuse(n): raise Refused(n)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "any.py").write_text(PLUGIN)
    name = "no_such_package.plugins.scaling"
    spec = importlib.util.spec_from_file_location(name, tmp_path / "any.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_functions_and_methods_and_what_they_name_cross(plugin: Any) -> None:
    for function in (plugin.scale, plugin.Scaled(1).by, lambda n: plugin.scale(n), lambda n: plugin.Scaled(n).by(1)):
        assert list(plait.map(function, [1, 2], engine="process", workers=1)) == [4, 8]


def test_objects_come_back_as_those_of_the_class_that_is_here(plugin: Any) -> None:
    items = [plugin.Scaled(1), plugin.Scaled(2)]
    assert list(plait.map(plugin.Scaled, [1, 2], engine="process", workers=1)) == items
    assert list(plait.map(lambda each: each, items, engine="process", workers=1)) == items


def test_its_errors_are_caught_by_their_class(plugin: Any) -> None:
    with pytest.raises(plugin.Refused):
        list(plait.map(plugin.refuse, [1], engine="process", workers=1))


def test_a_class_may_make_anything_of_its_module() -> None:
    class Odd:
        __module__ = property(lambda self: "odd")  # type: ignore[assignment]  # that is what is odd

    assert list(plait.map(lambda _: Odd().__module__, [1], engine="process", workers=1)) == ["odd"]
