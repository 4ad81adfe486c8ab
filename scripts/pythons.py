"""Finds the Pythons the tests run on: PATH, pyenv, the Debian root of ``make pythons``. Needs nothing installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DEBIAN = ROOT / ".debian" / "sid"
OLDEST, NEWEST = 11, 15  # the minor versions of Python 3 that plait supports

_PROBE = """
import json, sys, sysconfig
free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(json.dumps([sys.implementation.name, *sys.version_info[:3], free_threaded, sys.executable]))
"""


class Python(NamedTuple):
    """An interpreter and how to start it.

    Attributes:
        label: its version for people, such as ``"3.14"`` or ``"3.14t"`` for a free-threaded build.
        full: the same with the patch number.
        command: what starts it; more than a path when it lives in the Debian root.
    """

    label: str
    full: str
    command: tuple[str, ...]

    @property
    def inside(self) -> tuple[str, ...]:
        """The prefix for every command that must run where this interpreter lives."""
        return self.command[:-1]


def find_pythons() -> tuple[list[Python], list[str]]:
    """One interpreter for each supported version and build, oldest first, and a sentence for each that is missing."""
    found: dict[str, Python] = {}
    for command in _candidates():
        python = probe(command)
        if python is not None:
            found.setdefault(python.label, python)
    missing = [
        f"3.{minor}: no such interpreter on PATH, in ~/.pyenv/versions or in .debian ({_cure(minor)})"
        for minor in range(OLDEST, NEWEST + 1)
        if f"3.{minor}" not in found
    ]
    return sorted(found.values(), key=lambda python: (int(python.label[2:].rstrip("t")), python.label)), missing


def probe(command: tuple[str, ...]) -> Python | None:
    """The interpreter that `command` starts, or None if there is none that plait supports."""
    try:
        run = subprocess.run([*command, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False)
        name, major, minor, patch, free_threaded, executable = json.loads(run.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if name != "cpython" or major != 3 or not OLDEST <= minor <= NEWEST:
        return None
    suffix = "t" if free_threaded else ""
    return Python(f"3.{minor}{suffix}", f"3.{minor}.{patch}{suffix}", (*command[:-1], executable))


def _candidates() -> list[tuple[str, ...]]:
    names = [f"python3.{minor}{build}" for minor in range(OLDEST, NEWEST + 1) for build in ("", "t")]
    commands: list[tuple[str, ...]] = [(sys.executable,)]
    commands += [(path,) for name in [*names, "python3"] if (path := shutil.which(name))]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    commands += [(str(path),) for path in sorted(pyenv.glob("3.*/bin/python3"))]
    if DEBIAN.is_dir() and os.geteuid() == 0:
        inside = str(ROOT / "scripts" / "in-debian")
        commands += [(inside, f"/usr/bin/{name}") for name in names if (DEBIAN / "usr" / "bin" / name).exists()]
    return commands


def _cure(minor: int) -> str:
    if minor < 14:
        return f"pyenv install 3.{minor}"
    if DEBIAN.is_dir() and os.geteuid() != 0:
        return ".debian is there but needs root to be used"
    return "`make pythons` sets it up, as root"
