"""A function that is checked: its module is imported anew, and observed, for each execution."""

from __future__ import annotations

import asyncio
import builtins
import importlib.util
import inspect
import itertools
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from types import ModuleType

from plait._check.diagnosis import give_up
from plait._check.fresh import FreshModules, is_main
from plait._check.programs.given import Given
from plait._check.stage import STAGE
from plait._core.errors import UsageError
from plait._core.importable import MAIN_ANEW
from plait._core.search_path import working_folder


class FunctionProgram:
    """Calls a function of a module, or a method of a new instance; what an `async def` gives is run to its end.

    Attributes:
        module: the name of the module.
        owner, method: the class that it is a method of, "" for none, and its name.
    """

    def __init__(
        self,
        function: Callable[..., object],
        fresh: FreshModules,
        given: Given | None = None,
    ) -> None:
        self.name = f"{function.__module__}:{function.__qualname__}"
        self.module = function.__module__
        self.owner, _, self.method = function.__qualname__.rpartition(".")
        self._file = given.file if given is not None else file_of(function)
        self._fresh = fresh
        if given is not None:
            fresh.give(*given)

    def main(self) -> object:
        try:
            module = self._script() if is_main(self.module) else self._imported()
        except SystemExit as end:  # it would count as the end of a program that has not failed
            self._give_up(f"ended by SystemExit({end.code!r}) before {self.name} was called")
            raise
        name = (self.owner or self.method).partition(".")[0]
        if not hasattr(module, name):
            self._give_up(
                f"does not define {name} then: define it at the top of the file, before check and not in an `if`"
            )
        return self.call(module)

    def _give_up(self, why: str) -> None:
        if STAGE.execution is not None:
            give_up(STAGE.execution, f"{self._file} is run anew for each execution, and {why}")

    def _script(self) -> ModuleType:
        return self._fresh.run(self._file, MAIN_ANEW, getattr(sys.modules["__main__"], "__spec__", None))

    def _imported(self) -> ModuleType:
        """Its module, imported; or its file, run as a module of that name, where it was not loaded by its name."""
        try:
            return builtins.__import__(self.module, fromlist=["*"])
        except ModuleNotFoundError as error:
            if not f"{self.module}.".startswith(f"{error.name}."):
                raise  # what it imports is not there
        return self._fresh.run(self._file, self.module)

    def call(self, module: ModuleType) -> object:
        """Calls it in its module, which has just been imported."""
        owner = attrgetter(self.owner)(module)() if self.owner else module
        return finished(getattr(owner, self.method))


def finished(function: Callable[..., object]) -> object:
    """Calls this, and runs what an `async def` gives to its end."""
    result = function()
    return asyncio.run(result) if inspect.iscoroutine(result) else None


def checkable(function: Callable[[], object]) -> None:
    """Nothing for a function at the top level of a module that can be called.

    Raises:
        UsageError: it cannot, or takes arguments; or the interpreter ends, where no thread can be started any more.
    """
    name = getattr(function, "__qualname__", "")
    if not threading.main_thread().is_alive():
        raise UsageError(
            f"check({name or function!r}): it cannot begin when the interpreter ends, in atexit: call it before the "
            "script ends"
        )
    if not inspect.isfunction(function) or "<" in name or "." in name:
        raise UsageError(
            f"check({name or function!r}): it must be a function at the top level of a module, since that is imported "
            "anew for each execution; move it there"
        )
    parameters = inspect.signature(function).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [one.name for one in parameters if one.default is one.empty and one.kind not in several]
    if needed:
        raise UsageError(
            f"check({name}): it is called without arguments, but needs {', '.join(needed)}; write a function around it"
        )


def file_of(function: Callable[..., object]) -> str:
    """The source file of a function; of one that decorators have wrapped, that of what stands in the source.

    Raises:
        UsageError: it has none.
    """
    file = inspect.getsourcefile(inspect.unwrap(function))
    if file is None or not os.path.isfile(file):  # nor in what can be read once only
        raise UsageError(
            f"check({function.__qualname__}): its source is in no file, so it cannot be observed; write "
            f"it and what it calls into a .py file, import it and check that"
        )
    return os.path.abspath(file)


def own_files(file: str, observed: Sequence[str] = ()) -> Callable[[str], bool]:
    """Which files are the user's: those below the folder of `file` or the working directory, installed ones apart.

    plait's own are none, though they may stand in a checkout there. Those of the packages and modules in `observed` are
    the user's, too, wherever they are.

    Raises:
        UsageError: there is no package or module of that name with source.
    """
    named = tuple(itertools.chain.from_iterable(map(_places, observed)))
    here = working_folder() or os.sep
    folders = [str(Path(file).parent) + os.sep, *([here + os.sep] if here != os.sep else ())]
    installed = [sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib", "stdlib")]
    installed.append(sysconfig.get_path("purelib", sysconfig.get_preferred_scheme("user")) + os.sep)
    installed.append(str(Path(__file__).resolve().parents[2]) + os.sep)

    def mine(name: str) -> bool:
        name = os.path.normpath(os.path.join(here, name))
        if name.startswith(named):
            return True
        return any(map(name.startswith, folders)) and not any(map(name.startswith, installed))

    return mine


def _places(name: str) -> list[str]:
    """Where the source of a package or module is: folders, or a file."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.submodule_search_locations:
        return [os.path.abspath(folder) + os.sep for folder in spec.submodule_search_locations]
    if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        return [os.path.abspath(spec.origin)]
    raise UsageError(f"--observe {name}: there is no package or module of that name with source")
