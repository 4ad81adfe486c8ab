"""PreparedGlobals: what a pool's initializer has set in its module, for calls that arrive with globals of their own.

Functions that no worker can import travel with the globals they name (`functions.py`), each pickle with a dictionary of
its own. So an initializer of ``__main__`` that sets a global would set it where no call looks. What it has set is
therefore put into the globals of each call, and what the call makes of it is kept for the next one.
"""

from __future__ import annotations

import sys
from types import FunctionType, MethodType, ModuleType

from plait._core.code_names import names_in

TYPE_CHECKING = False
if TYPE_CHECKING:  # process workers import this file
    from _collections_abc import Iterable
    from typing import Any

_DEFINED = (FunctionType, ModuleType, type)  # these are the sender's, and newer with each call
_MISSING = object()


class PreparedGlobals:
    """The globals of an initializer, from before it runs."""

    def __init__(self, initializer: object) -> None:
        self._scope = globals_of(initializer)
        self._before: dict[str, Any] = {} if self._scope is None else dict(self._scope)
        self._reached = _reached(initializer)
        self._kept: dict[str, Any] = {}

    def keep(self) -> None:
        """Note what the initializer has set, and what it may have changed: it has been run."""
        scope, before = self._scope or {}, self._before
        for name, value in scope.items():
            is_set = value is not before.get(name, _MISSING)
            if is_set or (name in self._reached and not isinstance(value, _DEFINED)):
                self._kept[name] = value
        self._before = {}

    def enter(self, parts: Iterable[object]) -> list[dict[str, Any]]:
        """Put it into the globals that the functions among `parts` arrived with, and say which these are."""
        entered: list[dict[str, Any]] = []
        if self._kept and self._scope is not None:
            for part in parts:
                scope = globals_of(part)
                if scope is None or any(scope is each for each in entered):
                    continue
                if scope.get("__name__") == self._scope.get("__name__"):
                    scope.update(self._kept)
                    entered.append(scope)
        return entered

    def leave(self, entered: list[dict[str, Any]]) -> None:
        """Keep what a call has made of it."""
        for scope in entered:
            for name in self._kept:
                self._kept[name] = scope.get(name, self._kept[name])


def globals_of(value: object) -> dict[str, Any] | None:
    """The globals with which a function, or the class of an object, was sent; None: it was found by its name."""
    function = _function_in(value)
    if function is None:
        return None
    home = sys.modules.get(function.__module__ or "")
    return None if home is not None and home.__dict__ is function.__globals__ else function.__globals__


def _function_in(value: Any) -> FunctionType | None:
    for _ in range(10):  # wrappers around wrappers; an object of the user's may answer without end
        if isinstance(value, FunctionType):
            return value
        if isinstance(value, MethodType):
            value = value.__func__
        elif type(value).__module__ == "functools":
            value = getattr(value, "func", None) or getattr(value, "__wrapped__", None)
        elif isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        else:
            kind = value if isinstance(value, type) else type(value)
            if kind.__module__ == "builtins":
                return None
            members = (
                each.__func__ if isinstance(each, (staticmethod, classmethod)) else each for each in vars(kind).values()
            )
            return next((each for each in members if isinstance(each, FunctionType)), None)
    return None


def _reached(initializer: object) -> set[str]:
    """The names that the initializer and the functions it names in its own module use."""
    names: set[str] = set()
    open_ = [_function_in(initializer)]
    while open_:
        function = open_.pop()
        if function is None:
            continue
        for name in names_in(function.__code__) - names:
            names.add(name)
            other = function.__globals__.get(name)
            if isinstance(other, FunctionType) and other.__globals__ is function.__globals__:
                open_.append(other)
    return names
