"""Tells whether a function can be run again without anybody noticing: it reaches nothing outside its own process.

What a worker changes in its own memory goes with the worker, so only input and output matter: a function that names no
more than builtins without side effects, ``math``, constants and other such functions cannot do any. Everything else
counts as unrepeatable.
"""

from __future__ import annotations

import builtins
import functools
from _collections_abc import Iterable
from itertools import chain
from opcode import opmap
from types import BuiltinFunctionType, CodeType, FunctionType, MethodDescriptorType, ModuleType

from plait._core.star import Star

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

_SCALARS = frozenset({int, float, bool, type(None), str, bytes, complex})
_CONTAINERS = (list, tuple, dict, set, frozenset)
_TYPES = frozenset({*_SCALARS, *_CONTAINERS, range, enumerate, zip, map, filter, reversed, slice, bytearray, object})
_PURE = frozenset(
    getattr(builtins, name)
    for name in (
        "abs all any ascii bin callable chr divmod format hash hex isinstance issubclass iter len max min next oct ord "
        "pow repr round sorted sum"
    ).split()
)
_MODULES = frozenset({"math", "cmath", "operator", "_operator"})
_IMPORT = opmap["IMPORT_NAME"]
_ELEMENTS = 256  # of a captured container that are looked at; a larger one counts as unknown


def is_repeatable(value: Any, seen: set[int] | None = None) -> bool:
    """Whether calling the function again, or using the value again, has no effect outside its process.

    >>> is_repeatable(lambda x: x + 1), is_repeatable(print)
    (True, False)
    """
    seen = set() if seen is None else seen
    if id(value) in seen:
        return True
    seen.add(id(value))
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is FunctionType:
        return _function(value, seen)
    if kind is Star:
        return is_repeatable(value.fn, seen)
    if kind is functools.partial:
        return _all((value.func, *value.args, *value.keywords.values()), seen)
    if kind in _CONTAINERS:
        elements = chain(value.keys(), value.values()) if kind is dict else value
        return len(value) <= _ELEMENTS and _all(elements, seen)
    return _is_known(value, kind)


def _is_known(value: Any, kind: type) -> bool:
    if kind is ModuleType:
        return value.__name__ in _MODULES
    if kind is BuiltinFunctionType:
        return value in _PURE or value.__module__ in _MODULES or type(value.__self__) in _SCALARS
    if kind is MethodDescriptorType:
        return value.__objclass__ in _TYPES
    return kind is type and value in _TYPES


def _all(values: Iterable[object], seen: set[int]) -> bool:
    return all(is_repeatable(value, seen) for value in values)


def _function(function: FunctionType, seen: set[int]) -> bool:
    scope = function.__globals__
    names: set[str] = set()
    for code in _codes(function.__code__):
        if _IMPORT in code.co_code[::2]:
            return False
        names.update(
            code.co_names
        )  # of globals and of attributes: the latter belong to something that is looked at too
    for name in names:
        if name in scope:
            if not is_repeatable(scope[name], seen):
                return False
        elif hasattr(builtins, name) and not is_repeatable(getattr(builtins, name), seen):
            if not _is_error(getattr(builtins, name)):
                return False
    captured = []
    for cell in function.__closure__ or ():
        try:
            captured.append(cell.cell_contents)
        except ValueError:  # not assigned yet, so not usable either
            continue
    return _all((*captured, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()), seen)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _codes(code: CodeType) -> list[CodeType]:
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += _codes(constant)
    return found
