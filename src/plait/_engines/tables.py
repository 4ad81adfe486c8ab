"""Tables: what a function only reads, so that workers have copies of it as long as the program does not change it."""

from __future__ import annotations

import copy
import functools
import sys
import time
from _collections_abc import Callable
from typing import Any

_SHARE = 0.02  # of the time, at most, goes into looking whether they have changed


class Table:
    """One of them, by the name that the globals of a module have for it; or none, if functions have captured it."""

    def __init__(self, name: str, value: Any, scope: dict[str, Any] | None, *, flat: bool) -> None:
        self.name = name
        self.value = value
        self.scope = scope
        self._before = copy.copy(value) if flat else copy.deepcopy(value)

    @property
    def module(self) -> str:
        """The module that workers import, and that has it; or an empty string."""
        name = self.scope.get("__name__") if self.scope is not None else None
        module = sys.modules.get(name) if isinstance(name, str) and name != "__main__" else None
        return str(name) if module is not None and vars(module) is self.scope else ""

    @property
    def changed(self) -> bool:
        """Whether the program has changed it since."""
        if self.scope is not None and self.scope.get(self.name) is not self.value:
            return True
        same = self.value == self._before
        if isinstance(same, bool):
            return not same
        return bool(self.value.tobytes() != self._before.tobytes())  # an array: not a number is like no other


class Tables:
    """All of those that a function reads."""

    def __init__(self) -> None:
        self.found: list[Table] = []
        self._next = 0.0

    def add(self, name: str, value: object, scope: dict[str, Any] | None, *, flat: bool) -> None:
        """One more, unless it is known; `flat`: nothing inside of it can be changed."""
        if not any(one.value is value and one.scope is scope and one.name == name for one in self.found):
            self.found.append(Table(name, value, scope, flat=flat))

    def changed(self, *, at_once: bool = False) -> str:
        """The name of one that the program has changed, if it has, and if it is time to look again; or nothing."""
        began = time.perf_counter()
        if not self.found or (began < self._next and not at_once):
            return ""
        name = next((one.name for one in self.found if one.changed), "")
        now = time.perf_counter()
        self._next = now + (now - began) / _SHARE
        return name

    def carried_by(self, fn: Callable[..., object]) -> Callable[..., object]:
        """The function, which takes along to its worker those that a module has: there it may have made other ones."""
        kept = [(module, one.name, one.value) for one in self.found if (module := one.module)]
        return _Carrier(fn, kept) if kept else fn


class _Carrier:
    """Arrives as the function itself, and does what that does."""

    def __init__(self, fn: Callable[..., object], tables: list[tuple[str, str, object]]) -> None:
        self._fn = fn
        self._tables = tables
        functools.update_wrapper(self, fn)

    def __call__(self, item: object) -> object:
        return self._fn(item)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _arrive, (self._fn, self._tables)


def _arrive(fn: Callable[..., object], tables: list[tuple[str, str, object]]) -> Callable[..., object]:
    """Give the modules of this worker the tables that the program has, before the function is called."""
    for module, name, value in tables:
        __import__(module)
        setattr(sys.modules[module], name, value)
    return fn
