"""Needs: what workers have to import before they can call a function, and so how long they take to start."""

from __future__ import annotations

import sys
from _frozen_importlib import FrozenImporter
from collections.abc import Iterator
from types import FunctionType, ModuleType

from plait._core.code_names import names_in
from plait._core.importable import is_importable
from plait._core.lazy_imports import settled
from plait._engines.choosing.choice import Measured, choose, import_count, is_too_little, start_seconds
from plait._engines.interpreters.preflight import certain_imports, innermost

_OWN = 150  # modules of this process that workers have anyway


class StartUp:
    """How long processes take to start for a function; looked into when a choice hangs on it."""

    def __init__(self, fn: object) -> None:
        self._fn = fn
        self._seconds: float | None = None

    def of(self, measured: Measured) -> Measured:
        """The same, with the start of processes: as if they imported all that is imported here, unless that matters."""
        if self._seconds is not None:
            return measured._replace(start=self._seconds)
        slow = measured._replace(start=start_seconds(max(0, len(sys.modules) - _OWN)))
        if not is_too_little(choose(slow)) or is_too_little(choose(slow._replace(start=start_seconds(0)))):
            return slow
        self._seconds = start_seconds(modules_with(self._fn, import_count(measured)))
        return measured._replace(start=self._seconds)


def modules_with(fn: object, most: int) -> int:
    """How many modules come with a function, those that its own import included; not counted beyond `most`.

    >>> import fractions
    >>> modules_with(abs, 100), modules_with(fractions.Fraction.limit_denominator, 3)
    (0, 3)
    """
    found: set[str] = set()
    waiting = modules_of(fn)
    while waiting and len(found) < most:
        name = waiting.pop()
        module = sys.modules.get(name)
        if name in found or module is None or name.partition(".")[0] == "plait":
            continue
        inside = ModuleType.__getattribute__(module, "__dict__") if issubclass(type(module), ModuleType) else {}
        if inside.get("__file__") is None or _is_frozen(inside):  # or built in, or a namespace
            continue
        found.add(name)
        waiting += [name.rpartition(".")[0], *_modules_in(list(inside.values()))]
    return len(found)


def _is_frozen(names: dict[str, object]) -> bool:
    """Whether a module with these names is a part of the interpreter, which each worker starts with."""
    return getattr(names.get("__spec__"), "loader", None) is FrozenImporter


def _modules_in(values: list[object]) -> Iterator[str]:
    """Where these come from; what makes itself up when it is asked for something is not asked."""
    for value in values:
        kind = type(value)
        if kind is ModuleType:
            yield ModuleType.__getattribute__(value, "__name__")
        elif kind is FunctionType or kind is type:
            origin = getattr(value, "__module__", None)
            if isinstance(origin, str):
                yield origin


def modules_of(fn: object) -> list[str]:
    """The modules that a process imports when it is sent the function, and those that each call imports.

    >>> import json
    >>> modules_of(json.loads)
    ['json']
    """
    called = innermost(fn)
    function = getattr(called, "__func__", called)
    if not isinstance(function, FunctionType):
        function = getattr(type(function), "__call__", None)  # noqa: B004  # the method itself is wanted
        if not isinstance(function, FunctionType):
            return [*_of_class(called), *_of_class(getattr(called, "__self__", None))]
    found = [*_of_class(fn), *certain_imports(function)]
    if function.__module__ != "__main__":
        return list(dict.fromkeys([function.__module__, *found]))
    known, waiting = {function}, [function]
    while waiting:
        scope = (one := waiting.pop()).__globals__
        for name in sorted(names_in(one.__code__) & scope.keys()):
            value = settled(scope, name)
            if isinstance(value, ModuleType):
                found.append(value.__name__)
            elif isinstance(value, (FunctionType, type)) and is_importable(value):
                found.append(value.__module__)
            elif type(value) is FunctionType and value not in known:  # another one of the script
                known.add(value)
                waiting.append(value)
            else:
                found += _of_class(value)
    return list(dict.fromkeys(found))


def _of_class(value: object) -> list[str]:
    """Where the class of an object comes from, as that of a function that a library has compiled, or of a model."""
    module = type(value).__module__
    return [module] if isinstance(module, str) and module not in ("builtins", "__main__") else []
