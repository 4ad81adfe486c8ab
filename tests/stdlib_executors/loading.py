"""Finds CPython's own tests of executors, for the Python that runs this, and makes them use Pool."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

from stdlib_executors import adapters, calls

ROOT = Path(__file__).resolve().parents[2]
UNPACKED = Path(sys.prefix) / "cpython-tests"
_NAME = "test_concurrent_futures"
PACKAGE = f"test.{_NAME}"
PARTS = ("as_completed", "deadlock", "future", "init", "process_pool", "shutdown", "thread_pool", "wait")
_EXECUTORS = ("ThreadPoolMixin", "ProcessPoolSpawnMixin")


def come_with_python() -> bool:
    """Whether this Python has the tests itself."""
    return importlib.util.find_spec(PACKAGE) is not None


def version() -> tuple[int, int]:
    """Of which Python the tests are: of this one, or of Debian 12's, which are unpacked for one that has none."""
    return sys.version_info[:2] if come_with_python() else (3, 11)


def fetch() -> None:
    """Unpack Debian's, if they are needed and not there.

    Raises:
        OSError, subprocess.CalledProcessError: they are not to be had here.
    """
    if come_with_python() or (UNPACKED / f"{_NAME}.py").exists():
        return
    script = str(Path(__file__).with_name("fetch.sh"))
    subprocess.run(["sh", script, str(UNPACKED)], check=True, capture_output=True, text=True)


def test_classes() -> dict[str, type[unittest.TestCase]]:
    """The test classes by name.

    Those of other start methods are left out, as Pool has one, and those of the pool of interpreters, which is not ours.
    """
    found: dict[str, type[unittest.TestCase]] = {}
    for module in _modules():
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__:
                if "ProcessPoolFork" not in name and "InterpreterPool" not in name:
                    found[name] = _less_often(value)
    return found


def test_names(cls: type[unittest.TestCase]) -> list[str]:
    """The names of the tests of a class."""
    return list(unittest.defaultTestLoader.getTestCaseNames(cls))


def _less_often(cls: type[unittest.TestCase]) -> type[unittest.TestCase]:
    """With one test of 50 pools in turn, beside a thread that never rests, having ten: it is most of their time."""
    plain = vars(cls).get("test_hang_global_shutdown_lock")
    if isinstance(plain, FunctionType):
        names = {**plain.__globals__, "range": lambda number: range(min(number, 10))}
        fewer = FunctionType(plain.__code__, names, plain.__name__, plain.__defaults__, plain.__closure__)
        cls.test_hang_global_shutdown_lock = fewer  # type: ignore[attr-defined]  # as it says
    return cls


def _modules() -> Iterator[ModuleType]:
    adapters.install()
    name = PACKAGE if come_with_python() else _NAME
    prepare_paths()
    package = importlib.import_module(name)
    if not hasattr(package, "__path__"):
        yield _redirected(package)
        return
    for part in PARTS:
        if importlib.util.find_spec(f"{name}.test_{part}"):
            yield _redirected(importlib.import_module(f"{name}.test_{part}"))


def prepare_paths() -> None:
    """Make the unpacked tests importable, also under the name they have in the standard library.

    Workers, which are given our search path, know them by their short name.
    """
    if not come_with_python():
        sys.path.append(str(UNPACKED))
        sys.modules[PACKAGE] = importlib.import_module(_NAME)


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
