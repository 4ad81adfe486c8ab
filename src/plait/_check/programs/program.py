"""What is checked: a script or a function, performed in the main thread of an execution."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Protocol

from plait._check.fresh import FreshModules


class Program(Protocol):
    """Something that can be run again and again."""

    name: str

    def main(self) -> object:
        """Runs it once, in the main thread of an execution, its modules being fresh."""
        ...


class Script:
    """A file, run as ``__main__`` with these arguments."""

    def __init__(self, file: str, arguments: Sequence[str], fresh: FreshModules) -> None:
        self.name = file
        self._arguments = [file, *arguments]
        self._fresh = fresh

    def main(self) -> object:
        module = ModuleType("__main__")
        module.__file__ = self.name
        module.__dict__["__builtins__"] = __builtins__
        run_as_main(module, self._fresh.code(self.name), self._arguments)
        return None


def run_as_main(module: ModuleType, code: CodeType, arguments: Sequence[str]) -> None:
    """Runs the code in the module while that is ``__main__`` and these are the arguments."""
    before, others = sys.modules["__main__"], sys.argv
    sys.modules["__main__"] = module
    sys.argv = list(arguments)
    try:
        exec(code, module.__dict__)
    finally:
        sys.modules["__main__"] = before
        sys.argv = others
