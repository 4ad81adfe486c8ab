"""Pickles what exists only in this process: functions and classes of ``__main__``, lambdas, closures, memoryviews.

A class travels with each pickle that has an object of it. Where it is known already it stays the one it is, with what
has been done to it there, as a module that is imported twice does. Only what is sent to workers may change it, and only
when the class has changed at home: that is what its *version* tells, a digest of all that is in it. As long as nobody
has changed it, nor anything that it names, it goes to workers as the bytes of the first time, its *bundle*.
"""

from __future__ import annotations

import dis
import functools
import io
import marshal
import sys
from _blake2 import blake2b
from _collections_abc import Callable
from _struct import Struct
from _thread import _local
from contextvars import ContextVar
from operator import getitem
from pickle import PickleBuffer, PicklingError
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any, ForwardRef, NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

import cloudpickle  # type: ignore[import-untyped]  # it ships no types

from plait._core.importable import and_packages, is_adrift, is_being_imported, is_importable, module_with
from plait._core.lazy_imports import LAZY, reduce_lazy
from plait._core.per_worker import PerWorker
from plait._engines.carried import STRANGERS
from plait._engines.pickling.annotations import TYPE_PARAMETERS, anew, annotations_of, reduce_reference
from plait._engines.pickling.as_written import as_written
from plait._engines.pickling.bundles import bundle_of, read_anew
from plait._engines.pickling.ctypes_values import is_of_ctypes, laid_out, reduce_ctypes, unless_laid_out
from plait._engines.pickling.functions import Uses, home_of, make_cached, variable
from plait._engines.pickling.hidden_instances import METHODS, reduce_method
from plait._engines.pickling.of_multiprocessing import reduce_of_multiprocessing
from plait._engines.pickling.sentinels import SENTINEL, reduce_sentinel
from plait._engines.pickling.type_names import TYPE_NAMES, reduce_type_name
from plait._engines.worker_main import enter, is_of_main, withdraw

_LRU_WRAPPER = type(functools.lru_cache(len))
_LOADS_IN_CLASSES = ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_VERSION_BYTES = 16
_MADE_WHILE_RUNNING = 1 << 9  # Py_TPFLAGS_HEAPTYPE; other classes are of C code, of which a copy could not be made
_known: WeakKeyDictionary[type, bytes | None] = WeakKeyDictionary()  # classes, with the version that was sent here


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # untyped, see above
    """cloudpickle, and what it refuses or does not keep: memoryviews (PEP 574 carries them), slots, weak dictionaries.

    Attributes:
        modules: the names of those that the other side cannot import.
        versions: whether a class that is known over there is changed if it has changed here.
        bundles: whether classes that are as they were go as they went before.
    """

    modules: frozenset[str] = frozenset()
    versions = False
    bundles = False

    def reducer_override(self, obj: Any) -> Any:
        if (reduced := reduce_of_multiprocessing(obj)) is not NotImplemented:
            return reduced
        if (reduced := reduce_ctypes(obj)) is not NotImplemented:
            return reduced
        bundle = bundle_of(obj, by_name, _dumps_classes) if self.bundles and isinstance(obj, type) else None
        return self._reduced(obj) if bundle is None else (getitem, (bundle, bundle.place_of(obj)))

    def _reduced(self, obj: Any) -> Any:
        if (reduce := _REDUCERS.get(type(obj))) is not None:
            return reduce(obj)
        if type(obj) is ModuleType and (sys.modules.get(obj.__name__, obj) is not obj or is_adrift(obj.__name__)):
            return cloudpickle.cloudpickle.dynamic_subimport, (obj.__name__, _without_builtins(obj.__dict__))
        if type(obj) is _LRU_WRAPPER and not is_importable(obj):
            return make_cached, (obj.__wrapped__, obj.cache_parameters())
        named = _NAMED.get(type(obj))
        if named is not None and (reduced := named(obj, self.modules)) is not NotImplemented:
            return reduced
        if type(obj) is PerWorker and not self.modules.isdisjoint(and_packages(obj.__module__)):
            return obj.by_value()
        reduced = self._anew(obj) if _is_only_here(obj) else super().reducer_override(obj)
        if isinstance(reduced, tuple) and len(reduced) > 2:  # it goes by value
            if isinstance(obj, type):
                return self._reduced_class(obj, reduced)
            written = as_written(obj)
            return _of_main(obj, reduced if written is obj else self._dynamic_function_reduce(written))
        return reduced

    def _anew(self, obj: Any) -> Any:
        """By value, although it would be found by its name: workers would import what is only being imported here."""
        if isinstance(obj, type):
            return cloudpickle.cloudpickle._dynamic_class_reduce(obj)
        return self._dynamic_function_reduce(obj) if isinstance(obj, FunctionType) else NotImplemented

    def _dynamic_function_reduce(self, func: FunctionType) -> tuple[Any, ...]:
        uses = Uses(func)
        annotations, annotated = annotations_of(func)
        bare = anew(func, func.__code__, func.__closure__ or ())
        make, args, (attributes, fields), *rest = super()._dynamic_function_reduce(bare)
        del fields["__annotations__"]
        fields["__globals__"] |= {name: uses.named[name] for name in _named_in_classes(func.__code__) & {*uses.named}}
        fields |= {annotations: annotated, "_cloudpickle_submodules": uses.modules}
        fields |= {name: getattr(func, name) for name in TYPE_PARAMETERS if getattr(func, name)}
        return make, args, (attributes, fields), *rest

    def _reduced_class(self, kind: type, reduced: tuple[Any, ...]) -> tuple[Any, ...]:
        module = module_with(kind)
        if module is not None and self.modules.isdisjoint(and_packages(module.__name__)):
            return getattr, (module, kind.__qualname__)
        if not kind.__flags__ & _MADE_WHILE_RUNNING:
            name = f"{kind.__module__}.{kind.__qualname__}"
            raise PicklingError(f"its class {name} is built in, and not found by that name")
        _known.setdefault(kind, None)
        if "__slots__" in kind.__dict__:
            reduced = _with_slots(kind, *reduced)
        reduced = laid_out(kind, *reduced)
        make, args, (members, slots), *rest, _ = reduced
        members = _annotated(kind, members)
        version = self._version(members, kind.__bases__) if self.versions else None
        return (
            _make_once,
            (make, *args),
            (version, kind.__qualname__, is_of_main(kind), kind.__bases__, (members, slots)),
            *rest,
            settle,
        )

    def _version(self, members: dict[str, Any], bases: tuple[type, ...]) -> bytes:
        """A digest of what a class is made of; of the other classes that it names only which they are."""
        digest = blake2b(digest_size=_VERSION_BYTES)
        pickler = _Digester(_Writer(digest.update), protocol=5, buffer_callback=lambda each: digest.update(each.raw()))
        pickler.modules = self.modules
        own = {name: value for name, value in members.items() if name != "__slotnames__"}  # which pickling sets
        pickler.dump((own, bases))
        return digest.digest()


class _Digester(_Pickler):
    """Writes what makes the version of a class."""

    def _reduced_class(self, kind: type, reduced: tuple[Any, ...]) -> tuple[Any, ...]:
        *_, tracker, _ = reduced[1]  # by which cloudpickle knows the class in all processes
        return str, (tracker,)


class _Writer(NamedTuple):
    write: Callable[[Any], None]


def _is_only_here(obj: Any) -> bool:
    """Whether its name, by which it is found here, says nothing to others."""
    return is_being_imported(obj) or is_adrift(getattr(obj, "__module__", None))


def _of_main(function: FunctionType, reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*reduced[:-1], fill_of_main) if is_of_main(function) else reduced


def fill_of_main(function: FunctionType, state: Any) -> None:
    """Give a function what is in it, and a worker's ``__main__`` the function."""
    cloudpickle.cloudpickle._function_setstate(function, state)
    enter(function)


def _cached_property(function: Callable[[Any], Any], name: str | None) -> functools.cached_property[Any]:
    made = functools.cached_property(function)
    made.attrname = name
    return made


def _make_once(make: Callable[..., type], *args: Any) -> type:
    """A class as cloudpickle makes it, if it is not known here: its bases and metaclass may count what is made."""
    known = cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(args[-2])
    return make(*args) if known is None else known


def settle(kind: type, state: tuple[bytes | None, str, bool, tuple[type, ...], Any]) -> None:
    """Give a class what is in it when a pickle has just made it; leave it as it is when it is known here."""
    version, name, of_main, bases, members = state
    if kind not in _known or (version is not None and version != _known[kind]):
        if kind.__bases__ != bases:  # those of a generic class are its bases only once it has been made
            kind.__bases__ = bases
        own, slots = members
        cloudpickle.cloudpickle._class_setstate(kind, (unless_laid_out(kind, own), slots))
        kind.__qualname__ = name  # which cloudpickle takes for its last part
        if kind in _known:
            read_anew()
        _known[kind] = version
    if of_main:
        if enter(kind):
            read_anew()
    else:
        withdraw(kind)
        STRANGERS.here = STRANGERS.here or kind.__module__ not in sys.modules


def by_name(value: object) -> bool:
    """Whether a class, function or module goes as its name, or as what makes it, and cannot be changed."""
    return is_of_ctypes(value) or bool(cloudpickle.cloudpickle._should_pickle_by_reference(value))


def _dumps_classes(kinds: object) -> bytes:
    return dumps_by_value(kinds, lambda _: True, (), versions=True)


def dumps_by_value(
    value: object,
    place: Callable[[PickleBuffer], bool],
    modules: tuple[object, ...],
    *,
    versions: bool = False,
    bundles: bool = False,
) -> bytes:
    """The pickle of `value`; what belongs to `modules` goes by value as if it were defined in ``__main__``.

    With `versions`, classes that are known where it is read are changed if they have changed here. With `bundles` those
    of ``__main__`` go as they went before while they are as they were.

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
            pickler.versions = versions
            pickler.bundles = bundles
            pickler.dump(value)
            return file.getvalue()
    finally:
        for module in by_value:
            cloudpickle.unregister_pickle_by_value(module)


@functools.lru_cache(512)
def _named_in_classes(code: CodeType) -> set[str]:
    """The globals that bodies of classes and their annotations use, which cloudpickle does not look for."""
    names = {one.argval for one in dis.get_instructions(code) if one.opname in _LOADS_IN_CLASSES}
    return names.union(*(_named_in_classes(each) for each in code.co_consts if isinstance(each, CodeType)))


def _annotated(kind: type, members: dict[str, Any]) -> dict[str, Any]:
    """With its annotations, which from CPython 3.14 on are no member of a class, and which cloudpickle leaves out."""
    if getattr(kind, "__annotate__", None) is None:
        return members
    name, value = annotations_of(kind)
    return {**{each: members[each] for each in members if each != "__annotations_cache__"}, name: value}


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


def _without_builtins(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name != "__builtins__"}


def _weak(values: Any) -> tuple[Any, ...]:
    return type(values), (dict(values),)


def _open_file(file: io.TextIOWrapper) -> Any:
    """An open file stays what it is, or is refused; cloudpickle makes a copy of its text, which is no file."""
    if file is sys.stdout or file is sys.stderr:
        return NotImplemented
    raise PicklingError("cannot pickle an open file")


def _view(buffer: Any, form: str, shape: tuple[int, ...]) -> memoryview:
    """A memoryview over the buffer that arrived."""
    view = memoryview(buffer).cast("B")
    return view if form == "B" and len(shape) == 1 else view.cast(form, shape)  # type: ignore[call-overload]  # the format is whatever the sender's view had


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    io.TextIOWrapper: _open_file,
    memoryview: lambda view: (_view, (PickleBuffer(view), view.format, view.shape)),
    CodeType: lambda code: (marshal.loads, (marshal.dumps(code),)),  # cloudpickle does not keep the name of the file
    ContextVar: lambda wanted: (variable, home_of(wanted)),
    functools.cached_property: lambda made: (_cached_property, (made.func, made.attrname)),  # it has a lock before 3.12
    Struct: lambda made: (Struct, (made.format,)),
    _local: lambda _: (_local, ()),  # empty, as it is for every thread that has not used it yet
    LAZY: reduce_lazy,
    **dict.fromkeys(METHODS, reduce_method),
    **({ForwardRef: reduce_reference} if hasattr(ForwardRef, "evaluate") else {}),  # from CPython 3.14 on
    WeakKeyDictionary: _weak,  # functools.singledispatch has one
    WeakValueDictionary: _weak,
}
_NAMED: dict[type, Callable[[Any, frozenset[str]], Any]] = {
    SENTINEL: reduce_sentinel,
    **dict.fromkeys(TYPE_NAMES, reduce_type_name),
}
