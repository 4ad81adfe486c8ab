"""What importing a module does to concurrency: the GIL, subinterpreters, threads; tried in processes of their own.

Each module has a fresh interpreter, since only the first one that needs the GIL is named by CPython, and what one
module has loaded another one does not load again.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from plait._engines.interpreters.refusals import refused_module
from plait._run.map import map as plait_map

Facts = dict[str, Any]

_PATIENCE = 30.0  # seconds that a module may take to be imported, twice
_MARK = "plait doctor: "
_TURNED_ON = re.compile(r"\(GIL\) has been enabled to load module '([^']+)'")  # CPython's words

_IMPORT = """
import os, sys, threading, warnings
def native():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else threading.active_count()
name, mark, error = sys.argv[1], sys.argv[2], None
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    try:
        __import__(name)
    except BaseException as problem:
        error = f"{type(problem).__name__}: {problem}"
import json
threads = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
print("\\n" + mark + json.dumps({
    "error": error, "warnings": [str(one.message) for one in told], "threads": threads,
    "native_threads": max(0, native() - 1 - len(threads)),
}), flush=True)
os._exit(0)
"""
_INTERPRET = """
import os, sys
from concurrent import interpreters
name, mark, error = sys.argv[1], sys.argv[2], ""
try:
    interpreters.create().exec(f"__import__({name!r})")
except interpreters.ExecutionFailed as problem:
    error = str(problem)
import json
print("\\n" + mark + json.dumps(error), flush=True)
os._exit(0)
"""


def try_modules(names: list[str]) -> dict[str, Facts]:
    """What each of them does, by name; two at a time."""
    return dict(zip(names, plait_map(_try, names, engine="thread", workers=2), strict=True))


def turned_on_by(words: str) -> str:
    """The module for which CPython says that it has turned the GIL on; "" for none.

    >>> turned_on_by("<frozen importlib>:488: RuntimeWarning: The global interpreter lock (GIL) has been enabled to "
    ...              "load module 'old', which has not declared that it can run safely without the GIL.")
    'old'
    """
    found = _TURNED_ON.search(words)
    return found.group(1) if found is not None else ""


def turned_on_at_start() -> str:
    """The module that every interpreter imports at its start, and that turns the GIL on; "" for none."""
    run = subprocess.run(
        [sys.executable, "-W", "always", "-c", "pass"], capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    return turned_on_by(run.stderr)


def _try(name: str) -> Facts:
    found: Facts = {"error": None, "gil": "", "refuses": None, "threads": [], "native_threads": 0}
    said = _run(_IMPORT, name)
    if isinstance(said, str):
        return {**found, "error": said}
    found.update(said, gil=turned_on_by("\n".join(said.pop("warnings"))))
    found.pop("warnings", None)
    if found["error"] is None and sys.version_info >= (3, 14):
        failed = _run(_INTERPRET, name)
        found["refuses"] = "" if not failed else refused_module(ImportError(failed)) or failed
    return found


def _run(program: str, name: str) -> Any:
    """What the program says; a sentence when it cannot."""
    try:
        run = subprocess.run(
            [sys.executable, "-c", program, name, _MARK],
            capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not imported within {_PATIENCE:.0f} s"
    _, mark, said = run.stdout.rpartition(_MARK)
    return json.loads(said.partition("\n")[0]) if mark else f"the interpreter has ended with {run.returncode}"
