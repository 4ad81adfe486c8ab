"""A module that is checked: run as ``__main__``, as ``python -m`` runs it, and anew for each execution."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from plait._check.fresh import FreshModules
from plait._check.programs.program import run_as_main
from plait._core.errors import UsageError


def module_spec(name: str) -> ModuleSpec:
    """The module that ``python -m name`` would run: itself, or the `__main__` of a package.

    Raises:
        UsageError: there is none, or it has no source.
    """
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise UsageError(f"-m {name}: there is no such module with source, or no __main__.py in the package")
    return spec


class ModuleProgram:
    """Runs the module of a spec as ``__main__`` with these arguments; its relative imports work."""

    def __init__(self, spec: ModuleSpec, arguments: Sequence[str], fresh: FreshModules) -> None:
        self.name = spec.name
        self._spec = spec
        self._file = str(spec.origin)
        self._arguments = [self._file, *arguments]
        self._fresh = fresh

    def main(self) -> object:
        module = ModuleType("__main__")
        module.__file__ = self._file
        module.__spec__ = self._spec
        module.__package__ = self._spec.parent
        run_as_main(module, self._fresh.code(self._file), self._arguments)
        return None
