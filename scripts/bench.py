"""Runs the measurements in bench/, one after the other: ``make bench``, or ``scripts/bench.py NAME ...`` for some."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from environments import environment
from pythons import ROOT, Python, find_pythons, probe

# The minor version of Python 3 that a measurement needs at least, for us or for others, and the extras there.
_NEWER = {"interpreters": (14, ("test",)), "check_corpus": (12, ("test", "bench"))}
_HEAD = ["question", "what", "beside", "ours", "ratio", "target", "met"]


def main(chosen: list[str]) -> int:
    """Returns how many measurements could not be made."""
    python = probe((sys.executable,))
    if python is None:
        sys.exit(f"{sys.executable} is not a Python that plait supports")
    folder = environment(python, ("test", "bench"), ".venv-bench")
    began = time.monotonic()
    failed = []
    (ROOT / "build").mkdir(exist_ok=True)  # where Pythons of another root find it, too
    with tempfile.NamedTemporaryFile(prefix="plait-bench-", suffix=".jsonl", dir=ROOT / "build") as rows:
        for path in sorted((ROOT / "bench").glob("[a-z]*.py")):
            if chosen and path.stem not in chosen:
                continue
            command = [*_interpreter(path.stem, python, folder), str(path)]
            surroundings = {**os.environ, "PLAIT_BENCH_ROWS": rows.name}
            surroundings.pop("PYTHONDONTWRITEBYTECODE", None)  # the others are installed, and so compiled
            if subprocess.run(command, cwd=ROOT, env=surroundings, check=False).returncode:
                failed.append(path.name)
        _close(Path(rows.name), failed, time.monotonic() - began)
    return len(failed)


def _interpreter(stem: str, python: Python, folder: Path) -> list[str]:
    """What runs the measurement: a newer Python, if it needs one and there is one."""
    needed, extras = _NEWER.get(stem, (0, ()))
    if int(python.label[2:].rstrip("t")) < needed:
        for newer in find_pythons()[0]:
            if int(newer.label[2:].rstrip("t")) >= needed:
                name = f".venv-bench-{newer.label}" if "bench" in extras else ""
                return [*newer.inside, str(environment(newer, extras, name) / "bin" / "python")]
    return [str(folder / "bin" / "python")]


def _close(rows: Path, failed: list[str], seconds: float) -> None:
    """One table of all rows, and how many targets were met."""
    with rows.open(encoding="utf-8") as file:
        table = [[str(cell) for cell in json.loads(line)] for line in file]
    table += [[name, "it ended with an error, see above", "", "", "", "", "NO"] for name in failed]
    targets = [row[6] for row in table if row[6]]
    print("\n\nAll of it\n")
    widths = [max(len(row[column]) for row in [_HEAD, *table]) for column in range(len(_HEAD))]
    for row in [_HEAD, ["-" * width for width in widths], *table]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    counted = ", ".join(f"{targets.count(word)} {word}" for word in ("yes", "quiet", "NO"))
    machine = f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"
    print(f"\n{len(targets)} targets: {counted}; {machine}, {seconds / 60:.1f} minutes")
    print('"quiet": met by the fastest rounds of both sides, missed by the medians, as on a machine that is busy')


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
