"""What a function needs of the namespace that it was defined in, and how the values in it differ from that."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from types import FunctionType, ModuleType
from typing import Any

from plait._check.programs.cells import Cell, Statement, cells_of, statements_of
from plait._check.programs.given import is_of
from plait._check.programs.needed import Needs, Scope, Sort, Step, needs
from plait._check.programs.shape import shape
from plait._check.programs.starters import starters
from plait._check.programs.taken_values import Taken
from plait._check.rewrite.module import Part
from plait._core.errors import UsageError
from plait._core.importable import MAIN_ANEW

_NOTHING = ModuleType("nothing")
_UNNAMED = ("<timed exec>", "<unknown>")  # under which magic commands of IPython compile what they run
_UNKNOWN = (
    "check({0}): its source is in no file and not known, so it cannot be observed: only the prompt of Python "
    "3.13 keeps it, and no pipe does. Write it and what it calls into a .py file, import it and check that, or define "
    "it in Jupyter or IPython"
)
_DEFINING = "ended before all that the test needs was defined anew, which is done each time: make that smaller"


class Definitions:
    """What a function needs of the namespace that it was defined in.

    Attributes:
        changed: the names of values that are not any more what their definitions give; it is known after the first
            execution.
        notes: what is worth a word of how the values are that the test gets; it is known then, too.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        inner: Any = inspect.unwrap(function)
        self.scope: dict[str, Any] = inner.__globals__
        self.name: str = function.__name__
        steps = [Step(one) for one in statements_of(cells_of(self.scope), self.scope)]
        self._steps = steps
        at = self._home(inner)
        if at < 0:
            raise UsageError(_UNKNOWN.format(self.name))
        names = frozenset(name for name in self.scope if name[:2] != "__")  # what each module has for itself
        known = Scope(steps, names, self._sort, self._home_of, _stars(steps))
        found = needs(self.name, at, known, starters(steps, self.scope))
        self.module = "__main__" if self.scope.get("__name__") == "__main__" else MAIN_ANEW
        self.file = steps[at].statement.cell.name
        self.taken = [Taken(one, self.scope[one], self.name, str(inner.__module__)) for one in found.unbound]
        self.parts = list(_parts(found))
        self.flags = _future(steps)
        self._data = {
            one: shape(self.scope[one]) for one in sorted(found.names - set(found.unbound)) if self._has_state(one)
        }
        self.notes = [f"{one.name} as it is now" for one in self.taken if one.is_copy]
        self.notes.append(_DEFINING)
        self.changed: list[str] = []

    def compare(self, module: ModuleType) -> None:
        """Notes what of the namespace is not any more as it was defined, which a first execution has just done anew."""
        if _DEFINING in self.notes:
            self.notes.remove(_DEFINING)
            made = {name: shape(module.__dict__[name]) for name in self._data if name in module.__dict__}
            others = [name for name, seen in made.items() if seen != self._data[name]]
            self.changed += others
            if others:
                self.notes.append(f"{', '.join(others)} as defined, not as now")

    def _has_state(self, name: str) -> bool:
        return name in self.scope and not isinstance(self.scope[name], (ModuleType, FunctionType))

    def _sort(self, name: str) -> Sort:
        value = self.scope.get(name)
        if isinstance(value, ModuleType):
            return Sort.MODULE
        return Sort.DEFINITION if isinstance(value, (type, FunctionType)) else Sort.DATA

    def _home_of(self, name: str) -> int:
        value = self.scope.get(name)
        functions = [value, *vars(value).values()] if isinstance(value, type) else [value]
        mine = (one for one in map(_unwrapped, functions) if one is not None and one.__globals__ is self.scope)
        return next((at for one in mine if (at := self._home(one)) >= 0), -1)

    def _home(self, function: Any) -> int:
        """The number of the last step that the code of a function may be of; -1 for none."""
        code = function.__code__
        named = -1
        for number, step in enumerate(self._steps):
            if step.statement.cell.file == code.co_filename or code.co_filename in _UNNAMED:
                if any(is_of(code, node) for node in ast.walk(step.node)):
                    named = number
        return named


def _parts(found: Needs) -> Iterator[tuple[Part, str]]:
    """The statements, those of a cell together, with the text of the cell."""
    for cell, statements in groupby(found.statements, key=_cell_of):
        yield Part(cell.name, [one.node for one in statements]), cell.text


def _cell_of(statement: Statement) -> Cell:
    return statement.cell


def _future(steps: list[Step]) -> int:
    """The flags of the features that were imported from `__future__`, which hold for all that comes later."""
    names = [
        alias.name
        for step in steps
        if isinstance(step.node, ast.ImportFrom) and step.node.module == "__future__"
        for alias in step.node.names
    ]
    features = importlib.import_module("__future__")
    flags: int = 0
    for name in names:
        flags |= getattr(features, name).compiler_flag
    return flags


def _stars(steps: list[Step]) -> dict[int, frozenset[str]]:
    """The names that statements bind by ``from module import *``."""
    found = {}
    for number, step in enumerate(steps):
        if isinstance(step.node, ast.ImportFrom) and step.node.names[0].name == "*":
            module = sys.modules.get(step.node.module or "", _NOTHING)
            public = getattr(module, "__all__", None) or (one for one in vars(module) if one[0] != "_")
            found[number] = frozenset(public)
    return found


def _unwrapped(value: Any) -> FunctionType | None:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    inner = inspect.unwrap(value) if callable(value) and not isinstance(value, type) else None
    return inner if isinstance(inner, FunctionType) else None
