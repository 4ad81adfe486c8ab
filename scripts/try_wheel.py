"""Builds the wheel, installs it into an empty environment and uses it there from a folder that is not the checkout."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import environments
from pythons import ROOT, Python, probe

_USE = """
import plait
assert "site-packages" in plait.__file__, plait.__file__
assert list(plait.map(abs, [-1, 2, -3], engine="thread", workers=2)) == [1, 2, 3]
class Local:
    pass  # must go by value

if __name__ == "__main__":
    (one,) = plait.map(lambda x: x, [Local()], engine="process", workers=1)
    assert type(one) is Local
    assert list(plait.map(lambda x: x * x, range(5), engine="process", workers=2)) == [0, 1, 4, 9, 16]
    with plait.Pool("process", workers=1) as pool:
        assert pool.submit(pow, 2, 10).result() == 1024
    print("plait", plait.__version__, "maps on threads and processes")
"""


def main() -> None:
    """Exits non-zero at the first thing that does not work."""
    python = probe((sys.executable,))
    if python is None:
        sys.exit(f"{sys.executable} is not a Python that plait supports")
    with tempfile.TemporaryDirectory(prefix="plait-wheel-") as name:
        wheel, folder = build(python, Path(name)), Path(name) / "env"
        environments.create(python, folder)
        environments.install(python, folder, str(wheel))
        use(Path(name), folder / "bin")


def build(python: Python, out: Path) -> Path:
    """The wheel, after a look at what is in it."""
    maker = out / "maker"
    environments.create(python, maker)
    _run([*environments.pip(python, maker), "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(ROOT)], out)
    (wheel,) = out.glob("plait-*-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src" / "plait").rglob("*.py")}
    if missing := (sources | {"plait/py.typed"}) - names:
        sys.exit(f"{wheel.name} lacks {', '.join(sorted(missing))}")
    if extra := {file for file in names if not file.startswith("plait") or file.endswith((".so", ".pyc"))}:
        sys.exit(f"{wheel.name} has what it should not: {', '.join(sorted(extra))}")
    if not any(file.endswith("licenses/LICENSE") for file in names):
        sys.exit(f"{wheel.name} lacks the LICENSE")
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1024:.0f} KiB")
    return wheel


def use(folder: Path, programs: Path) -> None:
    """The command line and the library, as someone who has just installed them."""
    (folder / "use.py").write_text(_USE)
    _run([str(programs / "plait"), "--version"], folder)
    _run([str(programs / "python"), "use.py"], folder)
    given = "".join(f"{n}\n" for n in range(5))
    _run(
        [str(programs / "plait"), "map", "math:sqrt", "-", "--jsonl", "--engine", "process", "--workers", "2"],
        folder,
        given,
    )


def _run(command: list[str], folder: Path, given: str = "") -> None:
    print("$", " ".join(command), flush=True)
    if status := subprocess.run(command, cwd=folder, input=given, text=True, check=False).returncode:
        sys.exit(f"exit status {status}: {' '.join(command)}")


if __name__ == "__main__":
    main()
