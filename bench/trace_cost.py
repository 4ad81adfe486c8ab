"""What does looking at a program cost, and which questions are answered? plait trace beside viztracer and py-spy.

The program, _trace_load.py, says itself how long its work took, and how much CPU; the rounds of all take turns. The
sampler's share of a core is what it counted of itself. Peers that are not installed are named and left out.
Run: python bench/trace_cost.py [--rounds N] [--steps N]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from _table import Table, print_rows

import plait
from plait._see.show import load

_PROGRAM = str(Path(__file__).with_name("_trace_load.py"))
_THREADS = (5, 20, 100)
_QUESTIONS = (
    # question, plait, viztracer, py-spy
    ("how much time is lost to the GIL?", "yes", "no", "who holds it"),
    ("who waits for which lock?", "yes", "the call, not the lock", "the line, not the lock"),
    ("who held it, and at which line?", "yes", "no", "no"),
    ("running C without the GIL, or Python?", "yes", "no", "with --gil, two runs"),
    ("is there no core, or no work?", "yes", "no", "no"),
    ("which line blocks the event loop, and whom?", "yes", "by eye", "the line"),
    ("which item of a map is slow?", "yes", "by eye", "no"),
    ("what does the moving of data cost?", "yes", "by eye", "by eye"),
    ("what would processes change?", "yes", "no", "no"),
    ("in which function is the CPU time spent?", "where most of it is", "yes", "yes"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60_000)
    options = parser.parse_args()
    print(f"plait {plait.__version__}")
    table = Table("the cost of looking, beside the program as it is")
    with tempfile.TemporaryDirectory() as folder:
        for threads in _THREADS:
            compare(table, threads, options.steps, options.rounds, Path(folder))
    table.show()
    print()
    print_rows([("question", "plait", "viztracer", "py-spy"), *_QUESTIONS])


def compare(table: Table, threads: int, steps: int, rounds: int, folder: Path) -> None:
    """Rows for so many threads."""
    output = folder / "run.html"
    ways = {
        "as it is": [sys.executable],
        "plait": [sys.executable, "-m", "plait", "trace", "-o", str(output)],
    }
    if importlib.util.find_spec("viztracer"):
        ways["viztracer"] = [sys.executable, "-m", "viztracer", "--quiet", "-o", str(folder / "run.json"), "--"]
    if spy := shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy"):
        shown = ["--rate", "100", "--format", "raw", "-o", str(folder / "run.txt"), "--", sys.executable]
        ways["py-spy"] = [spy, "record", *shown]
    seconds: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    costs, rates = [], []
    for _ in range(rounds):
        for name, words in ways.items():
            said = subprocess.run(
                [*words, _PROGRAM, str(threads), str(steps)], capture_output=True, text=True, check=True
            )
            took = next(line for line in said.stdout.splitlines() if line.startswith("["))
            wall, spent = json.loads(took)
            seconds.setdefault(name, []).append(wall)
            cpu.setdefault(name, []).append(spent)
            if name == "plait":
                facts = load(output).facts
                costs.append(facts["cost"])
                rates.append(facts["rate"])
    base, base_cpu = statistics.median(seconds["as it is"]), statistics.median(cpu["as it is"])
    for name in ways:
        wall, spent = statistics.median(seconds[name]), statistics.median(cpu[name])
        found = f"{wall / base:.2f} of its time, {spent / base_cpu:.2f} of its CPU"
        table.add_fact(f"{threads} threads", name, found if name != "as it is" else f"{wall:.2f} s, {spent:.2f} s CPU")
    cost = statistics.median(costs)
    share = f"{cost:.1%} of a core, {statistics.median(rates):.0f} looks/s"
    table.add_fact(f"{threads} threads", "plait's sampler", share, "<= 3 %", met=cost <= 0.03)
    for name in {"viztracer", "py-spy"} - ways.keys():
        table.add_fact(f"{threads} threads", name, "not installed")


if __name__ == "__main__":
    main()
