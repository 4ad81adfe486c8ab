"""Which attribute a call touches that gets its name as a value: `getattr` and the like, ``object.__setattr__``."""

from __future__ import annotations

import types
from typing import Any, Final, NamedTuple

SLOTS: Final = frozenset(("__getattribute__", "__setattr__", "__delattr__"))
"""The methods of all objects that load, store and delete attributes."""
BY_NAME: Final = {one.__name__: one for one in (getattr, hasattr, setattr, delattr)}
"""The builtins that do."""
_READING: Final = ("getattr", "hasattr", "__getattribute__")


class Named(NamedTuple):
    """The attribute `name` of `thing`, and whether it is read; else it is changed."""

    thing: Any
    name: str
    reads: bool


def named(function: Any, given: tuple[Any, ...]) -> Named | None:
    """What calling the function with these arguments touches; None if it is none of those."""
    kind = type(function)
    if kind is types.BuiltinFunctionType:
        return _named(function, given) if BY_NAME.get(function.__name__) is function else None
    if kind is types.WrapperDescriptorType:
        return _named(function, given) if function.__name__ in SLOTS else None
    if kind is types.MethodWrapperType:
        return _named(function, (function.__self__, *given)) if function.__name__ in SLOTS else None
    return None


def by_method(thing: Any, name: str, given: tuple[Any, ...]) -> Named | None:
    """What ``thing.__setattr__(...)`` and the like touch; None if that is a method of the user's, which is observed."""
    unbound = isinstance(thing, type)
    kind = thing if unbound else type(thing)
    return _slot(kind.__mro__, name, given if unbound else (thing, *given))


def inherited(thing: Any, name: str, given: tuple[Any, ...], function: str) -> Named | None:
    """What ``super().__setattr__(...)`` and the like touch, called in a function; None if another class has its own."""
    bases = type(thing).__mro__
    here = function.rpartition(".")[0]
    at = next((number for number, base in enumerate(bases) if base.__qualname__ == here), -1)
    return _slot(bases[at + 1 :], name, (thing, *given))


def _slot(bases: tuple[type, ...], name: str, given: tuple[Any, ...]) -> Named | None:
    found = next((base.__dict__[name] for base in bases if name in base.__dict__), None)
    return _named(found, given) if type(found) is types.WrapperDescriptorType else None


def _named(function: Any, given: tuple[Any, ...]) -> Named | None:
    if len(given) < 2 or type(given[1]) is not str:
        return None
    return Named(given[0], given[1], function.__name__ in _READING)
