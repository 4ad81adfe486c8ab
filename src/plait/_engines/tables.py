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


class Tables:
    """All of those that a function reads."""

    def __init__(self) -> None:
        self.found: list[Table] = []
        self._next = 0.0

    def add(self, table: Table) -> None:
        """One more, unless it is known."""
        if not any(one.value is table.value and one.scope is table.scope for one in self.found):
            self.found.append(table)

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
        """The function, which takes along to its worker those that it imports there: it may have made other ones."""
        kept = [(one.module, one.name, one.value) for one in self.found if one.module]
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
    for module, name, value in tables:
        __import__(module)
        setattr(sys.modules[module], name, value)
    return fn
