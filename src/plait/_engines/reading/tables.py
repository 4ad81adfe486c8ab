"""Tables: what a function only reads, so that workers have copies of it as long as the program does not change it.

That is told of the lists and dicts that its code is seen to read, and looked at while it runs of all else that the code
names: globals, attributes of the program's classes, modules and functions. However something is changed, as by a
function that is handed a class, nobody has to see in the code.
"""

from __future__ import annotations

import copy
import functools
import sys
import time
from _collections_abc import Callable, Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from plait._core.code_names import captured_by
from plait._core.importable import is_importable
from plait._engines.reading.immutable import is_immutable

_SHARE = 0.02  # of the time, at most, goes into looking whether they have changed


class Table:
    """One of them: its name, and the globals that have it by that name, or None where functions have captured it.

    `flat`: nothing inside of it can be changed. Where workers import the function, they are sent it for its `module`.
    """

    def __init__(self, name: str, value: Any, scope: dict[str, Any] | None, *, flat: bool, module: str = "") -> None:
        self.name = name
        self.value = value
        self.scope = scope
        self.module = module
        self._before = copy.copy(value) if flat else copy.deepcopy(value)

    @property
    def changed(self) -> bool:
        """Whether the program has changed it since."""
        if self.scope is not None and self.scope.get(self.name) is not self.value:
            return True
        same = self.value == self._before
        if isinstance(same, bool):
            return not same
        return bool(self.value.tobytes() != self._before.tobytes())  # an array: not a number is like no other


class Names:
    """What some names stand for, and whether one of them has been given something else since."""

    def __init__(self, within: str, read: Callable[[], dict[str, Any]]) -> None:
        self.name = within
        self._within = within
        self._read = read
        self._before = read()

    @property
    def changed(self) -> bool:
        """Whether one has; then `name` says which one."""
        now, before = self._read(), self._before
        changed = next((name for name, value in now.items() if before.get(name, _ABSENT) is not value), None)
        changed = changed or next((name for name in before if name not in now), None)
        if changed is None:
            return False
        self.name = f"{self._within}.{changed}" if self._within else changed
        return True


_ABSENT = object()


class Tables:
    """All of those that a function reads."""

    def __init__(self) -> None:
        self.found: list[Table] = []
        self.watched: dict[object, Names] = {}
        self._kept: dict[tuple[str, str], Any] = {}
        self._next = 0.0

    @property
    def any(self) -> bool:
        """Whether there is anything to look at while workers have it."""
        return bool(self.found or self.watched)

    def watch_function(self, function: FunctionType, names: Iterable[str]) -> None:
        """The globals that a function names, its own attributes, and the variables around it."""
        scope, known = function.__globals__, list(names)
        self._watch(function, "", lambda: {name: scope[name] for name in known if name in scope})
        self._watch((function, "its own"), function.__name__, lambda: {**vars(function), **dict(captured_by(function))})
        module = function.__module__
        if is_importable(function) and getattr(sys.modules.get(module), "__dict__", None) is scope:
            self._keep(module, "", {name: scope[name] for name in known if name in scope})
            self._keep(module, f"{function.__qualname__}.", vars(function))

    def watch_class(self, kind: type, names: Iterable[str]) -> None:
        """What the program has given a class."""
        known = list(names)
        self._watch(kind, kind.__name__, lambda: {name: vars(kind)[name] for name in known if name in vars(kind)})
        if is_importable(kind) and not hasattr(kind, "__members__"):
            self._keep(kind.__module__, f"{kind.__qualname__}.", {name: vars(kind)[name] for name in known})

    def watch_module(self, module: ModuleType, name: str) -> None:
        """What a module of the program has by a name."""
        scope = vars(module)
        self._watch((module, name), module.__name__, lambda: {name: scope[name]} if name in scope else {})
        if getattr(module, "__spec__", None) is not None and name in scope:
            self._keep(module.__name__, "", {name: scope[name]})

    def _watch(self, key: object, within: str, read: Callable[[], dict[str, Any]]) -> None:
        if key not in self.watched:
            self.watched[key] = Names(within, read)

    def _keep(self, module: str, prefix: str, names: dict[str, Any]) -> None:
        """What workers get that import the module: the program may have set it since it did."""
        for name, value in names.items():
            if not name.startswith("__") and _is_set(value, module):
                self._kept[module, f"{prefix}{name}"] = value

    def add(self, table: Table) -> None:
        """One more, unless it is known."""
        if not any(one.value is table.value and one.scope is table.scope for one in self.found):
            self.found.append(table)

    def changed(self, *, at_once: bool = False) -> str:
        """The name of one that the program has changed, if it has, and if it is time to look again; or nothing."""
        began = time.perf_counter()
        everything: list[Table | Names] = [*self.found, *self.watched.values()]
        if not self.any or (began < self._next and not at_once):
            return ""
        name = next((one.name for one in everything if one.changed), "")
        now = time.perf_counter()
        self._next = now + (now - began) / _SHARE
        return name

    def carried_by(self, fn: Callable[..., object]) -> Callable[..., object]:
        """The function, which takes along to its worker those that it imports there: it may have made other ones."""
        kept = [(one.module, one.name, one.value) for one in self.found if one.module]
        kept += [(module, path, value) for (module, path), value in self._kept.items()]
        return _Carrier(fn, kept) if kept else fn


class _Carrier:
    """Arrives as the function itself, and does what that does."""

    def __init__(self, fn: Callable[..., object], tables: list[tuple[str, str, object]]) -> None:
        self._fn = fn
        self._tables = tables
        functools.update_wrapper(self, fn, updated=())

    def __call__(self, item: object) -> object:
        return self._fn(item)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _arrive, (self._fn, self._tables)


def _arrive(fn: Callable[..., object], tables: list[tuple[str, str, object]]) -> Callable[..., object]:
    """Give the modules of this worker the tables that the program has, before the function is called."""
    for module, path, value in tables:
        __import__(module)
        owner: Any = sys.modules[module]
        *outer, name = path.split(".")
        for each in outer:
            owner = getattr(owner, each, None)
        found = getattr(owner, name, None)
        if found is not value and not (type(found) is type(value) and is_immutable(value) and found == value):
            setattr(owner, name, value)
    return fn


def _is_set(value: object, module: str) -> bool:
    """Whether it may be other than where the module is imported anew: numbers, text, or a function of the script's."""
    if isinstance(value, FunctionType):
        return value.__module__ == "__main__" != module
    return is_immutable(value) and not isinstance(value, (ModuleType, type, BuiltinFunctionType))
