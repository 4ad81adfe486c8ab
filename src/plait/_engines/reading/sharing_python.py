"""Functions of Python's own that reach into the whole program, or change what a process has once."""

from __future__ import annotations

import builtins
import os
import sys
from _collections_abc import Set
from types import FunctionType
from typing import Any

from plait._core.installed import is_installed

_REFLECTION = frozenset({"globals", "setattr", "delattr", "exec", "eval", "vars", "__import__"})
_REACHING = frozenset({
    "importlib.import_module", "importlib.reload", "sys._getframe", "inspect.currentframe", "inspect.stack",
    "gc.get_objects", "gc.get_referrers",
})  # fmt: skip
_DESCRIPTORS = frozenset(
    "read write pread pwrite readv writev lseek fsync fdatasync ftruncate dup dup2 close sendfile splice".split()
)
_OPENING = frozenset("open fdopen fileno pipe pipe2 dup mkstemp memfd_create openpty socket socketpair accept".split())
_CHANGING = frozenset({
    "gc.disable", "gc.enable", "gc.freeze", "gc.set_threshold", "gc.set_debug", "logging.disable",
    "logging.basicConfig", "logging.addLevelName", "logging.setLoggerClass", "warnings.simplefilter",
    "warnings.filterwarnings", "warnings.resetwarnings", "atexit.register", "atexit.unregister",
    "sys.setrecursionlimit", "sys.set_int_max_str_digits", "sys.setswitchinterval", "sys.settrace", "sys.setprofile",
    "threading.settrace", "threading.setprofile", "posix.putenv", "posix.unsetenv", "faulthandler.enable",
    "_codecs.register", "_codecs.register_error", "copyreg.pickle", "resource.setrlimit", "posix.nice",
    "_signal.setitimer", "_signal.alarm", "_socket.setdefaulttimeout", "mimetypes.add_type", "_csv.register_dialect",
})  # fmt: skip
_OF_BUILTINS = frozenset({"builtins", "_io", "io", "_sitebuiltins"})
_CONSTANTS = frozenset("True False None NotImplemented Ellipsis __debug__".split())


def against_calling(name: str, function: Any) -> str:
    """What speaks against moving a function that uses this one of Python's or a package's, which it calls so.

    >>> import gc, json
    >>> against_calling("gc.disable", gc.disable), against_calling("json.dumps", json.dumps)
    ('"gc.disable" changes the whole process', '')
    """
    if is_replaced(function):
        return f'"{name}" was replaced by the program'
    full = f"{getattr(function, '__module__', '')}.{getattr(function, '__name__', '')}".replace("nt.", "posix.", 1)
    if full in _REACHING:
        return f"it uses {name}(), which may reach anything"
    return f'"{name}" changes the whole process' if full in _CHANGING else ""


def against_descriptor(module: Any, path: tuple[str, ...], names: Set[str]) -> str:
    """What speaks against moving a function of these names that calls one of `os` with a number that it is given."""
    if module is not os or not _DESCRIPTORS.intersection(path[:1]) or _OPENING.intersection(names):
        return ""
    return f'"os.{path[0]}" uses what is open in this process'


def is_replaced(found: Any) -> bool:
    """Whether what a package has is a function of the program's own, or an object of `unittest.mock`."""
    if isinstance(found, type):
        return any(is_replaced(part) for part in tuple(vars(found).values()) if isinstance(part, FunctionType))
    if isinstance(found, FunctionType):  # what packages compile themselves has no file
        return not found.__code__.co_filename.startswith("<") and not is_installed(found)
    return type(found).__module__ == "unittest.mock"


def against_builtin(name: str, user: str) -> str:
    """What speaks against moving a function that uses a builtin, such as one that the program has added or replaced.

    What a method `__hash__` makes of its parts is for dicts and sets, which are made where they are used.
    """
    if name in _REFLECTION:
        return f"it uses {name}(), which may reach anything"
    if name == "hash" and user != "__hash__" and not _is_hash_the_same():
        return "hash() of text is another one in each process"
    found = vars(builtins).get(name)
    if found is None or name in _CONSTANTS:
        return ""
    known = getattr(found, "__module__", None) in _OF_BUILTINS
    return "" if known else f'"{name}" was added to the builtins by the program'


def _is_hash_the_same() -> bool:
    """Whether the hash of a text is that of the program in other processes, too."""
    return not sys.flags.hash_randomization or os.environ.get("PYTHONHASHSEED", "random") != "random"
