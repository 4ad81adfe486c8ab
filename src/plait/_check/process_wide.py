"""What a process has one of, for all its threads: which calls and `with` blocks of the standard library change it.

The filters of `warnings`, the working directory, `sys.stdout`, the random numbers of `random`: a thread that sets one
of them sets it for the others, too, and `with` only puts back what it has found.
"""

from __future__ import annotations

import random
import sys
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from plait._core.event import Kind

Access = tuple[Kind, object, str]  # what is done to which part of what


class Setting(NamedTuple):
    """What it is called in a story, and what a thread may use in its place that is its own; "" if nothing."""

    name: str
    instead: str = ""


def _label(name: str) -> str:
    return f"Settings of {name}"


_FOUND: Final = {
    "sys": Setting("the settings of sys"),
    "locale": Setting("the settings of locale"),
    "gc": Setting("the settings of gc"),
    "faulthandler": Setting("the settings of faulthandler"),
    "warnings": Setting("the filters of warnings", "set them once, before the threads start"),
    "folder": Setting("the working directory", "leave it, and use absolute paths"),
    "stdout": Setting("sys.stdout", "write to a file of its own: `print(..., file=out)`"),
    "stderr": Setting("sys.stderr", "write to a file of its own: `print(..., file=out)`"),
    "random": Setting("the random numbers of random", "give each thread a generator of its own: `random.Random(seed)`"),
}
SETTINGS: Final = {name: type(_label(name), (), {})() for name in _FOUND}
"""Each stands for what the whole process has; by the module whose functions get and set it, or by a word for it."""
IN_FILES: Final = "what is in files"
IN_DATABASE: Final = "what is in the database"
"""The types of what stands for these are called so, as no class of a program can be."""
BY_LABEL: Final = {_label(name): setting for name, setting in _FOUND.items()}
LOGGER: Final = Setting("the level of a logger", "give each thread a logger of its own")
PATCHED: Final = Setting("what is patched", "patch it once, around the start and the join of all threads")
WITH: Final = "with"
"""The text of the sites of what happens when a `with` block is entered and left."""

_GET, _SET = Kind.READ, Kind.WRITE
_SYSTEMS: Final = ("posix", "nt")
_WARNINGS: Final = ("warnings", "_py_warnings")  # from CPython 3.14 on
_FULL: Final = ("abspath", "realpath", "relpath")
_FUNCTIONS: Final[dict[str, dict[str, tuple[Kind, str]]]] = {
    **{
        module: dict.fromkeys(("simplefilter", "filterwarnings", "resetwarnings"), (_SET, "warnings"))
        for module in _WARNINGS
    },
    "_warnings": dict.fromkeys(("warn", "warn_explicit"), (_GET, "warnings")),
    **{
        module: {"chdir": (_SET, "folder"), "fchdir": (_SET, "folder"), "getcwd": (_GET, "folder")}
        for module in _SYSTEMS
    },
    **{module: dict.fromkeys(_FULL, (_GET, "folder")) for module in ("posixpath", "ntpath")},
}
_MANAGERS: Final = {
    **{(module, "catch_warnings"): "warnings" for module in _WARNINGS},
    ("contextlib", "redirect_stdout"): "stdout",
    ("contextlib", "redirect_stderr"): "stderr",
    ("contextlib", "chdir"): "folder",
}
_MODULES: Final = frozenset({module for module, _ in _MANAGERS} | {"unittest.mock"})
_LEVEL: Final = {"setLevel": _SET} | dict.fromkeys(
    "isEnabledFor getEffectiveLevel debug info warning error exception critical log".split(), _GET
)
_HANDLERS: Final = frozenset(("addHandler", "removeHandler"))
_RANDOM: Final = random._inst  # what the functions of the module use


def of_function(module: str, name: str) -> Access | None:
    """What a function of the standard library does to what the process has one of; None if nothing."""
    if name[:3] in ("get", "set") and module in _FOUND:
        return (_GET if name[:3] == "get" else _SET), SETTINGS[module], "[]"
    known = _FUNCTIONS.get(module, {}).get(name)
    return (known[0], SETTINGS[known[1]], "[]") if known is not None else None


def of_method(thing: Any, name: str) -> Access | None:
    """The same for a method of an object of the standard library."""
    if thing is _RANDOM:
        return _SET, SETTINGS["random"], "[]"
    if name in _LEVEL and type(thing).__module__ == "logging" and hasattr(thing, "handlers"):
        return _LEVEL[name], thing, "level"
    if name in _HANDLERS and type(thing).__module__ == "logging":
        return _SET, thing, "handlers"
    if name in ("start", "stop") and type(thing).__module__ == "unittest.mock":
        return of_manager(thing)
    return None


def of_manager(manager: Any) -> Access | None:
    """What entering and leaving a `with` block changes with this manager; None if nothing."""
    kind = type(manager)
    if kind.__module__ not in _MODULES:
        return None
    known = _MANAGERS.get((kind.__module__, kind.__name__))
    if known is not None:
        apart = known == "warnings" and getattr(sys.flags, "context_aware_warnings", False)
        return None if apart else (_SET, SETTINGS[known], "[]")
    if kind.__name__ == "_patch":
        return _SET, manager.getter(), manager.attribute
    if kind.__name__ == "_patch_dict" and not isinstance(manager.in_dict, str):
        return _SET, manager.in_dict, "[]"
    return None


def of_managers(manager: Any) -> tuple[Access, ...]:
    """The same for one that may be an `ExitStack`, with all that has been entered through it, the last first."""
    if type(manager) is ExitStack:
        ends = reversed(getattr(manager, "_exit_callbacks", ()))
        return tuple(access for _, end in ends for access in of_managers(getattr(end, "__self__", None)))
    access = of_manager(manager)
    return (access,) if access is not None else ()


class Within:
    """A context manager of others whose beginning and end are told before they happen."""

    __slots__ = ("_manager", "_tell")

    def __init__(self, manager: Any, tell: Any) -> None:
        self._manager = manager
        self._tell = tell

    def __enter__(self) -> Any:
        self._tell()
        return self._manager.__enter__()

    def __exit__(self, *error: object) -> Any:
        self._tell()
        return self._manager.__exit__(*error)
