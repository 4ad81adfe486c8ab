"""Whether a function must run in the caller's thread, or one call at a time, as far as the names in its code show.

A loop may use a connection that belongs to its thread, or change for a while what all threads of a process have in
common, such as its folder. Side by side on threads that fails, or gives other results.
"""

from __future__ import annotations

import functools
import sys
from _collections_abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import NamedTuple

from plait._core.code_names import captured_by, names_in
from plait._core.installed import is_installed
from plait._core.lazy_imports import settled
from plait._core.star import Star

_OWNED = frozenset({
    "sqlite3.Connection", "sqlite3.Cursor", "tkinter.Misc", "tkinter.Variable", "zstandard.backend_c.ZstdCompressor",
    "zstandard.backend_c.ZstdDecompressor",
})  # fmt: skip
_OF_MAIN_THREAD = dict.fromkeys(("signal.signal", "signal.set_wakeup_fd"), "works in the main thread only")
_OF_PROCESS = {
    full: f"changes {what} of the whole process"
    for full, what in {
        "os.chdir": "the folder", "os.fchdir": "the folder", "contextlib.chdir": "the folder", "os.umask": "the umask",
        "contextlib.redirect_stdout": "the output", "contextlib.redirect_stderr": "the output",
        "random.seed": "the random numbers", "numpy.random.seed": "the random numbers", "time.tzset": "the time zone",
        "locale.setlocale": "the locale", "duckdb.sql": "the connection", "duckdb.execute": "the connection",
        "duckdb.query": "the connection",
    }.items()
}  # fmt: skip
_KNOWN = {**_OF_MAIN_THREAD, **_OF_PROCESS}  # by where a function is found
_NAMES = frozenset(full.rpartition(".")[2] for full in _KNOWN)
_MODULES = frozenset(full.rpartition(".")[0] for full in _KNOWN) | {"numpy", "matplotlib.pyplot"}
_CURRENT = {"matplotlib.pyplot": "figure", "pylab": "figure", "turtle": "turtle"}  # modules that keep what is current
_MOST = 100  # functions and classes that are read
_EXCLUSIVE = 1  # the DB-API's `threadsafety` of modules whose connections one thread at a time may use


class ProcessWide(NamedTuple):
    """Why it must run in the caller's thread, and why only one call at a time; empty where nothing says so."""

    own_thread: str = ""
    one_at_a_time: str = ""


def process_wide(function: object) -> ProcessWide:
    """What the names that the function uses, and those of the program's functions and classes it uses, say.

    >>> import os
    >>> process_wide(lambda folder: os.chdir(folder)).one_at_a_time
    'os.chdir changes the folder of the whole process'
    >>> process_wide(lambda n: n + 1)
    ProcessWide(own_thread='', one_at_a_time='')
    """
    one_at_a_time = ""
    for name, value, code in _used(function):
        if found := _owned(name, value):
            return ProcessWide(own_thread=found)
        full = _known(name, value, code)
        if full in _OF_MAIN_THREAD:
            return ProcessWide(own_thread=f"{full} {_KNOWN[full]}")
        one_at_a_time = one_at_a_time or (f"{full} {_KNOWN[full]}" if full else _current(value))
    return ProcessWide(one_at_a_time=one_at_a_time)


def _used(function: object) -> Iterator[tuple[str, object, CodeType | None]]:
    """Names, what they stand for, and the code that uses them."""
    waiting: list[object] = [function]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            for name, used in _reached(value):
                yield name, used, value.__code__
                if isinstance(used, (FunctionType, type, MethodType)) and not is_installed(used):
                    waiting.append(used)
        elif isinstance(value, Star):
            waiting.append(value.fn)
        elif isinstance(value, functools.partial):
            yield from ((type(part).__name__, part, None) for part in (*value.args, *value.keywords.values()))
            waiting.append(value.func)
        elif isinstance(value, (MethodType, staticmethod, classmethod)):
            owner = getattr(value, "__self__", None)
            yield getattr(type(owner), "__name__", ""), owner, None
            waiting.append(value.__func__)
        elif isinstance(value, type):
            waiting += [part for part in vars(value).values() if isinstance(part, (FunctionType, staticmethod))]
        else:
            yield getattr(value, "__name__", type(value).__name__), value, None


def _reached(function: FunctionType) -> Iterator[tuple[str, object]]:
    scope = function.__globals__
    for name in names_in(function.__code__):
        if name in scope:
            yield name, settled(scope, name)
        elif name in _MODULES and name in sys.modules:  # it is imported in the function
            yield name, sys.modules[name]
    yield from captured_by(function)
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield type(default).__name__, default


def _owned(name: str, value: object) -> str:
    """Why a value, or an object of the program's that has it, may be used by one thread only."""
    if isinstance(value, (ModuleType, FunctionType, type)):
        return ""
    own = getattr(value, "__dict__", None)
    parts = own.items() if isinstance(own, dict) and not is_installed(type(value)) else ()
    for path, part in ((name, value), *((f"{name}.{attribute}", part) for attribute, part in tuple(parts))):
        kinds = [f"{base.__module__}.{base.__qualname__}" for base in type(part).__mro__]
        if any(kind in _OWNED for kind in kinds) or _is_exclusive_connection(type(part)):
            return f'"{path}", a {kinds[0]}, belongs to one thread'
    return ""


def _is_exclusive_connection(kind: type) -> bool:
    """Whether a driver says of itself, by the DB-API (PEP 249), that threads may not share its connections."""
    if not kind.__name__.endswith(("Connection", "Cursor")):
        return False
    driver = sys.modules.get(str(kind.__module__).partition(".")[0].lstrip("_"))
    safety = getattr(driver, "threadsafety", None)
    return isinstance(safety, int) and safety <= _EXCLUSIVE and hasattr(driver, "apilevel")


def _known(name: str, value: object, code: CodeType | None) -> str:
    """Where the known function is found that the value is, or that the code takes from it if it is a module."""
    if not isinstance(value, ModuleType):
        its = getattr(value, "__name__", None)
        if not isinstance(its, str) or its not in _NAMES:
            return ""
        found = (full for full in _KNOWN if full.endswith(f".{its}") and value is _found(full))
        return next(found, "")
    module = value.__name__
    if code is None or module not in _MODULES or _NAMES.isdisjoint(names_in(code)):
        return ""
    from plait._engines.reading.sharing_code import uses  # reads byte code: only when it matters

    paths = {use.path for use in uses(code) if use.name in (name, module)}
    return next((full for full in _KNOWN for path in paths if path and ".".join((module, *path)).startswith(full)), "")


def _found(full: str) -> object:
    module, _, name = full.rpartition(".")
    return getattr(sys.modules.get(module), name, None)


def _current(value: object) -> str:
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    if not isinstance(module, str) or module not in _CURRENT or not (isinstance(value, ModuleType) or callable(value)):
        return ""
    return f"{module} has one current {_CURRENT[module]} for the whole process"
