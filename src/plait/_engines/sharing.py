"""Whether a function depends on memory it shares with the rest of the program, as far as its code shows.

It does when it stores to a global or captured name, when it uses a mutable object that is global or captured, when it
has state of its own, or when it cannot be pickled. The functions it calls are looked at too, unless they belong to an
installed package or the standard library.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import pathlib
import re
import uuid
from _collections_abc import Iterator
from dis import Instruction, get_instructions
from types import BuiltinFunctionType, CodeType, FunctionType, MethodDescriptorType, ModuleType
from typing import Any

from plait._core.installed import is_installed
from plait._core.star import Star

_ATOMS = (
    int, float, complex, bool, str, bytes, type(None), type(...), range, slice, frozenset, re.Pattern, decimal.Decimal,
    fractions.Fraction, dt.date, dt.time, dt.timedelta, dt.tzinfo, pathlib.PurePath, uuid.UUID,
    enum.Enum, ModuleType, BuiltinFunctionType, type,
)  # fmt: skip
_DEPTH = 4
_STORES = ("STORE_GLOBAL", "DELETE_GLOBAL")
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")


def is_immutable(value: object) -> bool:
    """Whether nobody can tell a copy of it from the original."""
    if isinstance(value, tuple):
        return all(is_immutable(part) for part in value)
    return isinstance(value, _ATOMS)


def obstacle(function: object) -> str:
    """Why the function must stay in this process, or an empty string when nothing speaks against moving it."""
    return _obstacle(function, _DEPTH, set())


def _obstacle(function: Any, depth: int, seen: set[int]) -> str:
    if id(function) in seen or depth == 0:
        return ""
    seen.add(id(function))
    if isinstance(function, Star):
        return _obstacle(function.fn, depth, seen)
    partial = getattr(function, "func", None)
    if partial is not None and hasattr(function, "keywords"):
        for value in (*function.args, *function.keywords.values()):
            if not is_immutable(value) and not isinstance(value, FunctionType):
                return f"an argument bound to it, {_name(value)}, is shared"
        return _obstacle(partial, depth, seen)
    if isinstance(function, FunctionType):
        return _of_python_function(function, depth, seen)
    if isinstance(function, BuiltinFunctionType):
        owner = function.__self__
        return (
            ""
            if owner is None or isinstance(owner, ModuleType) or is_immutable(owner)
            else f"it belongs to {_name(owner)}, which is shared"
        )
    if hasattr(function, "__wrapped__") and not hasattr(function, "__self__"):
        return _obstacle(function.__wrapped__, depth, seen)
    return (
        ""
        if isinstance(function, (type, MethodDescriptorType))
        else f"{_name(function)} has state that would be copied"
    )


def _of_python_function(function: FunctionType, depth: int, seen: set[int]) -> str:
    if is_installed(function):  # nobody shares its state on purpose
        return ""
    captured = dict(_captured(function))
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        if not is_immutable(value) and not isinstance(value, FunctionType):
            return f"a default argument, {_name(value)}, is shared between calls"
    for previous, instruction in _instructions(function.__code__):
        name = instruction.argval
        if instruction.opname in _STORES:
            return f"it assigns to the global name {name!r}"
        if instruction.opname in ("STORE_DEREF", "DELETE_DEREF") and name in captured:
            return f"it assigns to the captured name {name!r}"
        if instruction.opname in ("STORE_ATTR", "DELETE_ATTR") and previous is not None and previous.opname in _LOADS:
            return f"it assigns to an attribute of {previous.argval!r}"
        if instruction.opname in _LOADS:
            reason = _of_name(name, captured, function.__globals__, depth, seen)
            if reason:
                return reason
    return ""


def _of_name(name: str, captured: dict[str, object], scope: dict[str, object], depth: int, seen: set[int]) -> str:
    if name in captured:
        value = captured[name]
    elif name in scope:
        value = scope[name]
    else:
        return ""
    if is_immutable(value):
        return ""
    if callable(value) and (isinstance(value, FunctionType) or hasattr(value, "__wrapped__")):
        return _obstacle(value, depth - 1, seen)
    if _is_frozen_instance(value):
        return ""
    return f'"{name}" is shared; pass engine="process" if it is only read'


def _instructions(code: CodeType) -> Iterator[tuple[Instruction | None, Instruction]]:
    previous: Instruction | None = None
    for instruction in get_instructions(code):
        yield previous, instruction
        previous = instruction
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)


def _captured(function: FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            yield name, None


def _is_frozen_instance(value: object) -> bool:
    parameters = getattr(type(value), "__dataclass_params__", None)
    return bool(parameters is not None and parameters.frozen)


def _name(value: object) -> str:
    return f"{_article(type(value).__name__)} {type(value).__name__}"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"
