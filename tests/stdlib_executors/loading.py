"""Finds CPython's own tests of executors, for the Python that runs this, and makes them use Pool."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from stdlib_executors import adapters, calls

ROOT = Path(__file__).resolve().parents[2]
UNPACKED = ROOT / ".debian" / "stdlib-tests"
PACKAGE = "test.test_concurrent_futures"
PARTS = ("as_completed", "deadlock", "future", "init", "process_pool", "shutdown", "thread_pool", "wait")
_EXECUTORS = ("ThreadPoolMixin", "ProcessPoolSpawnMixin")


def come_with_python() -> bool:
    """Whether this Python has the tests itself."""
    return importlib.util.find_spec(PACKAGE) is not None


def fetch() -> None:
    """Unpack Debian's, if they are needed and not there.

    Raises:
        OSError, subprocess.CalledProcessError: they are not to be had here.
    """
    if not come_with_python() and not (UNPACKED / "test_concurrent_futures.py").exists():
        subprocess.run(["sh", str(Path(__file__).with_name("fetch.sh"))], check=True, capture_output=True, text=True)


def test_classes() -> dict[str, type[unittest.TestCase]]:
    """The test classes by name. Those of the other start methods are left out: Pool has one."""
    found: dict[str, type[unittest.TestCase]] = {}
    for module in _modules():
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__:
                if "ProcessPoolFork" not in name:
                    found[name] = value
    return found


def test_names(cls: type[unittest.TestCase]) -> list[str]:
    """The names of the tests of a class."""
    return list(unittest.defaultTestLoader.getTestCaseNames(cls))


def _modules() -> Iterator[ModuleType]:
    adapters.install()
    if come_with_python():
        for part in PARTS:
            if importlib.util.find_spec(f"{PACKAGE}.test_{part}"):
                yield _redirected(importlib.import_module(f"{PACKAGE}.test_{part}"))
        if not hasattr(importlib.import_module(PACKAGE), "__path__"):
            yield _redirected(importlib.import_module(PACKAGE))
    else:
        prepare_paths()
        yield _redirected(importlib.import_module("test_concurrent_futures"))


def prepare_paths() -> None:
    """Make the unpacked tests importable, also under the name they have in the standard library."""
    if not come_with_python():
        sys.path.append(str(UNPACKED))
        import test_concurrent_futures  # type: ignore[import-not-found]  # unpacked from Debian's package

        sys.modules[PACKAGE] = test_concurrent_futures


def _redirected(module: ModuleType) -> ModuleType:
    """The programs that its tests start use Pool, too, and workers need not import it for the functions in `calls`."""
    for function in (calls.mul, calls.sleep_and_raise):
        if hasattr(module, function.__name__):
            setattr(module, function.__name__, function)
    plain = getattr(module, "assert_python_ok", None)
    if plain is not None and not hasattr(plain, "redirected"):

        def assert_python_ok(flag: str, program: str) -> object:
            assert flag == "-c"
            return plain("-c", f"{_PREFIX}\n{program}")

        assert_python_ok.redirected = True  # type: ignore[attr-defined]  # a mark for the next call
        module.assert_python_ok = assert_python_ok  # type: ignore[attr-defined]
    return module


_PREFIX = (
    f"import sys; sys.path[:0] = [{str(ROOT / 'src')!r}, {str(ROOT / 'tests')!r}]\n"
    "from stdlib_executors import adapters, loading; adapters.install(); loading.prepare_paths()"
)
