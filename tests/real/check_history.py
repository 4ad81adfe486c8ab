"""Does check find the bugs that packages had, in how many executions, and does it leave the repaired versions alone?

The bugs are those of history.toml. Each version is installed by pip into a folder of its own below the one that is
given, once. Seconds are those of the whole command.
Run: python tests/real/check_history.py folder [name ...]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

REAL = Path(__file__).resolve().parent
SOURCE = REAL.parent.parent / "src"
RUNS = 1000  # executions at most
PATIENCE = 60.0  # seconds for them


class Checked(NamedTuple):
    """What the command has said of one version."""

    verdict: str
    finding: str
    executions: int
    seconds: float


def main(folder: Path, names: list[str]) -> int:
    """How many of them were not as history.toml says."""
    history: dict[str, Any] = tomllib.loads((REAL / "history.toml").read_text())
    wrong = 0
    for name, bug in history.items():
        if names and name not in names:
            continue
        for version, wanted in ((bug["bug"], bug["finding"]), (bug["fixed"], "passed")):
            if not version:
                continue
            seen = check(name, bug, installed(folder, bug["package"], version, bug.get("with", [])))
            said = seen.finding or seen.verdict
            wrong += said != wanted
            not_so = "" if said == wanted else f"  NOT {wanted}"
            print(
                f"{bug['package']} {version}: {said}, {seen.executions} executions, {seen.seconds:.1f} s{not_so}",
                flush=True,
            )
    return wrong


def installed(folder: Path, package: str, version: str, others: list[str]) -> Path:
    """Where this version is, with what it needs."""
    target = folder.resolve() / f"{package}-{version}"
    if not target.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), f"{package}=={version}"]
        subprocess.run([*command, *others], check=True)
    return target


def check(name: str, bug: dict[str, Any], where: Path) -> Checked:
    """One search, always with the same seed."""
    options = ["--json", "--seed", "0", "--runs", str(RUNS), "--seconds", str(PATIENCE), "--observe", bug["observe"]]
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "plait", "check", *options, f"{name}.py"],
        cwd=REAL / "history",
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), str(where)])},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE * 3,
    )
    said = json.loads(run.stdout)
    findings = said["findings"]
    return Checked(
        said["verdict"],
        findings[0]["kind"] if findings else "",
        said["coverage"]["schedules"],
        time.monotonic() - began,
    )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
