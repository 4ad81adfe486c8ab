"""Pickles what exists only in this process: functions and classes of ``__main__``, lambdas, closures, memoryviews."""

from __future__ import annotations

import functools
import io
import marshal
import sys
from _collections_abc import Callable
from contextvars import ContextVar
from pickle import PickleBuffer
from types import CodeType, MemberDescriptorType, ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

import cloudpickle  # type: ignore[import-untyped]  # it ships no types

from plait._core.importable import is_importable
from plait._core.per_worker import PerWorker
from plait._engines.functions import home_of, make_cached, variable

_LRU_WRAPPER = type(functools.lru_cache(len))
_WEAK = (WeakKeyDictionary, WeakValueDictionary)  # functools.singledispatch has one


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # untyped, see above
    """cloudpickle, and what it refuses or does not keep: memoryviews (PEP 574 carries them), slots, weak dictionaries.

    Attributes:
        modules: the names of those that the other side cannot import.
    """

    modules: frozenset[str] = frozenset()

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is memoryview:
            return _view, (PickleBuffer(obj), obj.format, obj.shape)
        if type(obj) is CodeType:  # of which it does not keep the name of the file
            return marshal.loads, (marshal.dumps(obj),)
        if type(obj) is ContextVar:
            return variable, home_of(obj)
        if type(obj) is _LRU_WRAPPER and not is_importable(obj):
            return make_cached, (obj.__wrapped__, obj.cache_parameters())
        if type(obj) is PerWorker and not self.modules.isdisjoint(_and_packages(obj.__module__)):
            return obj.by_value()
        if type(obj) in _WEAK:
            return type(obj), (dict(obj),)
        reduced = super().reducer_override(obj)
        if isinstance(obj, type) and isinstance(reduced, tuple) and "__slots__" in obj.__dict__:
            return _with_slots(obj, *reduced)
        return reduced


def dumps_by_value(value: object, place: Callable[[PickleBuffer], bool], modules: tuple[object, ...]) -> bytes:
    """The pickle of `value`; what belongs to `modules` goes by value as if it were defined in ``__main__``.

    Raises:
        Exception: whatever the object's own methods raise, or pickle's errors about it.
    """
    by_value = [module for module in modules if isinstance(module, ModuleType) and module.__name__ in sys.modules]
    for module in by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        with io.BytesIO() as file:
            pickler = _Pickler(file, protocol=5, buffer_callback=place)
            pickler.modules = frozenset(module.__name__ for module in by_value)
            pickler.dump(value)
            return file.getvalue()
    finally:
        for module in by_value:
            cloudpickle.unregister_pickle_by_value(module)


def _with_slots(kind: type, make: Any, args: tuple[Any, ...], state: tuple[Any, ...], *rest: Any) -> tuple[Any, ...]:
    """How cloudpickle makes a class anew, and with the slots it had: it loses them from 3.1 on."""
    if len(args) < 4 or not isinstance(args[3], dict) or NamedTuple in kind.__dict__.get("__orig_bases__", ()):
        return make, args, state, *rest  # enums have no slots of their own, and named tuples refuse to be given any
    own = kind.__dict__
    slots = [name for name, value in own.items() if type(value) is MemberDescriptorType and value.__objclass__ is kind]
    holds = [name for name in ("__dict__", "__weakref__") if name in own]
    members = {name: value for name, value in state[0].items() if name not in slots and name != "__slotnames__"}
    namespace = {**args[3], "__slots__": (*slots, *holds)}  # under their mangled names, which are not mangled again
    return make, (*args[:3], namespace, *args[4:]), (members, *state[1:]), *rest


def _and_packages(module: str) -> list[str]:
    """The module, and the packages it is in: cloudpickle's rule for what belongs to a module."""
    parts = module.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _view(buffer: Any, form: str, shape: tuple[int, ...]) -> memoryview:
    """A memoryview over the buffer that arrived."""
    view = memoryview(buffer).cast("B")
    return view if form == "B" and len(shape) == 1 else view.cast(form, shape)  # type: ignore[call-overload]  # the format is whatever the sender's view had
