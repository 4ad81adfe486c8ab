"""``import plait`` costs next to nothing: it imports no heavy module. bench/import_time.py has the seconds."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HEAVY = {
    "asyncio", "click", "cloudpickle", "concurrent.futures", "dataclasses", "inspect", "json", "logging", "multiprocessing",
    "numpy", "pickle", "psutil", "rich", "socket", "sqlite3", "subprocess", "tempfile", "threading", "typing",
}  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import plait", set()),
        ("import plait; plait.__all__, plait.__version__, dir(plait)", set()),
        ("import plait; plait.map", {"concurrent.futures", "dataclasses", "inspect", "logging", "threading", "typing"}),
        # The words every layer shares go to each worker: they bring nothing that is slow to import.
        ("import plait._core.batch, plait._core.feed, plait._core.sizing", {"threading"}),
    ],
)
def test_imports_nothing_heavy(statement: str, allowed: set[str]) -> None:
    program = f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PATHS + program], capture_output=True, text=True, check=True
    )
    imported = set(run.stdout.split())
    assert "plait" in imported
    assert not (_HEAVY - allowed) & imported


# -S keeps site-packages' start-up files from importing things before us; the checkout's path is added by hand.
_PATHS = f"import sys; sys.path[:] = {[p for p in sys.path if p]!r}\n"
