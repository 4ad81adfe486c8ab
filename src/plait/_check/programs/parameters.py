"""Values of a test's parameters as the modules of this execution have them.

What pytest has collected is of the modules as they were then: a class in it is another one than the test's own of that
name. So each value is looked up in the marks and fixtures of the new modules, where pytest has found the old one.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, EnumType
from operator import attrgetter
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, cast


class Parameter(NamedTuple):
    """A value that pytest has collected, and its number among those that the parameter is given in turn."""

    value: object
    number: int


def marked(name: str, parameter: Parameter, test: Callable[..., object], module: ModuleType | None) -> object:
    """The value that a mark of the test, of its class or of its module gives to this parameter.

    Raises:
        LookupError: none does.
    """
    owner = getattr(test, "__self__", None)
    holders = [test, *(type(owner).__mro__ if owner is not None else ()), module]
    for mark in (mark for holder in holders for mark in _marks(holder)):
        if getattr(mark, "name", "") != "parametrize":
            continue
        given = dict(zip(("argnames", "argvalues"), mark.args, strict=False)) | mark.kwargs
        names = given["argnames"]
        names = [one.strip() for one in names.split(",")] if isinstance(names, str) else list(names)
        if name in names:
            return _at(list(given["argvalues"]), parameter, names.index(name), len(names))
    raise LookupError(name)


def made_for(fixture: Any, parameter: Parameter) -> object:
    """The value that this fixture, as it stands in its module, gives to itself.

    Raises:
        LookupError: it gives itself none.
    """
    marker = getattr(fixture, "_fixture_function_marker", None) or getattr(fixture, "_pytestfixturefunction", None)
    return _at(list(getattr(marker, "params", None) or ()), parameter, 0, 1)


def anew(value: object) -> object:
    """The same value with the classes and functions of this execution in the place of the old ones.

    >>> anew([str, Parameter]) == [str, Parameter]
    True
    """
    if isinstance(value, Enum):
        found = anew(type(value))
        return found.__members__.get(value.name, value) if isinstance(found, EnumType) else value
    if type(value) in (list, tuple, set, frozenset):
        kind: Any = type(value)
        return kind(anew(one) for one in cast("Iterable[object]", value))
    if type(value) is dict:
        return {anew(key): anew(one) for key, one in value.items()}
    if not isinstance(value, type | FunctionType) or "<" in value.__qualname__ or value.__module__ not in sys.modules:
        return value
    try:
        found = attrgetter(value.__qualname__)(sys.modules[value.__module__])
    except AttributeError:
        return value
    return found if type(found) is type(value) and found.__qualname__ == value.__qualname__ else value


def stale(value: object) -> str:
    """The class of an object in this value that is of a module as it was before; "" if there is none.

    >>> stale([1, {"a": Parameter(1, 0)}])
    ''
    """
    if type(value) is dict:
        return next(filter(None, map(stale, [*value, *value.values()])), "")
    if type(value) in (list, tuple, set, frozenset):
        return next(filter(None, map(stale, cast("Iterable[object]", value))), "")
    kind = value if isinstance(value, type) else type(value)
    return "" if anew(kind) is kind else kind.__qualname__


@contextmanager
def filters_anew() -> Iterator[None]:
    """Filters of warnings that name a class of the user's mean the one that this execution has."""
    before: list[Any] = warnings.filters  # type: ignore[assignment]  # of tuples that nobody has named
    filters = [(*one[:2], anew(one[2]), *one[3:]) for one in before]
    if filters == before:
        yield
        return
    with warnings.catch_warnings():
        warnings.filters[:] = filters  # type: ignore[index]  # a list, in every version
        yield


def _marks(holder: object) -> Iterable[Any]:
    found = vars(holder).get("pytestmark", ()) if isinstance(holder, type) else getattr(holder, "pytestmark", ())
    return [getattr(one, "mark", one) for one in (found if isinstance(found, list | tuple) else [found])]


def _at(given: list[Any], parameter: Parameter, position: int, names: int) -> object:
    if parameter.number >= len(given):
        raise LookupError(f"there are {len(given)} values, and no number {parameter.number}")
    one = given[parameter.number]
    values = one.values if type(one).__name__ == "ParameterSet" else (one,) if names == 1 else tuple(one)
    found: object = values[position]
    if type(found).__qualname__ != type(parameter.value).__qualname__:
        raise LookupError(f"number {parameter.number} was a {type(parameter.value).__qualname__} when it was collected")
    return found
