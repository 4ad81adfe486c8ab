"""Runs a program within this process as ``python`` would have run it, to the end of its last thread."""

from __future__ import annotations

import importlib.machinery
import io
import os
import pkgutil
import runpy
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

import plait._cli
import plait._see.recorder
from plait._cli.saying import say

_INTERRUPTED = 130
_RECORDERS = os.path.dirname(plait._see.recorder.__file__) + os.sep
_CLI = os.path.dirname(plait._cli.__file__) + os.sep


def run_program(module: str | None, words: tuple[str, ...]) -> int:
    """Run a script, or a module as ``python -m`` does, and wait for its threads; the exit status that it asks for.

    What it prints when it fails is what it prints without us.
    """
    threading.excepthook = _cleaning(threading.excepthook)
    status = 0
    try:
        _run(module, words)
    except SystemExit as end:
        status = _status(end)
    except BaseException as error:
        _clean(error)
        sys.excepthook(type(error), error, error.__traceback__)
        status = _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    _wait_for_threads()
    return status


def leave_threads() -> None:
    """Have the interpreter not wait for threads once more when it ends: that somebody has cut short."""
    threading._shutdown = _nothing  # type: ignore[attr-defined]  # what the interpreter calls


def _nothing() -> None:
    """There is nobody left to wait for."""


def _run(module: str | None, words: tuple[str, ...]) -> None:
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(main)["__builtins__"] = sys.modules["builtins"]
    as_main: Callable[..., object] = runpy._run_module_as_main  # type: ignore[attr-defined]  # what python -m calls
    if module is not None:
        sys.path.insert(0, os.getcwd())
        as_main(module)
        return
    path = os.path.abspath(words[0])
    if pkgutil.get_importer(path) is not None:  # an archive
        sys.path.insert(0, path)
        as_main("__main__", alter_argv=False)
        return
    sys.path.insert(0, os.path.dirname(path))
    compiled = path.endswith(".pyc")
    kind = importlib.machinery.SourcelessFileLoader if compiled else importlib.machinery.SourceFileLoader
    vars(main).update(__file__=path, __cached__=None, __loader__=kind("__main__", path))
    exec(_code_of(path, compiled), vars(main))


def _code_of(path: str, compiled: bool) -> Any:
    if compiled:
        return importlib.machinery.SourcelessFileLoader("__main__", path).get_code("__main__")
    with io.open_code(path) as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def _status(end: SystemExit) -> int:
    """As the interpreter understands what a program gives to ``sys.exit``."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    say(str(end.code), err=True)
    return 1


def _wait_for_threads() -> None:
    """As the interpreter does before it ends, executors included; Ctrl-C ends that, and nothing else."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter calls
    except BaseException as error:
        _clean(error)
        say(f"Exception ignored in: {threading!r}\n{''.join(traceback.format_exception(error))}", err=True, nl=False)


def _cleaning(hook: Callable[[Any], object]) -> Callable[[Any], object]:
    """What prints the error of a thread, without our frames."""

    def excepthook(what: Any) -> None:
        if what.exc_value is not None:
            _clean(what.exc_value)
            what = threading.ExceptHookArgs((*what[:2], what.exc_value.__traceback__, what.thread))
        hook(what)

    return excepthook


def _clean(error: BaseException) -> None:
    """Take the frames of plait's that are there because of the trace out of an error, its causes and its parts."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.with_traceback(_without_ours(one.__traceback__))
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _without_ours(trace: types.TracebackType | None) -> types.TracebackType | None:
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    at = trace
    while at is not None and at.tb_next is not None:
        if _is_ours(at.tb_next):
            at.tb_next = at.tb_next.tb_next
        else:
            at = at.tb_next
    return trace


def _is_ours(trace: types.TracebackType) -> bool:
    return trace.tb_frame.f_code.co_filename.startswith((_RECORDERS, _CLI))
