"""Runs a test module of the standard library, with it and the module it tests rewritten or plain.

``python run_rewritten.py plain|rewritten test.test_queue queue`` prints how many tests ran, then each that failed.
"""

from __future__ import annotations

import importlib.util
import io
import sys
import unittest
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType


class Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        from plait._check.rewrite.module import rewrite  # a plain run does without plait

        return rewrite(importlib.util.decode_source(Path(self.path).read_bytes()), self.path)


class Finder:
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not is_among(name, self.names):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def is_among(name: str, names: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in names)


def main(mode: str, test: str, tested: str) -> None:
    if mode == "rewritten":
        from plait._check.access import Types
        from plait._check.hooks import Hooks

        names = (test, tested) if tested else (test,)
        Hooks(Types()).install()
        for module in [name for name in sys.modules if is_among(name, names)]:
            del sys.modules[module]
        sys.meta_path.insert(0, Finder(names))  # type: ignore[arg-type]  # it finds specs, nothing else is asked of it
    suite = unittest.defaultTestLoader.loadTestsFromName(test)
    result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0, buffer=True).run(suite)
    print(result.testsRun)
    for case, _ in result.failures + result.errors:
        print(case)


if __name__ == "__main__":
    main(*sys.argv[1:4])
