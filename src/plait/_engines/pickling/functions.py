"""Functions by value, for the common case: what a script defines, lambdas and closures, without importing cloudpickle.

A function travels as its code (marshal), the globals it names, its defaults and what it captured; functions of one
module share one dictionary of globals over there, as they do here. Classes that exist only here need more than that:
`NotSimple` is raised and cloudpickle takes over.
"""

from __future__ import annotations

import _functools  # type: ignore[import-not-found]  # functools imports much
import builtins
import io
import marshal
import sys
from _collections_abc import Callable
from _pickle import PickleBuffer, Pickler
from contextvars import Context, ContextVar
from types import CellType, CodeType, FunctionType, ModuleType

from plait._core.code_names import names_in
from plait._core.importable import is_adrift, is_importable
from plait._core.lazy_imports import LAZY, import_inside, reduce_lazy, settled
from plait._engines.pickling.annotations import annotations_of
from plait._engines.pickling.as_written import as_written
from plait._engines.pickling.hidden_instances import METHODS, reduce_method
from plait._engines.pickling.of_multiprocessing import reduce_of_multiprocessing
from plait._engines.pickling.sentinels import SENTINEL, reduce_sentinel
from plait._engines.worker_main import enter, is_of_main

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module, and typing would double their start-up time
    from typing import Any

_LruWrapper: Any = _functools._lru_cache_wrapper
_homeless: dict[tuple[object, ...], ContextVar[object]] = {}
_PLAIN = (type(None), bool, int, float, str, bytes)
_MODULE_FACTS = ("__name__", "__file__", "__package__")


class NotSimple(Exception):
    """Something that only cloudpickle can carry."""


def dumps_simple(value: object, place: Callable[[PickleBuffer], bool]) -> bytes:
    """The pickle of `value`, functions by value where they cannot be imported.

    Raises:
        NotSimple: it holds a class that exists only in this process.
        Exception: pickle's own.
    """
    with io.BytesIO() as file:
        _SimplePickler(file, place).dump(value)
        return file.getvalue()


class _SimplePickler(Pickler):
    def __init__(self, file: io.BytesIO, place: Callable[[PickleBuffer], bool]) -> None:
        super().__init__(file, protocol=5, buffer_callback=place)
        self._globals: dict[int, dict[str, object]] = {}

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, FunctionType):
            return NotImplemented if is_importable(value) else self._reduce_function(value)
        if isinstance(value, type):
            if value.__module__ == "__main__" or not is_importable(value):
                raise NotSimple(value.__qualname__)
            return NotImplemented
        if type(value) is ModuleType:
            if sys.modules.get(value.__name__) is not value or is_adrift(value.__name__):  # from the path of a file
                raise NotSimple(value.__name__)
            return _import, (value.__name__,)
        if type(value) is _LruWrapper and not is_importable(value):
            return make_cached, (value.__wrapped__, value.cache_parameters())
        if (reduce := _REDUCERS.get(type(value))) is not None:
            return reduce(value)
        if (reduced := reduce_of_multiprocessing(value)) is not NotImplemented:
            return reduced
        if getattr(value, "__module__", None) == "__main__":  # such as a type variable, which would go as its name
            raise NotSimple(repr(value))
        return NotImplemented

    def _reduce_function(self, function: FunctionType) -> Any:
        function = as_written(function)
        scope = self._globals.setdefault(id(function.__globals__), {})
        shell = (
            marshal.dumps(function.__code__),
            scope,
            function.__name__,
            len(function.__closure__ or ()),
        )
        uses = Uses(function)
        facts = {name: function.__globals__[name] for name in _MODULE_FACTS if name in function.__globals__}
        annotations, annotated = annotations_of(function)
        state = {
            "modules": uses.modules,
            "globals": facts | uses.named,
            "captured": uses.captured,
            "attributes": dict(function.__dict__),
            "of main": is_of_main(function),
            "fields": {
                "__defaults__": function.__defaults__,
                "__kwdefaults__": function.__kwdefaults__,
                "__qualname__": function.__qualname__,
                "__module__": function.__module__,
                "__doc__": function.__doc__,
                annotations: annotated,
            },
        }
        return make_function, shell, state, None, None, fill_function


class Uses:
    """What a function uses; modules that are to be imported lazily are imported by then.

    Attributes:
        named: the globals it names.
        captured: what it has captured, as `content_of` has it.
        modules: those that it reaches through packages among these.
    """

    def __init__(self, function: FunctionType) -> None:
        names, values = names_in(function.__code__), function.__globals__
        self.named = {name: settled(values, name) for name in names if name in values}
        self.captured = [content_of(cell) for cell in function.__closure__ or ()]
        self.modules = _modules_inside([*self.named.values(), *(cell[0] for cell in self.captured if cell)], names)


def _modules_inside(values: list[object], names: set[str]) -> list[ModuleType]:
    """The modules of these names that are reached through a package among `values`: ``import a.b`` binds only a."""
    packages = [value for value in values if isinstance(value, ModuleType) and "__path__" in value.__dict__]
    found: dict[str, ModuleType] = {}
    while packages:
        package = packages.pop()
        for name in names:
            import_inside(package, name)
            inside = sys.modules.get(f"{package.__name__}.{name}")
            if isinstance(inside, ModuleType) and inside.__name__ not in found:
                found[inside.__name__] = inside
                packages.append(inside)
    return list(found.values())


def make_function(code: bytes, scope: dict[str, object], name: str, cells: int) -> FunctionType:
    """A function with its code only; what it refers to may refer back to it, so that comes later."""
    scope.setdefault("__builtins__", builtins.__dict__)
    return FunctionType(marshal.loads(code), scope, name, None, tuple(CellType() for _ in range(cells)))


def fill_function(function: FunctionType, state: dict[str, Any]) -> None:
    """Give a function of `make_function` its globals, captured values and attributes."""
    for name, value in state["globals"].items():
        function.__globals__.setdefault(name, value)
    for cell, content in zip(function.__closure__ or (), state["captured"], strict=True):
        if content is not None:
            cell.cell_contents = content[0]
    for name, value in state["fields"].items():
        setattr(function, name, value)
    function.__dict__.update(state["attributes"])
    if state["of main"]:
        enter(function)


def make_cached(function: Callable[..., object], parameters: dict[str, Any]) -> object:
    """A function with an empty ``lru_cache`` around it, of the same size."""
    from functools import lru_cache  # which most functions can do without

    return lru_cache(**parameters)(function)


def home_of(wanted: ContextVar[Any]) -> tuple[Any, ...]:
    """The module and name under which another interpreter finds a context variable; without one its default too."""
    for module in list(sys.modules.values()):
        if module is None or getattr(module, "__name__", "__main__") == "__main__":
            continue
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is wanted:
                return module.__name__, name
    try:
        return "", wanted.name, Context().run(wanted.get)
    except LookupError:
        return "", wanted.name


def variable(module: str, name: str, *default: object) -> ContextVar[Any]:
    """The context variable of that home; one per name and default for those of ``__main__`` and of functions."""
    if not module:
        key = name, *((type(each), each if type(each) in _PLAIN else None) for each in default)
        return _homeless.setdefault(key, ContextVar(name, default=default[0]) if default else ContextVar(name))
    found: ContextVar[Any] = getattr(_import(module), name)
    return found


def _import(name: str) -> ModuleType:
    __import__(name)
    return sys.modules[name]


def content_of(cell: CellType) -> tuple[object] | None:
    """What a function has captured there; None where nothing is assigned yet."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return None


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    CodeType: lambda code: (marshal.loads, (marshal.dumps(code),)),
    ContextVar: lambda wanted: (variable, home_of(wanted)),
    LAZY: reduce_lazy,
    SENTINEL: reduce_sentinel,
    **dict.fromkeys(METHODS, reduce_method),
}
