"""Which values are nothing but data, so that they cannot tell what thread they are used in. Pure."""

from __future__ import annotations

from _collections_abc import Iterator
from abc import ABCMeta
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from itertools import chain, islice
from types import BuiltinFunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

from plait._core.installed import is_installed
from plait._engines.reading.immutable import is_immutable

_EACH = 50  # values of a container that are looked at: mostly it holds things of one kind
_MOST = 1000  # values altogether
_FLAT = (bytearray, memoryview, array)
_SEQUENCES = frozenset({list, tuple, set, frozenset, deque})
_MAPPINGS = frozenset({dict, defaultdict, OrderedDict, Counter})
_KNOWN = frozenset({  # by package and name: to import them would cost more than to know them
    ("numpy", "ndarray"), ("numpy", "Generator"), ("numpy", "RandomState"), ("pandas", "DataFrame"),
    ("pandas", "Series"), ("random", "Random"),
})  # fmt: skip


def classes_in(value: object) -> list[type] | None:
    """The user's own classes whose objects it consists of, beside numbers, text, and containers; None if of others.

    What a library has made may be a lock, a connection or a window, which are tied to a thread, or can be waited for.

    >>> classes_in({"a": [1, (2.0, "b")]}), classes_in([open])
    ([], [])
    >>> import threading
    >>> print(classes_in({"a": [threading.Lock()]}), classes_in(threading.local()))
    None None
    """
    found: dict[type, None] = {}
    waiting, seen = [value], set[int]()
    while waiting:
        one = waiting.pop()
        parts = _parts(one, found)
        if parts is None or len(seen) > _MOST:
            return None
        if id(one) not in seen:
            seen.add(id(one))
            waiting += parts
    return list(found)


def _parts(value: Any, found: dict[type, None]) -> list[object] | None:
    """What it consists of, as far as that is looked at; None when it may be more than data. Classes are added."""
    kind = type(value)
    if kind in _SEQUENCES:
        return list(islice(value, _EACH))
    if kind in _MAPPINGS:
        makes = [value.default_factory] if kind is defaultdict else []
        return [*makes, *chain.from_iterable(islice(value.items(), _EACH))]
    if kind is BuiltinFunctionType:
        owner = value.__self__
        return [] if owner is None or isinstance(owner, ModuleType) else [owner]
    if type(kind) in (type, ABCMeta) and not any(is_installed(base) for base in kind.__mro__[:-1]):
        found[kind] = None
        plain = not any("__getattribute__" in vars(base) for base in kind.__mro__[:-1])
        return [*_attributes(value, kind), *_slots(value, kind)] if plain else None
    if kind in _FLAT or is_immutable(value) or _is_known(value):
        return []
    if issubclass(kind, tuple):
        found[kind] = None
        return list(islice(value, _EACH))
    return None


def _is_known(value: Any) -> bool:
    kind = type(value)
    return (kind.__module__.partition(".")[0], kind.__qualname__) in _KNOWN


def _attributes(value: object, kind: type) -> Iterator[object]:
    for base in kind.__mro__:
        descriptor = vars(base).get("__dict__")
        if type(descriptor) is GetSetDescriptorType:
            yield from descriptor.__get__(value).values()
            return


def _slots(value: object, kind: type) -> Iterator[object]:
    for base in kind.__mro__:
        for descriptor in vars(base).values():
            if type(descriptor) is MemberDescriptorType:
                try:
                    yield descriptor.__get__(value)
                except AttributeError:  # nothing is assigned to it
                    continue
