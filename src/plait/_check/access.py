"""Which access is an event: attributes of the user's instances and classes, elements of builtin containers.

Never an event: what cannot change (strings, tuples, frozen dataclasses), what has events of its own (locks, queues,
what threads do), what no other thread can see (thread-locals), and functions, methods and properties, which are found
in a class and run code that is observed itself.
"""

from __future__ import annotations

import _thread
import asyncio
import collections
import concurrent.futures
import contextvars
import enum
import gc
import io
import itertools
import queue
import sys
import threading
import types
import weakref
from collections.abc import Container, Iterable, Iterator
from enum import IntEnum
from typing import Any

from plait._check.buffers import memory_of
from plait._check.controlled import Gate
from plait._check.named import SLOTS


class Sort(IntEnum):
    """What the hooks do with an object of some type."""

    BEARER = -2  # ignored, but for what the program hangs on it: `thread.result = 5`
    FLAG = -1  # as those, and it says by a method whether something has happened: an Event, a Future
    IGNORED = 0
    CONTAINER = 1
    ITERATOR = 2
    INSTANCE = 3
    CLASS = 4
    MODULE = 5
    COLLECTION = 6  # of a class of the user's that derives from a container: it has attributes, too
    LOCAL = 7  # a thread-local: each thread has its own attributes there, which the tasks of a loop share


class Part(IntEnum):
    """What an attribute of an instance is."""

    OWN = 0  # kept in the instance: its dict or a slot
    FIXED = 1  # a method, a property or another descriptor
    SHARED = 2  # kept in the class, until the instance gets its own


_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
CONTAINERS = (list, dict, set, collections.deque, bytearray, *_VIEWS)
IGNORED = (
    str, bytes, int, float, complex, bool, type(None), tuple, frozenset, range, slice, type(Ellipsis),
    type(NotImplemented), types.BuiltinFunctionType, types.MethodType, types.CodeType,
    types.FrameType, types.TracebackType, types.CellType, types.GenericAlias, types.CoroutineType,
    types.AsyncGeneratorType, property, classmethod, staticmethod, threading.local, threading.Thread,
    threading.Condition, threading.Event, threading.Semaphore, threading.Barrier, queue.Queue, Gate,
    _thread.LockType, _thread.RLock, contextvars.ContextVar, contextvars.Context, asyncio.Future,
    asyncio.AbstractEventLoop, BaseException, io.IOBase, enum.Enum,
)  # fmt: skip
_BEARERS = (
    threading.Thread, threading.Condition, threading.Semaphore, threading.Barrier, queue.Queue, BaseException,
)  # fmt: skip
_APART = (threading.local, enum.Enum, Gate, asyncio.Future, asyncio.AbstractEventLoop)  # nor the user's own ones
_ITERATORS: tuple[type, ...] = (
    types.GeneratorType, *(one for one in vars(itertools).values() if isinstance(one, type)), map, filter,
    zip, enumerate, reversed, type(iter([])), type(iter(())), type(iter({})), type(iter({}.items())),
    type(iter({}.values())), type(iter(set())), type(iter(range(1))), type(iter("")), type(iter(b"")),
)  # fmt: skip
_FLAGS = (threading.Event, concurrent.futures.Future)
LOOKS = frozenset({"is_set", "done", "running", "cancelled"})
"""The methods by which they say it: each a place to switch at, or a loop that asks again and again would never end."""
_FIXED = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodDescriptorType,
    types.WrapperDescriptorType, property, classmethod, staticmethod, type,
)  # fmt: skip

MAKERS = frozenset(("__init__", "__post_init__", "__new__", "__setstate__", "__copy__", "__deepcopy__"))
"""The methods that give a new instance its values, which nobody else has yet."""
CHANGES = frozenset(
    """append pop extend insert remove clear sort reverse update setdefault popitem add discard appendleft popleft
    extendleft rotate move_to_end subtract difference_update intersection_update symmetric_difference_update send throw
    close __setitem__ __delitem__ __iadd__ __imul__ __ior__ __iand__ __isub__ __ixor__ __next__""".split()
)
"""The methods of builtin containers and iterators that change them; the others read."""

WEAK = frozenset(
    {weakref.ref, weakref.WeakMethod, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary}
)
"""What says by itself whether something is still there."""


class Types:
    """Remembers what was found out about each type; `files` are the user's."""

    def __init__(self, files: Container[str] = ()) -> None:
        self.files = files
        self.sorts: dict[type, Sort] = {}
        self.parts: dict[type, dict[str, Part]] = {}
        self.acts: dict[type, dict[str, int]] = {}
        self._new: list[type] = []

    def sort(self, kind: type) -> Sort:
        """What the hooks do with objects of this type."""
        found = self.sorts.get(kind)
        if found is None:
            mine = self.is_mine(kind)
            found = self.sorts[kind] = Sort.IGNORED if self._is_frozen(kind) else _sort(kind, mine)
            if mine or own_attributes(sys.modules.get(kind.__module__)).get(kind.__name__) is not kind:
                self._new.append(kind)
        return found

    def is_mine(self, kind: type) -> bool:
        """Whether the class stands in the user's source."""
        return own_attributes(sys.modules.get(kind.__module__)).get("__file__") in self.files

    def thaw(self, kind: type) -> None:
        """Somebody changes instances of this frozen dataclass all the same."""
        if self.sort(kind) is Sort.IGNORED and _says_frozen(kind):
            self.sorts[kind] = Sort.INSTANCE

    def _is_frozen(self, kind: type) -> bool:
        """Whether nothing changes its instances, as it says: no method of its own goes behind its back."""
        if not _says_frozen(kind):
            return False
        mine = (value for base in kind.__mro__ for name, value in vars(base).items() if name not in MAKERS)
        return not any(SLOTS.intersection(code.co_names) for code in _codes(mine) if code.co_filename in self.files)

    def forget(self) -> None:
        """The classes of an execution go with it."""
        for kind in self._new:
            del self.sorts[kind]
            self.parts.pop(kind, None)
            self.acts.pop(kind, None)
        self._new.clear()

    def part(self, kind: type, name: str) -> Part:
        """What this attribute is in instances of the type."""
        parts = self.parts.get(kind)
        if parts is None:
            self.sort(kind)
            parts = self.parts[kind] = {}
        found = parts.get(name)
        if found is None:
            found = parts[name] = _part(kind, name)
        return found

    def owner(self, kind: type, name: str) -> type:
        """The class among the bases of this one that keeps the attribute; itself if none does yet."""
        return next((base for base in kind.__mro__ if name in base.__dict__), kind)


def own_attributes(thing: object) -> dict[str, object]:
    """What the instance itself keeps; its own ``__getattr__`` is not asked, which is the user's code."""
    try:
        found: dict[str, object] = _attribute(thing, "__dict__")
    except AttributeError:
        return {}
    return found


_attribute = object.__getattribute__


def in_class(kind: type, name: str) -> Any:
    """What a class or a base of it keeps; None if none does. The ``__getattr__`` of a metaclass is the user's code."""
    return next((base.__dict__[name] for base in kind.__mro__ if name in base.__dict__), None)


def container_of(thing: object) -> object:
    """What this is a view of, a dict or somebody's memory, or the container itself."""
    if type(thing) is memoryview:
        return memory_of(thing)
    if type(thing) in _VIEWS:
        return next(iter(gc.get_referents(thing)), thing)
    return thing


def _says_frozen(kind: type) -> bool:
    return bool(getattr(in_class(kind, "__dataclass_params__"), "frozen", False))


def _codes(values: Iterable[Any]) -> Iterator[types.CodeType]:
    """The code of functions, and of those in properties and the like."""
    for value in values:
        for name in ("fget", "fset", "func", "__func__", "__wrapped__"):
            yield from _codes([getattr(value, name)] if in_class(type(value), name) else ())
        code = getattr(value, "__code__", None)
        if isinstance(code, types.CodeType):
            yield code


def _sort(kind: type, mine: bool) -> Sort:
    known = next((base for base in kind.__mro__ if base in _KNOWN), None)
    if known is None:
        changes = kind.__flags__ & _HEAP or kind.__dictoffset__ or in_class(kind, "__setitem__")
        changes = changes or any("__setattr__" in base.__dict__ for base in kind.__mro__[:-1])
        return Sort.INSTANCE if changes else Sort.IGNORED
    sort = _KNOWN[known]
    if mine and sort is Sort.CONTAINER:
        return Sort.COLLECTION
    return Sort.INSTANCE if mine and sort in (Sort.IGNORED, Sort.BEARER) and known not in _APART else sort


_KNOWN: dict[type, Sort] = {  # by the nearest base
    types.ModuleType: Sort.MODULE,
    type: Sort.CLASS,
    **dict.fromkeys(IGNORED, Sort.IGNORED),
    **dict.fromkeys(_BEARERS, Sort.BEARER),
    **dict.fromkeys(_FLAGS, Sort.FLAG),
    threading.local: Sort.LOCAL,
    **dict.fromkeys(CONTAINERS, Sort.CONTAINER),
    **dict.fromkeys(_ITERATORS, Sort.ITERATOR),
}
_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement, or by a newer C module


def _part(kind: type, name: str) -> Part:
    for base in kind.__mro__:
        if name in base.__dict__:
            value: Any = base.__dict__[name]
            if isinstance(value, types.MemberDescriptorType) or type(value).__name__ == "CField":
                return Part.OWN  # a slot, or a field of a structure of ctypes
            if isinstance(value, types.GetSetDescriptorType):  # state that C code keeps: `value` of a number of ctypes
                return Part.FIXED if name[:2] == "__" else Part.OWN
            if isinstance(value, _FIXED) or in_class(type(value), "__get__"):
                return Part.FIXED
            return Part.SHARED
    return Part.OWN
