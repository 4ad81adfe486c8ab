"""Pickles what exists only in this process: functions and classes of ``__main__``, lambdas, closures, memoryviews."""

from __future__ import annotations

import functools
import io
import sys
from _collections_abc import Callable
from contextvars import ContextVar
from pickle import PickleBuffer
from types import ModuleType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # it ships no types

from plait._core.importable import is_importable
from plait._core.per_worker import PerWorker
from plait._engines.functions import home_of, make_cached, variable

_LRU_WRAPPER = type(functools.lru_cache(len))


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # untyped, see above
    """cloudpickle, and memoryviews, which pickle refuses although PEP 574 can carry them.

    Attributes:
        modules: the names of those that the other side cannot import.
    """

    modules: frozenset[str] = frozenset()

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is memoryview:
            return _view, (PickleBuffer(obj), obj.format, obj.shape)
        if type(obj) is ContextVar:
            return variable, home_of(obj)
        if type(obj) is _LRU_WRAPPER and not is_importable(obj):
            return make_cached, (obj.__wrapped__, obj.cache_parameters())
        if type(obj) is PerWorker and not self.modules.isdisjoint(_and_packages(obj.__module__)):
            return obj.by_value()
        return super().reducer_override(obj)


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


def _and_packages(module: str) -> list[str]:
    """The module, and the packages it is in: cloudpickle's rule for what belongs to a module."""
    parts = module.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _view(buffer: Any, form: str, shape: tuple[int, ...]) -> memoryview:
    """A memoryview over the buffer that arrived."""
    view = memoryview(buffer).cast("B")
    return view if form == "B" and len(shape) == 1 else view.cast(form, shape)  # type: ignore[call-overload]  # the format is whatever the sender's view had
