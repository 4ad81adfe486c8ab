"""Makes the virtual environments that gates and demo run in, and keeps them while nothing they depend on changes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from pythons import ROOT, Python, probe

MAIN_EXTRAS = ("test", "lint", "frameworks")  # of the Python that runs the gates; the others need but the first


_WHEELS = ("numpy>=1.26", "uvloop>=0.21")  # used where they are there, and never needed


def environment(python: Python, extras: tuple[str, ...], name: str = "", *, project: bool = True) -> Path:
    """The folder of an environment with the checkout (editable), its dependencies and `extras` installed.

    Raises:
        SystemExit: it cannot be made; says why and what to install.
    """
    folder = ROOT / name if name else folder_of(python)
    stamp = folder / "made-from"
    wanted = _fingerprint(python, extras)
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    print(f"setting up {folder.name} for Python {python.full} ...", flush=True)
    create(python, folder)
    if project:
        install(python, folder, "-e", f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT))
    if "test" in extras:
        for wheel in _WHEELS:
            _add_wheel(python, folder, wheel)
    stamp.write_text(wanted)
    return folder


def folder_of(python: Python) -> Path:
    """Where the environment of the gates for this Python is, or will be."""
    where = "sid-" if python.inside else ""
    return ROOT / f".venv-{where}{python.label}"


def create(python: Python, folder: Path) -> None:
    """An empty environment; without a pip of its own where Debian has taken ensurepip out of Python."""
    shutil.rmtree(folder, ignore_errors=True)
    flags = [] if _has(python, "ensurepip") else ["--without-pip"]
    if flags and not _has(python, "pip"):
        sys.exit(
            f"{python.command[-1]} can neither make an environment with pip (no ensurepip) nor lend its own pip.\n"
            "On Debian and Ubuntu: apt-get install python3-venv, then run this again."
        )
    _run([*python.command, "-m", "venv", *flags, str(folder)])


def install(python: Python, folder: Path, *what: str) -> None:
    """Install with the environment's pip, or with the interpreter's own pip on its behalf."""
    _run([*pip(python, folder), "install", "--quiet", *what])


def pip(python: Python, folder: Path) -> list[str]:
    """The command that is pip for the environment."""
    if (folder / "bin" / "pip").exists():
        return [*python.inside, str(folder / "bin" / "python"), "-m", "pip"]
    return [*python.command, "-m", "pip", "--python", str(folder / "bin" / "python")]


def _add_wheel(python: Python, folder: Path, wheel: str) -> None:
    """An interpreter for which there is no wheel is tested without it."""
    command = [*pip(python, folder), "install", "--quiet", "--only-binary=:all:", wheel]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        print(f"no wheel of {wheel} for Python {python.full}: its tests will say that they were skipped", flush=True)


def _fingerprint(python: Python, extras: tuple[str, ...]) -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)
    installed = [settings["project"], settings["build-system"], settings["tool"]["hatch"]]
    digest = hashlib.sha256(json.dumps(installed).encode())
    return f"{python.full} {' '.join(python.command)} {','.join(extras)} {ROOT} {digest.hexdigest()}\n"


def _has(python: Python, module: str) -> bool:
    return subprocess.run([*python.command, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def _run(command: list[str]) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit(f"this failed, see above: {' '.join(command)}")


def main(extras: str, *command: str) -> None:
    """Make the environment of the Python that `command` starts, unless it is there."""
    python = probe(command)
    if python is None:
        sys.exit(f"{' '.join(command)} does not start a Python that plait supports")
    environment(python, tuple(extras.split(",")))


if __name__ == "__main__":
    main(*sys.argv[1:])
