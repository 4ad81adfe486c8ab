"""Whether a function depends on memory it shares with the rest of the program, as far as its code shows.

It does when it stores to a global or captured name or to something it got by one, when it uses a mutable object that is
global, captured, or an attribute of a module or class, when it has state of its own, such as a cache, when it draws
from random numbers that the program seeds, or when it cannot be pickled. The functions and classes it uses are
looked at too, unless they belong to an installed package or the standard library.
`sharing_code` reads the byte code. When in doubt the answer is yes.
"""

from __future__ import annotations

import functools
import sys
from enum import Enum
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from plait._core.code_names import captured_by, names_in
from plait._core.importable import is_importable
from plait._core.installed import is_installed
from plait._core.lazy_imports import settled
from plait._core.source import Sources
from plait._core.star import Star
from plait._engines.pickling.hidden_instances import is_method_of_hidden
from plait._engines.reading.immutable import is_immutable
from plait._engines.reading.sharing_code import CHANGING, Use, uses
from plait._engines.reading.sharing_python import against_builtin, against_calling, against_descriptor
from plait._engines.reading.sharing_random import against_drawing
from plait._engines.reading.sharing_reads import only_reads
from plait._engines.reading.sharing_rebinding import is_rebound
from plait._engines.reading.table_shape import shape_of
from plait._engines.reading.tables import Table, Tables

_OF_THREADS = ("_thread", "threading", "queue", "_queue")  # modules of what threads wait for
_MOST = 300  # functions and classes that are read
_NAMESPACES = frozenset({"__dict__", "__globals__", "__kwdefaults__", "__closure__"})


def obstacle(
    function: object, classes: tuple[object, ...] = (), *, may_change: bool = False, tables: Tables | None = None
) -> str:
    """Why the function must stay in this process, or an empty string when nothing speaks against moving it.

    `classes` are those of its arguments and results, whose methods it may call; `may_change` says that arguments are
    objects that can be changed at all. What it only reads speaks for staying, unless `tables` are given to add it to.
    """
    reader = Reader(may_change=may_change, tables=tables)
    return (
        reader.of(function)
        or next((why for found in classes if (why := reader.of_used("", found))), "")
        or next((why for found in classes if (why := reader.of_changing_methods(found))), "")
    )


class Reader:
    """Reads functions and classes, each once, for what speaks against moving to another process."""

    def __init__(self, *, may_change: bool, tables: Tables | None = None) -> None:
        self._seen: set[int] = set()
        self._tables = tables
        self._sources = Sources()
        self._may_change = may_change
        self._names: set[str] = set()  # of globals and attributes that are used anywhere
        self._first: object = None  # the function that is called with the items
        self._of_classes: set[int] = set()  # functions whose first argument is a class

    def of(self, function: Any) -> str:
        """What speaks against moving this function."""
        while isinstance(function, Star):
            function = function.fn
        if hasattr(function, "func") and hasattr(function, "keywords"):
            bound = (*function.args, *function.keywords.values())
            return next((why for value in bound if (why := self._of_given(value, _BOUND))), "") or self.of(
                function.func
            )
        if why := self.draws(getattr(function, "__name__", ""), function):
            return why
        if is_method_of_hidden(function):
            return ""
        if isinstance(function, BuiltinFunctionType):
            owner = function.__self__
            known = owner is None or isinstance(owner, ModuleType) or self.is_same(owner)
            return "" if known else f"it belongs to {_name(owner)}, which is shared"
        if isinstance(function, MethodType):
            return self._of_method(function)
        if isinstance(function, (FunctionType, type)) or _is_wrapper(function):
            self._first = function
            return self.of_used("", function)
        return "" if isinstance(function, MethodDescriptorType) else f"{_name(function)} has state that would be copied"

    def _of_given(self, value: Any, what: str) -> str:
        """What speaks against a value that calls are given: bound to the function, or as a default."""
        if isinstance(value, FunctionType):
            return self.of_code(value)
        return self.draws(_name(value), value) if self.is_same(value) else what.format(_name(value))

    def _of_method(self, method: MethodType) -> str:
        if isinstance(method.__self__, type):
            return self.of_used("", method.__self__)
        if not self.is_same(method.__self__):
            return f"{_name(method)} has state that would be copied"
        return self.of_used("", method.__func__)

    def of_used(self, name: str, value: Any) -> str:
        """What speaks against moving a function that uses this value."""
        if isinstance(value, classmethod):
            self._of_classes.add(id(value.__func__))
        if isinstance(value, (staticmethod, classmethod, property, functools.cached_property)):
            parts = tuple(getattr(value, part, None) for part in ("fget", "fset", "fdel", "__func__", "func"))
            return next((why for part in parts if part and (why := self.of_used(name, part))), "")
        if isinstance(value, (FunctionType, type)) or _is_wrapper(value):
            return self.of_code(value)
        if isinstance(value, MethodType) and isinstance(value.__self__, type):
            return self.of_code(value.__self__)
        if why := self.draws(name, value):
            return why
        if isinstance(value, _DESCRIPTORS) or is_method_of_hidden(value):  # nobody shares the state of a package
            return ""
        if all(map(self.is_same, _fields_of_frozen(value) or [value])):
            return self.of_code(type(value))
        if type(value).__module__ in _OF_THREADS:
            kind = type(value).__name__
            return f'"{name}" is a{"n" * kind.startswith("E")} {kind}, and each process would have its own'
        return f'"{name}" is shared; pass engine="process" if it is only read'

    def of_changing_methods(self, found: Any) -> str:
        """What speaks against moving arguments of this class: methods that change them, and whose names are used."""
        if not isinstance(found, type) or is_installed(found):
            return ""
        for name, part in vars(found).items():
            if isinstance(part, FunctionType) and name in self._names and not name.startswith("__"):
                if any(use.kind == "argument" for use in uses(part.__code__)):
                    return f'{found.__name__}.{name} changes its object; pass engine="process" to give it a copy'
        return ""

    def of_code(self, value: Any) -> str:
        """What speaks against moving a function that uses this class or function."""
        if id(value) in self._seen:
            return ""
        self._seen.add(id(value))
        if is_installed(value):  # nobody shares the state of a package on purpose
            return against_calling(_name(value), value) or self._of_wrapped(value)
        if len(self._seen) > _MOST:
            return "it uses more code than can be looked at"
        if isinstance(value, type):
            parts = [(name, part) for name, part in vars(value).items() if not _is_made(name, part)]
            if self._tables is not None:
                self._tables.watch_class(value, [name for name, _ in parts])
            if hasattr(value, "__members__"):  # an enumeration: the rest is its own
                parts = [(name, part) for name, part in parts if isinstance(part, _FUNCTIONS)]
            if issubclass(value, type):
                self._of_classes.update(id(part) for _, part in parts)
            found = (self.of_used(f"{value.__name__}.{name}", part) for name, part in parts)
            return next((why for why in found if why), "") or self._of_bases(value) or self.of_code(type(value))
        if not isinstance(value, FunctionType):
            return self.keeps_results(value) or self.of_used(value.__name__, value.__wrapped__)
        return self._of_function(value)

    def _of_bases(self, value: type) -> str:
        return next((why for base in value.__bases__ if base is not object and (why := self.of_code(base))), "")

    def _of_wrapped(self, value: Any) -> str:
        """What speaks against the program's functions that a function of a package calls, such as a decorator's."""
        if not isinstance(value, FunctionType):
            return ""
        inner = [*vars(value).values(), *(one for _, one in captured_by(value))]
        inner += [
            one for each in inner if isinstance(each, MappingProxyType) for one in each.values()
        ]  # singledispatch
        found = (self.of_code(one) for one in inner if isinstance(one, FunctionType) and not is_installed(one))
        return next((why for why in found if why), "")

    def _of_function(self, function: FunctionType) -> str:
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            if why := self._of_given(value, _DEFAULT):
                return why
        captured = dict(captured_by(function))
        self._names.update(names_in(function.__code__))
        used = sorted(uses(function.__code__), key=_says_little)
        if self._tables is not None:  # attributes may have the names of globals, as the one of the loop over the map
            self._tables.watch_function(function, {use.name for use in used if use.kind == "global"})
        for use in used:
            if use.kind == "argument" and function is not self._first:
                if id(function) in self._of_classes and use.name == function.__code__.co_varnames[0]:
                    use = use._replace(kind="class")
                elif use.name == "self" or not self._may_change:
                    continue  # of a helper: it is not an item's
            if why := self.of_use(use, captured, function):
                return why
        return ""

    def of_use(self, use: Use, captured: dict[str, object], function: FunctionType) -> str:
        """What speaks against moving a function that uses this."""
        name, scope = use.name, function.__globals__
        if use.kind == "argument":
            return f'it changes its argument {name!r}; pass engine="process" to give it a copy'
        if use.kind == "class":
            return "it assigns to an attribute of a class"
        if use.kind == "import":
            return self._of_import(use)
        if use.kind in ("global", "captured") and use.stores and not use.path:
            return f"it assigns to the {use.kind} name {name!r}" if use.kind == "global" or name in captured else ""
        if name in captured or name in scope:
            value = captured[name] if name in captured else settled(scope, name)
            if not isinstance(value, (ModuleType, FunctionType, type)) and is_immutable(value):
                return self._of_constant(use, value, function)
            if _logs(value, use) or self._is_table(name, value, function, use):
                return ""
            names = names_in(function.__code__)
            return against_descriptor(value, use.path, names) or self._of_path(name, value, use)
        return "" if use.stores else against_builtin(name, function.__name__)

    def _of_import(self, use: Use) -> str:
        """What speaks against a module that is imported in the function, or what is taken from that."""
        module = sys.modules.get(use.name)
        if module is None:
            return ""
        made = "" if _is_importable_module(module) else f'"{use.name}" is a module that the program has made'
        return (self._of_path(use.name, module, use) if use.path else "") or made

    def _of_constant(self, use: Use, value: Any, function: FunctionType) -> str:
        """What speaks against a value that nobody can change: another object elsewhere, or another value later."""
        if use.tells_objects and isinstance(value, _COPIED) and not isinstance(value, bool | Enum):
            return f'it looks whether something is "{use.name}" itself'
        if is_rebound(use.name, function):
            return f'"{use.name}" is changed meanwhile'
        return self.of_used(use.name, value)

    def _is_table(self, name: str, value: object, function: FunctionType, use: Use) -> bool:
        """Whether it is one that is only read, and may therefore be copied as long as it is not changed."""
        if self._tables is None or isinstance(value, (ModuleType, FunctionType, type)):
            return False
        if CHANGING.intersection(use.path) or is_rebound(name, function):
            return False
        shape, fields = shape_of(value), _fields_of_frozen(value)
        if fields:  # it is looked at whether one is changed
            reads = all(is_immutable(one) or shape_of(one) for one in fields) and not self.of_code(type(value))
        else:
            reads = shape is not None and only_reads(function, name, shape, self._sources, value)
        if not reads:
            return False
        scope = function.__globals__ if use.kind == "global" else None
        module = function.__module__ if scope is not None and is_importable(function) else ""
        flat = shape is not None and (shape.depth == 1 or shape.array)
        self._tables.add(Table(name, value, scope, flat=flat, module=module))
        return True

    def _of_path(self, name: str, value: object, use: Use) -> str:
        """What speaks against a value and those attributes of it that are used, if it is a module or a class."""
        for position, attribute in enumerate(use.path):
            last = position == len(use.path) - 1
            within = isinstance(value, (ModuleType, type, FunctionType)) and (last or hasattr(value, "__members__"))
            if use.stores and within:
                return f"it assigns to an attribute of {name!r}"
            if attribute in _NAMESPACES and isinstance(value, (ModuleType, FunctionType)):
                return f'"{name}.{attribute}" may be changed'
            if isinstance(value, FunctionType) and attribute in vars(value):
                return self.of_used(f"{name}.{attribute}", vars(value)[attribute]) or self.of_used(name, value)
            if not isinstance(value, (ModuleType, type)):
                break
            installed = is_installed(value)
            found = _attribute(value, attribute)
            if found is None:
                return ""
            if self._tables is not None and not installed and isinstance(value, ModuleType):
                self._tables.watch_module(value, attribute)
            if isinstance(found, ModuleType) or (isinstance(found, type) and not last):
                name, value = f"{name}.{attribute}", found
                continue
            if installed and callable(found):  # nobody shares the state of a package on purpose
                return self.draws(f"{name}.{attribute}", found) or against_calling(f"{name}.{attribute}", found)
            return self.of_used(f"{name}.{attribute}", found) or (
                self.of_used(name, value) if isinstance(value, type) else ""
            )
        if isinstance(value, ModuleType) and not use.path and not is_installed(value):
            return f'the module "{name}" is handed on'
        return self.of_used(name, value)

    def is_same(self, value: Any) -> bool:
        """Whether it is as good where the function moves to."""
        return is_immutable(value)

    def draws(self, name: str, value: Any) -> str:
        """What speaks against moving a function that draws from a generator such as those of `random`, or seeds it."""
        return against_drawing(name, value)

    def keeps_results(self, value: Any) -> str:
        """What speaks against moving a function that ``functools`` gave a cache."""
        return _keeps_results(value)


_BOUND = "an argument bound to it, {}, is shared"
_DEFAULT = "a default argument, {}, is shared between calls"
_FUNCTIONS = (FunctionType, property, classmethod, staticmethod)
_COPIED = (int, float, complex, str, bytes, tuple, frozenset, range, slice)  # equal elsewhere, and another object
_OF_NAMEDTUPLE: Any = vars(sys.modules["_collections"])["_tuplegetter"]  # what the fields of its classes are
_DESCRIPTORS = (
    MethodDescriptorType, WrapperDescriptorType, MemberDescriptorType, GetSetDescriptorType, _OF_NAMEDTUPLE,
)  # fmt: skip


def _logs(value: object, use: Use) -> bool:
    """Whether it only writes to a log, which is that of the program wherever it runs."""
    kind = type(value)
    writes = (kind.__module__, kind.__qualname__) in _LOGGERS and use.path[:1] in _WRITES and not use.stores
    return writes and not getattr(value, "filters", ())  # which would be asked elsewhere


_LOGGERS = frozenset({("logging", "Logger"), ("logging", "RootLogger")})
_WRITES = frozenset((name,) for name in "debug info warning error exception critical log isEnabledFor".split())


def _is_made(name: str, part: object) -> bool:
    """Whether an attribute of a class is the language's or a decorator's work and not a program's state."""
    if isinstance(part, _FUNCTIONS):
        return False
    return (name.startswith("__") and name.endswith("__")) or name.startswith(("_abc_", "_field"))


def _says_little(use: Use) -> bool:
    """Whether it is only that something is imported: what is taken from that says more."""
    return use.kind == "import" and not use.path


def _is_importable_module(module: object) -> bool:
    """Whether another process finds it: what a program has put into `sys.modules` itself has no loader."""
    return getattr(module, "__spec__", None) is not None or getattr(module, "__name__", "") == "__main__"


def _is_wrapper(value: object) -> bool:
    """Whether it is made of a function by a decorator such as ``functools.lru_cache``."""
    return callable(value) and hasattr(value, "__wrapped__") and not hasattr(value, "__self__")


def _keeps_results(value: Any) -> str:
    """What speaks against moving a function that ``functools`` gave a cache: the program's own would stay empty.

    One without parameters is a constant that is made when it is needed, wherever that is.
    """
    if not isinstance(value, functools._lru_cache_wrapper):
        return ""
    code = getattr(value.__wrapped__, "__code__", None)
    if code is not None and not (code.co_argcount or code.co_kwonlyargcount or code.co_flags & _VARIADIC):
        return ""
    return f'"{value.__name__}" keeps its results in a cache of this process; pass engine="process" if it need not'


_VARIADIC = 0x04 | 0x08  # CO_VARARGS, CO_VARKEYWORDS


def _attribute(owner: object, name: str) -> object:
    """The attribute, or None when there is none, or none that can be looked at without running code."""
    if isinstance(owner, ModuleType):
        return vars(owner).get(name)
    for base in getattr(owner, "__mro__", ()):
        if name in vars(base):
            return vars(base)[name]
    return None


def _fields_of_frozen(value: object) -> list[object]:
    """What an instance of a frozen dataclass has; nothing for another object."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    names = getattr(value, "__dataclass_fields__", ()) if parameters is not None and parameters.frozen else ()
    return [getattr(value, name, None) for name in names]


def _name(value: object) -> str:
    return f"{_article(type(value).__name__)} {type(value).__name__}"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"
