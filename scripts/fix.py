"""Lets ruff mend what it can: layout, order of imports, unused ones."""

from __future__ import annotations

import subprocess
import sys

from environments import MAIN_EXTRAS, environment
from pythons import ROOT, probe


def main() -> int:
    """Returns ruff's exit status: what is left to mend by hand."""
    python = probe((sys.executable,))
    if python is None:
        sys.exit(f"{sys.executable} is not a Python that plait supports")
    ruff = str(environment(python, MAIN_EXTRAS) / "bin" / "ruff")
    subprocess.run([ruff, "format", "."], cwd=ROOT, check=True)
    return subprocess.run([ruff, "check", "--fix", "."], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
