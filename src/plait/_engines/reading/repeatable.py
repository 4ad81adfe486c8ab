"""Tells whether a function can be run again without anybody noticing: it reaches nothing outside its own process.

What a worker changes in its own memory goes with the worker, so only input and output matter: a function that names no
more than builtins without side effects, modules that compute, constants and other such functions cannot do any.
Everything else counts as unrepeatable.
"""

from __future__ import annotations

import builtins
import functools
import sys
from _collections_abc import Iterable
from itertools import chain
from opcode import opmap
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, ModuleType

from plait._core.code_names import codes_in
from plait._core.lazy_imports import settled
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
# Modules of the standard library that compute, and where some of it is implemented: what writes is given an open file.
_COMPUTE = frozenset(
    "_bisect _blake2 _datetime _decimal _functools _hashlib _heapq _hmac _md5 _operator _pydatetime _pydecimal _random "
    "_sha1 _sha2 _sha256 _sha3 _sha512 _statistics _string _struct base64 binascii bisect cmath collections colorsys "
    "copy datetime decimal difflib fractions functools hashlib heapq hmac html itertools json json.decoder "
    "json.encoder math numbers operator random re statistics string struct textwrap unicodedata urllib.parse "
    "zlib".split()
)
_HOLD_NO_CODE = frozenset("_random _struct datetime decimal fractions random re struct".split())
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
    if kind is FunctionType:  # a decorator may have given it the name and the module of what it wraps
        return value.__globals__.get("__name__") in _COMPUTE or _function(value, seen)
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
        return value.__name__ in _COMPUTE
    if isinstance(value, BuiltinFunctionType):
        return value in _PURE or value.__module__ in _COMPUTE or _is_plain_or_known(type(value.__self__))
    if kind is MethodDescriptorType:
        return value.__objclass__ in _TYPES
    if kind is type:
        return value in _TYPES or _is_class_of(_COMPUTE, value)
    return _is_plain_or_known(kind)


def _is_plain_or_known(kind: type) -> bool:
    """Whether objects of the class, such as compiled patterns and dates, run nobody else's code."""
    return kind in _SCALARS or _is_class_of(_HOLD_NO_CODE, kind)


def _is_class_of(modules: frozenset[str], kind: type) -> bool:
    name = kind.__module__
    return name in modules and getattr(sys.modules.get(name), kind.__name__, None) is kind


def _all(values: Iterable[object], seen: set[int]) -> bool:
    return all(is_repeatable(value, seen) for value in values)


def _function(function: FunctionType, seen: set[int]) -> bool:
    scope = function.__globals__
    names: set[str] = set()
    for code in codes_in(function.__code__):
        if _IMPORT in code.co_code[::2]:
            return False
        names.update(
            code.co_names
        )  # of globals and of attributes: the latter belong to something that is looked at too
    used = {name: settled(scope, name) for name in names if name in scope}
    modules = [value for value in used.values() if isinstance(value, ModuleType)]
    for name in names:
        if name in used:
            if not is_repeatable(used[name], seen):
                return False
        elif hasattr(builtins, name) and not is_repeatable(getattr(builtins, name), seen):
            if not _is_error(getattr(builtins, name)):
                return False
        if any(_leads_out(module, name) for module in modules):
            return False
    captured = []
    for cell in function.__closure__ or ():
        try:
            captured.append(cell.cell_contents)
        except ValueError:  # not assigned yet, so not usable either
            continue
    return _all((*captured, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()), seen)


def _leads_out(module: ModuleType, name: str) -> bool:
    """Whether the attribute is another module that the module has imported for itself."""
    other = getattr(module, name, None)
    return isinstance(other, ModuleType) and other.__name__ not in _COMPUTE


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)
