"""Which values nobody can change, so that a copy is as good as the original."""

from __future__ import annotations

import builtins
from types import BuiltinFunctionType, ModuleType
from typing import Any

from plait._engines.sentinels import SENTINEL

_FROZEN_DICT: Any = getattr(builtins, "frozendict", None)  # from CPython 3.15 on
_ATOMS = (
    int, float, complex, bool, str, bytes, type(None), type(...), type(NotImplemented), range, slice, frozenset,
    ModuleType, BuiltinFunctionType, type, SENTINEL,
)  # fmt: skip
_IMMUTABLE = frozenset({  # by name: to import them would cost more than all the rest of the decision
    ("re", "Pattern"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("datetime", "date"), ("datetime", "time"),
    ("datetime", "timedelta"), ("datetime", "tzinfo"), ("pathlib", "PurePath"), ("pathlib._local", "PurePath"),
    ("uuid", "UUID"), ("enum", "Enum"), ("ipaddress", "IPv4Address"), ("ipaddress", "IPv6Address"),
    ("dataclasses", "_HAS_DEFAULT_FACTORY_CLASS"),
})  # fmt: skip


def is_immutable(value: Any) -> bool:
    """Whether nobody can tell a copy of it from the original."""
    if isinstance(value, tuple):
        return all(is_immutable(part) for part in value)
    if type(value) is _FROZEN_DICT:
        return all(is_immutable(part) for part in value.values())
    return isinstance(value, _ATOMS) or any(
        (base.__module__, base.__qualname__) in _IMMUTABLE for base in type(value).__mro__
    )
