"""Parts: all that a class of the program's consists of, as it was at one moment, and whether it still is.

To pickle a class, with its methods and what they name, takes a hundred times as long as to look whether any of it has
changed. What is looked at is what can be replaced: the members of classes, the code, defaults, captured values and
globals of functions, the contents of dictionaries and lists. A class that holds anything else, such as an object of
another class, is not *steady*: nobody can tell whether such an object has changed but by pickling it.
"""

from __future__ import annotations

import builtins
import enum
import functools
import re
import types
from _abc import _get_dump  # type: ignore[import-not-found]  # what has been registered with an abstract class
from _collections_abc import Callable, Mapping
from copyreg import _slotnames  # type: ignore[attr-defined]  # which pickle sets in a class with its first object
from itertools import repeat
from typing import Any

from plait._core.code_names import names_in
from plait._core.lazy_imports import settled
from plait._engines.pickling.annotations import known_annotations
from plait._engines.pickling.functions import content_of
from plait._engines.worker_main import is_of_main

_MOST = 20_000  # values that are looked at; a class that refers to more is pickled each time
_MISSING = object()
_SAME: tuple[type, ...] = (  # what cannot change, or is sent as a name
    type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented), re.Pattern,
    types.BuiltinFunctionType, types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType,
    types.MethodDescriptorType, types.ClassMethodDescriptorType, types.MethodWrapperType, types.CodeType,
    getattr(builtins, "sentinel", type(None)),  # from CPython 3.15 on
)  # fmt: skip
_MAPPINGS = (dict, types.MappingProxyType, getattr(builtins, "frozendict", dict))  # the last from CPython 3.15 on
_CONTAINERS = (tuple, frozenset, list, set, *_MAPPINGS)
_MADE_OF: dict[type, tuple[str, ...]] = {  # what cannot change either, but for what these attributes have
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset", "fdel", "__doc__"),
    types.GenericAlias: ("__origin__", "__args__"),
    types.UnionType: ("__args__",),
    functools.cached_property: ("func",),
    enum.property: ("fget", "fset", "fdel"),
}
_TOLD = (
    "__args__",
    "type",
    "default",
    "default_factory",
    "metadata",
)  # of what `typing` and `dataclasses` keep in classes
_ABSTRACT = "_abc_impl"


class NotSteady(Exception):
    """It has a part of which nobody can tell whether it has changed."""


class Parts:
    """What a class consists of at this moment.

    Args:
        by_name: whether a class, function or module is sent as its name; then it is not looked into.

    Attributes:
        kinds: the class, and those that go with it because they cannot be imported either.

    Raises:
        NotSteady: only its pickle would tell whether it has changed.
    """

    def __init__(self, kind: type, by_name: Callable[[object], bool]) -> None:
        self._by_name = by_name
        self.kinds: list[type] = []
        self._kept: dict[int, object] = {}  # by identity, and so that no other object gets it
        self._mappings: list[tuple[Mapping[Any, Any], list[Any], list[int]]] = []
        self._globals: list[tuple[dict[str, Any], list[str], list[int]]] = []
        self._facts: list[tuple[Callable[[Any], object], Any, object]] = []
        self._pending: list[Any] = [kind]
        while self._pending:
            self._look_at(self._pending.pop())

    @property
    def unchanged(self) -> bool:
        """Whether everything is as it was."""
        return (
            all(ids == [*map(id, each.values())] and names == [*each] for each, names, ids in self._mappings)
            and all(ids == [*map(id, map(each.get, names, repeat(_MISSING)))] for each, names, ids in self._globals)
            and all(fact(each) == value for fact, each, value in self._facts)
        )

    def _look_at(self, value: Any) -> None:
        if id(value) in self._kept:
            return
        if len(self._kept) >= _MOST:
            raise NotSteady
        self._kept[id(value)] = value
        if isinstance(value, type):
            self._look_at_class(value)
        elif type(value) is types.FunctionType:
            self._look_at_function(value)
        elif type(value) in _CONTAINERS:
            self._look_into(value)
        elif isinstance(value, enum.Enum):
            self._pending += [type(value), value._value_]
        elif type(value) is not types.ModuleType or not self._by_name(value):
            self._pending += [getattr(value, name, None) for name in _parts_of(value)]

    def _look_at_class(self, kind: type) -> None:
        if self._by_name(kind):
            return
        self.kinds.append(kind)
        _slotnames(kind)
        known_annotations(kind)  # which CPython 3.14 keeps as a member from the first time on
        own = kind.__dict__
        if _ABSTRACT in own:
            self._facts.append((_registered, kind, _registered(kind)))
        self._facts += [(_bases, kind, _bases(kind)), (is_of_main, kind, is_of_main(kind))]
        self._note(own)
        self._pending += [type(kind), *kind.__bases__, *(own[name] for name in own if name != _ABSTRACT)]

    def _look_at_function(self, function: types.FunctionType) -> None:
        if self._by_name(function):
            return
        self._facts += [(_made_of, function, _made_of(function)), (is_of_main, function, is_of_main(function))]
        self._pending += [function.__defaults__, function.__kwdefaults__, *_captured(function)]
        self._pending += [function.__dict__, known_annotations(function)]
        values, names = function.__globals__, list(names_in(function.__code__))
        found = [settled(values, name) if name in values else _MISSING for name in names]
        self._globals.append((values, names, [*map(id, found)]))
        self._pending += [value for value in found if value is not _MISSING]

    def _look_into(self, container: Any) -> None:
        if len(container) > _MOST:
            raise NotSteady
        if isinstance(container, _MAPPINGS):
            self._note(container)
            self._pending += container.values()
        elif isinstance(container, (list, set)):
            self._facts.append((_identities, container, _identities(container)))
        self._pending += container

    def _note(self, mapping: Mapping[Any, Any]) -> None:
        self._mappings.append((mapping, [*mapping], [*map(id, mapping.values())]))


def _parts_of(value: object) -> tuple[str, ...]:
    if type(value) in _SAME:
        return ()
    if type(value).__module__ in ("typing", "dataclasses"):
        return _TOLD
    try:
        return _MADE_OF[type(value)]
    except KeyError:
        raise NotSteady from None


def _identities(values: list[Any] | set[Any]) -> list[int]:
    return [*map(id, values)]


def _bases(kind: type) -> list[int]:
    return [*map(id, kind.__bases__), id(type(kind))]


def _registered(kind: type) -> object:
    return _get_dump(kind)[0]


def _captured(function: types.FunctionType) -> list[Any]:
    return [content[0] for cell in function.__closure__ or () if (content := content_of(cell)) is not None]


def _made_of(function: types.FunctionType) -> tuple[object, ...]:
    """What may be replaced in a function, by identity; its code by what it says."""
    parts = (
        function.__defaults__,
        function.__kwdefaults__,
        function.__doc__,
        function.__dict__,
        known_annotations(function),
    )
    return function.__code__, function.__qualname__, [*map(id, parts)], [*map(id, _captured(function))]
