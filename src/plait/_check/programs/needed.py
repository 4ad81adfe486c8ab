"""Which statements of a namespace a function needs: those that bind the names it uses, and those of these, and so on.

Of a name that was bound again and again the last binding counts, with what has been done to its value since by
statements that name it: ``accounts["a"] = 1``, ``bank.open("a")``, ``@handlers.add``. What functions did when they were
called is no definition, and does not count. Pure: it reads syntax trees and runs nothing.
"""

from __future__ import annotations

import ast
import dis
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cached_property
from inspect import CO_COROUTINE
from types import CodeType
from typing import NamedTuple

from plait._check.programs.cells import Statement
from plait._core.code_names import codes_in

_ONCE = frozenset({"input", "getpass", "get_ipython", "raw_input"})
_BY_NAME = frozenset({"eval", "exec", "globals", "vars", "locals"})
_SETTERS = ("setattr", "delattr")
_CHANGERS = ("heapq", "random", "bisect")  # whose functions change what they are given
_UNSURE = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match, ast.AugAssign, ast.Delete)


class Sort(IntEnum):
    """What a name stands for, as far as it matters for what may be done to it."""

    MODULE = 0  # nobody changes it but by storing to it
    DEFINITION = 1  # a function or a class: it is called, and changed by storing to it or by its decorators
    DATA = 2


class Needs(NamedTuple):
    """What a function needs.

    Attributes:
        statements: to be run, in this order.
        names: all that they use or bind.
        unbound: the names that none of them can bind anew.
    """

    statements: list[Statement]
    names: frozenset[str]
    unbound: tuple[str, ...]


class Step:
    """A statement, and what it does to names."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.node = statement.node
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._codes = codes_in(compile(ast.Module([self.node], []), "<cell>", "exec", flags, dont_inherit=True))

    @cached_property
    def binds(self) -> frozenset[str]:
        return frozenset(_names(self._codes[0], "STORE_NAME", "STORE_GLOBAL"))

    @cached_property
    def uses(self) -> frozenset[str]:
        """The names that it may use, when it runs or when what it defines is called."""
        ways = "LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL", "DELETE_NAME"
        found = {name for code in self._codes for name in _names(code, *ways)}
        if found & _BY_NAME:
            texts = (node.value for node in ast.walk(self.node) if isinstance(node, ast.Constant))
            words = " ".join(text for text in texts if isinstance(text, str))
            found.update(word for word in "".join(c if c.isidentifier() or c.isdigit() else " " for c in words).split())
        return frozenset(found)

    @cached_property
    def stores(self) -> frozenset[str]:
        """The global variables that functions in it bind."""
        return frozenset(name for code in self._codes[1:] for name in _names(code, "STORE_GLOBAL"))

    @property
    def is_sure(self) -> bool:
        """Whether what it binds does not depend on what was bound before."""
        names = self.node.names if isinstance(self.node, ast.Import) else []
        if any("." in alias.name and not alias.asname for alias in names):
            return False  # it adds a module to a package that may be there
        return not isinstance(self.node, _UNSURE) and self.binds.isdisjoint(_names(self._codes[0], "LOAD_NAME"))

    @property
    def starts(self) -> bool:
        """Whether it says of anything that it shall start."""
        calls = (node.func for node in ast.walk(self.node) if isinstance(node, ast.Call))
        return isinstance(self.node, (ast.Expr, ast.For)) and any(getattr(one, "attr", "") == "start" for one in calls)

    @property
    def happens_once(self) -> bool:
        """Whether it cannot be run again and again: it asks somebody, or awaits in the loop of a notebook."""
        if bool(self._codes[0].co_flags & CO_COROUTINE):
            return True
        return not _ONCE.isdisjoint(_names(self._codes[0], "LOAD_NAME"))

    @cached_property
    def decorators(self) -> list[tuple[str, int]]:
        """The functions that decorate what it defines, each with 2 if a call of it gives the one that does."""
        found = getattr(self.node, "decorator_list", [])
        return [(_root(one), 2 if isinstance(one, ast.Call) else 1) for one in found]

    def uses_at_once(self, depth: int) -> frozenset[str]:
        """The names that the function which it defines uses when it is called, and functions within, less deep."""
        inner = (code for code in self._codes[1:] if code.co_qualname.count("<locals>") < depth)
        return frozenset(name for code in inner for name in _names(code, "LOAD_GLOBAL"))

    def changes(self, name: str, sort: Sort) -> bool:
        """Whether it does something to the value of this name."""
        return any(name == found and sort >= least for found, least in self._changes)

    @cached_property
    def _changes(self) -> list[tuple[str, Sort]]:
        return list(_changed(self.node))


class Scope(NamedTuple):
    """What is known about a namespace.

    Attributes:
        steps: the statements that were run in it.
        names: those that it has now.
        sort: what each of them stands for.
        home: the number of the step that has the code of what a name stands for; -1 if it is not known.
        stars: the names that a step of that number binds by ``from module import *``.
    """

    steps: Sequence[Step]
    names: frozenset[str]
    sort: Callable[[str], Sort]
    home: Callable[[str], int]
    stars: Mapping[int, frozenset[str]]


def needs(function: str, at: int, scope: Scope, others: Sequence[int] = ()) -> Needs:
    """What the function of this name needs, which the step number `at` defines.

    The steps in `others` start threads, which are needed if they share data with it.
    """
    found = _needs(function, [at], scope)
    data = {name for name in found.names if scope.sort(name) is Sort.DATA}
    shared = [number for number in others if data.intersection(_needs("", [number], scope).names)]
    return _needs(function, [at, *shared], scope) if shared else found


def _needs(function: str, at: Sequence[int], scope: Scope) -> Needs:
    search = _Search(scope)
    if scope.home(function) in at:
        search.add_name(function)
    for number in at:
        search.add(number)
        search.add_names(scope.steps[number].binds - {function})
    search.close({function})
    for name in tuple(search.unbound):
        search.add_call_that_sets(name)
    search.close()
    chosen = sorted(search.chosen)
    set_here = {name for number in chosen for name in scope.steps[number].stores}
    unbound = tuple(name for name in search.unbound if name not in set_here)
    return Needs([scope.steps[number].statement for number in chosen], frozenset(search.done), unbound)


class _Search:
    """From names to the steps that bind them, and from steps to the names that they use."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._todo: list[str] = []
        self.done: set[str] = set()
        self.chosen: set[int] = set()
        self.unbound: list[str] = []

    def add(self, number: int) -> None:
        if number not in self.chosen:
            self.chosen.add(number)
            self._todo += sorted(self._scope.steps[number].uses & self._scope.names)

    def add_names(self, names: Iterable[str]) -> None:
        self._todo += sorted(names)

    def close(self, done: Iterable[str] = ()) -> None:
        self.done.update(done)
        while self._todo:
            name = self._todo.pop()
            if name not in self.done:
                self.done.add(name)
                self.add_name(name)

    def add_name(self, name: str) -> None:
        steps = self._scope.steps
        found = self._binders(name)
        if found:
            sort = self._scope.sort(name)
            later = range(found[-1] + 1, len(steps))
            found += [number for number in later if steps[number].changes(name, sort) or self._registers(number, name)]
        if not found or any(steps[number].happens_once for number in found):
            self.unbound.append(name)
            return
        for number in found:
            self.add(number)

    def add_call_that_sets(self, name: str) -> None:
        """A statement that does nothing but call a function that binds the name, where the test does not bind it."""
        steps = self._scope.steps
        if any(name in steps[number].stores for number in self.chosen):
            return
        setters = {one for step in steps if name in step.stores for one in step.binds}
        for number in reversed(range(len(steps))):
            node = steps[number].node
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _root(node.value.func) in setters:
                self.add(number)
                self.unbound.remove(name)
                return

    def _registers(self, number: int, name: str) -> bool:
        """Whether what this step defines is decorated by a function that uses the name to do so."""
        return any(
            name in step.uses_at_once(depth)
            for decorator, depth in self._scope.steps[number].decorators
            for step in self._scope.steps
            if decorator in step.binds and isinstance(step.node, ast.FunctionDef)
        )

    def _binders(self, name: str) -> list[int]:
        """The last step that binds the name for certain, and those before it back to one that does; last one first."""
        steps, stars = self._scope.steps, self._scope.stars
        last = len(steps)
        home = self._scope.home(name)
        found: list[int] = []
        for number in reversed(range(last)):
            if name in steps[number].binds or name in stars.get(number, ()):
                found.append(number)
                if steps[number].is_sure:
                    break
        if home >= 0 and home not in found and name in steps[home].binds:
            return [home]  # what was run later has not come that far
        return found


def _changed(node: ast.AST) -> Iterator[tuple[str, Sort]]:
    """The names to whose values a statement does something, and what they have to be at least for that."""
    for target in _targets(node):
        if not isinstance(target, ast.Name):
            yield _root(target), Sort.MODULE
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for decorator in node.decorator_list:
            by_name = isinstance(decorator, ast.Name) or isinstance(getattr(decorator, "func", None), ast.Name)
            yield _root(decorator), Sort.DATA if by_name else Sort.DEFINITION
    elif isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
        yield from _changed_by(node.value)
    else:
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            inside = {name for inner in node.body for name, _ in _changed(inner)}
            yield from [(_root(node.iter), Sort.DATA)] if node.target.id in inside else []
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            for inner in getattr(node, block, ()):
                yield from _changed(inner)


def _changed_by(call: ast.Call) -> Iterator[tuple[str, Sort]]:
    root = _root(call.func)
    if isinstance(call.func, ast.Attribute):
        yield root, Sort.DEFINITION if call.func.attr == "register" else Sort.DATA
    if root in _SETTERS or root in _CHANGERS:
        least = Sort.MODULE if root in _SETTERS else Sort.DATA
        yield from ((_root(argument), least) for argument in call.args[:1])


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.Assign, ast.Delete)):
        for target in node.targets:
            yield from target.elts if isinstance(target, (ast.Tuple, ast.List)) else (target,)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        yield node.target


def _root(node: ast.AST) -> str:
    """The name with which an expression begins: ``bank`` in ``bank.accounts["a"].open()``; "" if with none."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Starred)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _names(code: CodeType, *ways: str) -> Iterator[str]:
    return (instruction.argval for instruction in dis.get_instructions(code) if instruction.opname in ways)
