"""How many more schedules does ``plait check`` try on two cores, and what does that cost a bug that is found at once?

Right programs of tests/bugs, as long as the command is given; "one process" is the same command with ``--seed 0``: its
search is the same, and it never has a scout. The other side is the command on a bug that the first executions show.

    python bench/check_scout.py [SECONDS]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _rounds import Took
from _table import Table

BUGS = Path(__file__).resolve().parent.parent / "tests" / "bugs"
RIGHT = (
    "queue_hand_off",
    "double_checked_locking",
    "condition_hand_off",
    "executor_map",
    "async_lock",
    "rlock_re_entry",
)
AT_ONCE = "counter_class"
ROUNDS = 3
TIMES = 15


def main(seconds: float) -> None:
    table = Table(f"check, two processes, {seconds:g} s")
    for name in RIGHT:
        both, alone = Took(), Took()
        for _ in range(ROUNDS):
            alone.add(seconds / schedules(name, seconds, "--seed", "0"))
            both.add(seconds / schedules(name, seconds))
        table.add_share(f"a schedule of {name}", "one process", alone, both, at_least=1.6)
    wall, wall_alone, cpu, cpu_alone = Took(), Took(), Took(), Took()
    for _ in range(TIMES):
        at_once(wall_alone, cpu_alone, "--seed", "0")
        at_once(wall, cpu)
    table.add("a bug that is found at once", "one process, wall", wall_alone, wall, at_most=1.05)
    table.add("a bug that is found at once", "one process, CPU", cpu_alone, cpu, at_most=1.05)
    table.show()


def schedules(name: str, seconds: float, *options: str) -> int:
    """How many the command has performed; raises RuntimeError if the program was not found right."""
    report = check(BUGS / "correct" / f"{name}.py", "--seconds", str(seconds), *options)
    if report["verdict"] != "passed":
        raise RuntimeError(f"{name}: {report}")
    return int(report["coverage"]["schedules"])


def at_once(wall: Took, cpu: Took, *options: str) -> None:
    """How long the command takes to tell the bug."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    report = check(BUGS / "buggy" / f"{AT_ONCE}.py", *options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall.add(time.perf_counter() - began)
    cpu.add(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    if report["verdict"] != "failed":
        raise RuntimeError(f"{AT_ONCE}: {report}")


def check(path: Path, *options: str) -> dict[str, Any]:
    """The report of the command."""
    command = [sys.executable, "-m", "plait", "check", "--json", *options, str(path)]
    run = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(run.stdout)
    return report


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 4.0)
