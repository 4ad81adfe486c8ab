"""``make demo``: the plait command measures every source file of the standard library, with a plain loop beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from environments import environment
from pythons import ROOT, probe

OUT = ROOT / "build" / "demo"
TARGET = "examples/stdlib_words.py:measure"

_FREE = 0.8  # of the cores, which a machine with nothing else to do gives to the map
_LOOP = """
import sys
sys.path.insert(0, "examples")
from stdlib_words import measure
for path in open(sys.argv[1], encoding="utf-8").read().splitlines():
    try:
        measure(path)
    except SyntaxError:
        pass
"""


def main() -> int:
    """Returns 0 when both ways found the same and nothing unexpected failed."""
    python = probe((sys.executable,))
    if python is None:
        sys.exit(f"{sys.executable} is not a Python that plait supports")
    programs = environment(python, (), ".venv-demo") / "bin"
    OUT.mkdir(parents=True, exist_ok=True)
    files = sources()
    listed = OUT / "files.txt"
    listed.write_text("".join(f"{path}\n" for path in files), encoding="utf-8")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"Python {python.full} on {cores} cores; its standard library has {len(files):,} source files.")
    print("For each: lines, words, distinct names, the most used name, the longest function.\n")
    command = [str(programs / "plait"), "map", TARGET, short(listed), "--engine", "process", "--bar", "--report"]
    command += ["--errors", short(OUT / "errors.jsonl")]
    print(f"$ plait {' '.join(command[1:])} > {short(OUT / 'results.jsonl')}", flush=True)
    with (OUT / "results.jsonl").open("wb") as results:
        mapped, status = timed(command, results.fileno())
    if status > 100:
        return status
    failed = show_what_was_found()
    print("\nThe same work as a plain loop:\n\n$ python: for path in files: measure(path)", flush=True)
    loop, _ = timed([str(programs / "python"), "-c", _LOOP, str(listed)], None)
    show_times(len(files), {"plain loop": loop, "plait map": mapped}, cores or 1)
    print(
        f"\nOne JSON line per file: {short(OUT / 'results.jsonl')}; what failed and why: {short(OUT / 'errors.jsonl')}"
    )
    return 0 if failed == status else 1


def sources() -> list[str]:
    """Every source file of the standard library that runs this."""
    folder = Path(sysconfig.get_path("stdlib"))
    return sorted(
        str(path) for path in folder.rglob("*.py") if not {"site-packages", "dist-packages"} & set(path.parts)
    )


def timed(command: list[str], out: int | None) -> tuple[tuple[float, float], int]:
    """Wall time of the whole command, start-up included, how many cores it had on average, and its exit status."""
    variables = {**os.environ, "PYTHONWARNINGS": "ignore"}  # the library's tests are full of code that warns
    began, before = time.perf_counter(), os.times()
    status = subprocess.run(command, cwd=ROOT, env=variables, stdout=out, check=False).returncode
    took, after = time.perf_counter() - began, os.times()
    computed = after.children_user + after.children_system - before.children_user - before.children_system
    return (took, computed / took), status


def show_what_was_found() -> int:
    """A summary of the results; returns how many files failed."""
    found = [json.loads(line)["value"] for line in (OUT / "results.jsonl").read_text().splitlines()]
    errors = [json.loads(line) for line in (OUT / "errors.jsonl").read_text().splitlines()]
    longest = max(found, key=lambda one: (one["longest_function"] or {"lines": 0})["lines"])
    print(f"\n{sum(one['lines'] for one in found):,} lines and {sum(one['words'] for one in found):,} words.")
    where, lines = longest["longest_function"]["name"], longest["longest_function"]["lines"]
    print(f"The longest function is {where} in {Path(longest['file']).name}: {lines:,} lines.")
    if errors:
        names = ", ".join(Path(one["input"]).name for one in errors[:3])
        print(f"{len(errors)} files are not valid Python, on purpose ({names}, ...): each cost only itself.")
    return len(errors)


def show_times(files: int, ways: dict[str, tuple[float, float]], cores: int) -> None:
    """A row for each way, start-up included, and how many times as fast as the first it is."""
    first, _ = next(iter(ways.values()))
    print(f"\n{'':<12} {'seconds':>8} {'files per second':>17} {'cores busy':>11}")
    for name, (took, busy) in ways.items():
        print(f"{name:<12} {took:8.2f} {files / took:17,.0f} {busy:11.1f} {first / took:9.2f}x")
    if busy < _FREE * cores:
        print(f"\nOther programs had some of the {cores} cores: run it again when the machine is idle.")


def short(path: Path) -> str:
    """The path as seen from the checkout."""
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
