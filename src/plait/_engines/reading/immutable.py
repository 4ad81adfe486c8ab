"""Which values nobody can change, so that a copy is as good as the original."""

from __future__ import annotations

import builtins
from types import BuiltinFunctionType, ModuleType
from typing import Any

from plait._engines.pickling.sentinels import SENTINEL

_FROZEN_DICT: Any = getattr(builtins, "frozendict", None)  # from CPython 3.15 on
_ATOMS = (int, float, complex, str, bytes, range, slice, frozenset)
_OBJECTS = (bool, type(None), type(...), type(NotImplemented), ModuleType, type, SENTINEL)  # there is one of each
_PLAIN = frozenset({int, float, complex, str, bytes, range, slice, frozenset})
_IMMUTABLE = frozenset({  # by name: to import them would cost more than all the rest of the decision
    ("re", "Pattern"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("datetime", "date"), ("datetime", "time"),
    ("datetime", "timedelta"), ("datetime", "tzinfo"), ("pathlib", "PurePath"), ("pathlib._local", "PurePath"),
    ("uuid", "UUID"), ("enum", "Enum"), ("ipaddress", "IPv4Address"), ("ipaddress", "IPv6Address"),
    ("dataclasses", "_HAS_DEFAULT_FACTORY_CLASS"),
})  # fmt: skip


def is_immutable(value: Any) -> bool:
    """Whether nobody can tell a copy of it from the original."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if issubclass(kind, _OBJECTS):
        return True
    if issubclass(kind, BuiltinFunctionType):  # a method of an object in C, such as `append`, is as mutable as that
        return value.__self__ is None or is_immutable(value.__self__)
    if any((base.__module__, base.__qualname__) in _IMMUTABLE for base in kind.__mro__):
        return True
    if getattr(value, "__dict__", None):  # the program's own kind of number or text, with attributes
        return False
    if issubclass(kind, tuple):
        return all(is_immutable(part) for part in value)
    if kind is _FROZEN_DICT:
        return all(is_immutable(part) for part in value.values())
    return issubclass(kind, _ATOMS)
