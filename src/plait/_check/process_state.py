"""What a program changes in its process beyond its own modules, put back for the next execution.

The environment, the working directory, what it puts into `sys.modules`, loggers and their handlers, hooks for
exceptions and the like would else make the second execution another program than the first; so would finalizers that
have had their end. Random numbers are the same in each execution: it is the order of things that is varied. What is in
files stays as it is left.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any

from plait._check.controlled import Abort
from plait._check.stand_in.gc import Unseen
from plait._core.search_path import working_folder

_OF_LOGGERS = ("level", "propagate", "disabled")
_Settings = tuple[int, bool, bool, list[Any], list[Any]]
_NEW: _Settings = (logging.NOTSET, True, False, [], [])  # what a logger is like that nobody has configured
_OF_FINALIZERS = ("_registry", "_shutdown", "_registered_with_atexit")  # of `weakref.finalize`, for all of them


class ProcessState:
    """Takes down what there is on entry; `restore` puts it back, and so does the exit."""

    def __enter__(self) -> ProcessState:
        self._environment = dict(_environment())
        self._folder = working_folder()
        self._path = list(sys.path)
        self._take_down_modules()
        self._unraisable = sys.unraisablehook
        self._hooks = sys.excepthook, _untold_of_aborts(self._unraisable), threading.excepthook
        sys.unraisablehook = self._hooks[1]
        self._recursion = sys.getrecursionlimit()
        self._loggers = {logger: _copy(_settings(logger)) for logger in _loggers()}
        self._slots = [(owner, name, getattr(owner, name)) for owner, name in _slots()]
        self._finalizers = {name: getattr(weakref.finalize, name) for name in _OF_FINALIZERS}
        self._begin_finalizers()
        self._callbacks = [Unseen(callback) for callback in gc.callbacks]
        gc.callbacks[:] = self._callbacks
        self._random = random.getstate()
        random.seed(0)
        self._seeded = random.getstate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.restore()
        sys.unraisablehook = self._unraisable
        random.setstate(self._random)
        gc.callbacks[:] = [unseen.callback for unseen in self._callbacks]
        for name, value in self._finalizers.items():
            setattr(weakref.finalize, name, value)

    def silence(self) -> None:
        """From now on nobody hears of exceptions in finalizers: executions are cut short, and leave things open."""
        excepthook, _, of_threads = self._hooks
        self._hooks = excepthook, lambda _: None, of_threads
        sys.unraisablehook = self._hooks[1]

    def restore(self) -> None:
        """As it was before the program ran."""
        random.setstate(self._seeded)
        if _environment() != self._environment:
            known = {os.fsdecode(name): os.fsdecode(value) for name, value in self._environment.items()}
            os.environ.clear()
            os.environ.update(known)
        with suppress(OSError):  # one that is gone cannot be asked for, or gone back to
            if os.getcwd() != self._folder:
                os.chdir(self._folder)
        if sys.path != self._path:
            sys.path[:] = self._path
        if list(sys.modules.values()) != self._values or list(sys.modules) != self._names:  # cheaper than of two dicts
            self._restore_modules()
        sys.excepthook, sys.unraisablehook, threading.excepthook = self._hooks
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        for owner, name, value in self._slots:
            setattr(owner, name, value)
        self._restore_loggers()
        gc.callbacks[:] = self._callbacks
        self._begin_finalizers()

    def _begin_finalizers(self) -> None:
        """Each execution has its own ones, and runs them at its end."""
        begun = _Finalizers(self._finalizers["_registry"]), False, False
        if tuple(getattr(weakref.finalize, name) for name in _OF_FINALIZERS) != begun:
            for name, value in zip(_OF_FINALIZERS, begun, strict=True):
                setattr(weakref.finalize, name, value)

    def _take_down_modules(self) -> None:
        self._modules = dict(sys.modules)
        self._names, self._values = list(sys.modules), list(sys.modules.values())

    def leave_out(self, modules: Iterable[str]) -> None:
        """These are nobody's to put back: whoever takes them away has each execution import them anew."""
        gone = [name for name in modules if self._modules.pop(name, None) is not None]
        if gone:
            self._names, self._values = list(self._modules), list(self._modules.values())

    def _restore_modules(self) -> None:
        """What was imported meanwhile stays and is not imported again; what the program has put there itself goes."""
        for name, module in list(sys.modules.items()):
            if name not in self._modules and _was_imported(name, module):
                self._modules[name] = module
            elif self._modules.get(name, self) is not module:
                del sys.modules[name]
        sys.modules.update(self._modules)
        self._take_down_modules()

    def _restore_loggers(self) -> None:
        changed = False
        for logger in _loggers():
            settings = self._loggers.get(logger, _NEW)
            if _settings(logger) != settings:
                changed = True
                for name, value in zip(_OF_LOGGERS, settings, strict=False):
                    setattr(logger, name, value)
                logger.handlers, logger.filters = list(settings[3]), list(settings[4])
        if changed:
            logging.root.manager._clear_cache()  # type: ignore[attr-defined]  # as setLevel() does


class _Finalizers(dict[Any, Any]):
    """Those of one execution; those that were there before it are called when their object dies, as ever."""

    def __init__(self, before: dict[Any, Any]) -> None:
        super().__init__()
        self._before = before

    def pop(self, key: Any, *default: Any) -> Any:
        return super().pop(key) if key in self else self._before.pop(key, *default)


def _untold_of_aborts(hook: Callable[[sys.UnraisableHookArgs], object]) -> Callable[[sys.UnraisableHookArgs], object]:
    """The hook, which is not told of what ends a thread of control that stands in a finalizer: it is ours."""

    def tell(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, Abort):
            hook(unraisable)

    return tell


def _was_imported(name: str, module: Any) -> bool:
    """Whether an import has put it there, of itself or of the package that it is a part of; not a line of its own."""
    made = any(getattr(module, one, None) is not None for one in ("__spec__", "__file__", "__loader__"))
    return made or ("." in name and name.partition(".")[0] in sys.modules)


def _environment() -> Any:
    return os.environ._data  # type: ignore[attr-defined]  # encoded as the system has it: comparing that is cheap


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(logger for logger in known if isinstance(logger, logging.Logger))]


def _settings(logger: logging.Logger) -> _Settings:
    return logger.level, logger.propagate, logger.disabled, logger.handlers, logger.filters


def _copy(settings: _Settings) -> _Settings:
    level, propagate, disabled, handlers, filters = settings
    return level, propagate, disabled, list(handlers), list(filters)


def _slots() -> list[tuple[Any, str]]:
    """Attributes in which the standard library keeps what a program may set once."""
    import multiprocessing.context as processes

    return [(asyncio.events, "_event_loop_policy"), (processes._default_context, "_actual_context")]
