"""What does a step of a controlled execution cost as threads grow from 2 to 64 and steps from a hundred to a million?

The program takes a lock and counts, in every thread the same number of times; all of it is CPU time. "in one go" lets
each thread run until it waits, so it has hardly a switch: what is left is the step itself.
Run: python bench/check_growth.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from _table import Table

from plait._check.explore import explore_script
from plait._check.record import Record
from plait._schedulers.interface import Scheduler
from plait._schedulers.replay import ReplayScheduler

PROGRAM = """
import sys
import threading

class Counter:
    def __init__(self):
        self.lock = threading.Lock()
        self.value = 0

    def count(self, times):
        for _ in range(times):
            with self.lock:
                self.value += 1

counter = Counter()
threads = [threading.Thread(target=counter.count, args=(int(sys.argv[2]),)) for _ in range(int(sys.argv[1]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert counter.value == int(sys.argv[1]) * int(sys.argv[2])
"""
STEPS = (100, 1_000, 10_000, 100_000, 1_000_000)
THREADS = (2, 4, 8, 16, 32, 64)
SCHEDULERS = ("rotation", "random", "pos", "surw", "pct")
A_ROUND = 5  # steps of a thread for one addition, about


class Cost(NamedTuple):
    """CPU seconds for a step, steps of an execution, and how many switches of threads a step had."""

    step: float
    steps: int
    switches: float

    def __str__(self) -> str:
        each = f"{self.step * 1e6:.2f} us a step, {self.step * self.steps * 1e3:.3g} ms an execution"
        return f"{each}, a switch every {1 / self.switches:.0f} steps" if self.switches else each


def main() -> None:
    table = Table("check, growth")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counting.py"
        path.write_text(PROGRAM)
        cost = measure(path, 2, 10_000, runs=4, scheduler=ReplayScheduler([]))
        met = cost.step <= 1e-6
        table.add_fact(f"2 threads, {cost.steps:,} steps, in one go", "plait", str(cost), "<= 1 us a step", met=met)
        for steps in STEPS:
            cost = measure(path, 2, steps, runs=4 if steps < 100_000 else 1)
            table.add_fact(f"2 threads, {cost.steps:,} steps", "plait", str(cost))
        for threads in THREADS[1:]:
            cost = measure(path, threads, 10_000, runs=4)
            table.add_fact(f"{threads} threads, {cost.steps:,} steps", "plait", str(cost))
        for scheduler in SCHEDULERS:
            cost = measure(path, 4, 10_000, runs=4, scheduler=scheduler)
            table.add_fact(f"4 threads, {cost.steps:,} steps, {scheduler}", "plait", str(cost))
    table.show()


def measure(path: Path, threads: int, steps: int, *, runs: int, scheduler: Scheduler | str = "rotation") -> Cost:
    """What it costs; raises RuntimeError when the program was not found right."""
    lengths: list[int] = []
    switches: list[int] = []

    def examine(record: Record) -> None:
        lengths.append(len(record.events))
        switches.append(len(record.switches))

    arguments = [str(threads), str(max(1, steps // threads // A_ROUND))]
    began = time.process_time()
    result = explore_script(path, arguments, runs=runs, seconds=None, scheduler=scheduler, examine=examine)
    took = time.process_time() - began
    if result.verdict.word != "passed":
        raise RuntimeError(f"{threads} threads, {steps} steps: {result.verdict}")
    return Cost(took / sum(lengths), max(lengths), sum(switches) / sum(lengths))


if __name__ == "__main__":
    main()
