"""Runs the measurements in bench/, one after the other: ``make bench``, or ``scripts/bench.py NAME ...`` for some."""

from __future__ import annotations

import subprocess
import sys

from environments import environment
from pythons import ROOT, probe


def main(chosen: list[str]) -> int:
    """Returns how many measurements could not be made."""
    python = probe((sys.executable,))
    if python is None:
        sys.exit(f"{sys.executable} is not a Python that plait supports")
    folder = environment(python, ("test", "bench"), ".venv-bench")
    failed = 0
    for path in sorted((ROOT / "bench").glob("[a-z]*.py")):
        if chosen and path.stem not in chosen:
            continue
        print(f"\n=== {path.relative_to(ROOT)}", flush=True)
        failed += bool(subprocess.run([str(folder / "bin" / "python"), str(path)], cwd=ROOT, check=False).returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
