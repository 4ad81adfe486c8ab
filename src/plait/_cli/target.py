"""Finds the function that ``module:function``, ``module:Class.method`` or ``file.py:function`` names."""

from __future__ import annotations

import builtins
import importlib.util
import os
import pkgutil
import sys
import traceback
from _collections_abc import Callable
from types import ModuleType
from typing import Any

import click

from plait._core.search_path import working_folder


def find_function(target: str, *, instead: str = "") -> Callable[[Any], object]:
    """The function; the current folder, or the folder of the file, is made importable first, here and in workers.

    `instead` says what else the command takes for a target, for who named something else than a function.

    Raises:
        click.ClickException: there is no such module or function; the message has names that are close.
        click.ClickException: importing the module failed; the message has the traceback.
    """
    place, separator, path = target.rpartition(":")
    if not separator or not place or not path or "::" in target:
        *names, last = "module:function", "module:Class.method", "file.py:function", *([instead] if instead else [])
        raise click.ClickException(
            f"{target!r}: expected {', '.join(names)} or {last}{_meant(target, script=instead.endswith('.py'))}"
        )
    module = _import_file(place) if place.endswith(".py") else _import_module(place)
    found: object = module
    for step, name in enumerate(path.split(".")):
        if not hasattr(found, name):
            inside = module.__name__ if step == 0 else f"{module.__name__}:{'.'.join(path.split('.')[:step])}"
            where = getattr(module, "__file__", None)
            raise click.ClickException(
                f"{inside!r}{f' ({where})' if where else ''} has no {name!r}{_close(name, dir(found))}"
            )
        found = getattr(found, name)
    if not callable(found):
        raise click.ClickException(
            f"{target!r} is of type {type(found).__name__}, which cannot be called; expected a function"
        )
    return found


def _import_module(name: str) -> ModuleType:
    _make_importable(working_folder())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            here = working_folder() or "in a folder that was deleted"
            raise click.ClickException(
                f"there is no module {missing!r}, neither here ({here}) nor installed for {sys.executable}"
                f"{_close(missing, _modules())}"
            ) from None
        raise _import_failed(name, error) from error
    except (Exception, SystemExit) as error:  # a script without a main guard may end with sys.exit
        raise _import_failed(name, error) from error


def _import_file(path: str) -> ModuleType:
    full = os.path.abspath(path) if working_folder() else path
    if not os.path.isfile(full):
        folder = os.path.dirname(full)
        near = [name for name in os.listdir(folder) if name.endswith(".py")] if os.path.isdir(folder) else []
        raise click.ClickException(f"there is no file {path!r}{_close(os.path.basename(path), near)}")
    folder, name = os.path.split(full)
    name = name.removesuffix(".py")
    while os.path.isfile(os.path.join(folder, "__init__.py")):  # in a package, so that its relative imports work
        folder, package = os.path.split(folder)
        name = f"{package}.{name}"
    _make_importable(working_folder())
    _make_importable(folder)
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _import_failed(path, error) from error
    origin = getattr(module, "__file__", None)
    if origin is None or not os.path.samefile(origin, full):
        raise click.ClickException(
            f"{path!r} cannot be imported, because {name!r} is already the module {origin or 'built into Python'}; "
            "give the file another name"
        )
    return module


def _make_importable(folder: str) -> None:
    if not folder:
        return
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)


def _import_failed(name: str, error: BaseException) -> click.ClickException:
    """What the module itself did wrong, with its own lines and none of the import system's."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and "importlib" not in frame.filename
    ]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)] if frames else []
    lines += traceback.format_exception_only(error)
    return click.ClickException(f"importing {name!r} failed:\n{''.join(lines).rstrip()}")


def _meant(target: str, *, script: bool) -> str:
    """The function that was named the way code or pytest names it, or as a file: ``math.sqrt``, ``test.py::test``."""
    file, separator, rest = target.partition("::")
    if separator:
        return f"; did you mean {file + ':' + rest.replace('::', '.')!r}?"
    file, separator, rest = target.partition(".py.")
    if separator and os.path.isfile(f"{file}.py"):
        return f"; did you mean {f'{file}.py:{rest}'!r}?"
    if script and os.path.isfile(f"{target}.py"):
        return f"; did you mean {f'{target}.py'!r}?"
    file = target if target.endswith(".py") else f"{target}.py"
    if os.path.isfile(file):
        return f"; for a function in this file, write {file + ':NAME'!r}"
    if hasattr(builtins, target):
        return f"; did you mean {'builtins:' + target!r}?"
    names = target.split(".")
    _make_importable(working_folder())
    for length in range(len(names) - 1, 0, -1):
        module = ".".join(names[:length])
        if _is_module(module):
            return f"; did you mean {module + ':' + '.'.join(names[length:])!r}?"
    return ""


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except Exception:  # what it is in is no package, or fails when it is imported
        return False


def _modules() -> list[str]:
    return [*sys.builtin_module_names, *(module.name for module in pkgutil.iter_modules())]


def _close(name: str, names: list[str]) -> str:
    import difflib  # only to be wrong costs its time

    near = difflib.get_close_matches(name, [other for other in names if not other.startswith("__")], 3, 0.6)
    return f"; did you mean {' or '.join(repr(other) for other in near)}?" if near else ""
