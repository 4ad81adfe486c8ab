"""What does a step of a controlled execution cost as threads grow from 2 to 64 and steps from a hundred to a million?

The program takes a lock and counts, in every thread the same number of times; all of it is CPU time.
Run: python bench/check_growth.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from _table import Table

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


def main() -> None:
    table = Table("check, growth")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counting.py"
        path.write_text(PROGRAM)
        for steps in STEPS:
            each, found = measure(path, 2, steps, runs=4 if steps < 100_000 else 1)
            target = {} if steps != 10_000 else {"target": "<= 1 us", "met": each <= 1e-6}
            table.add_fact(f"2 threads, {found:,} steps", "plait", _words(each, found), **target)
        for threads in THREADS:
            each, found = measure(path, threads, 10_000, runs=4)
            table.add_fact(f"{threads} threads, {found:,} steps", "plait", _words(each, found))
        for scheduler in SCHEDULERS:
            each, found = measure(path, 4, 10_000, runs=4, scheduler=scheduler)
            table.add_fact(f"4 threads, {found:,} steps, {scheduler}", "plait", _words(each, found))
    table.show()


def measure(path: Path, threads: int, steps: int, *, runs: int, scheduler: str = "rotation") -> tuple[float, int]:
    """CPU seconds for a step, and how many steps an execution had."""
    from plait._check.explore import explore_script

    lengths: list[int] = []
    arguments = [str(threads), str(max(1, steps // threads // A_ROUND))]
    began = time.process_time()
    result = explore_script(
        path,
        arguments,
        runs=runs,
        seconds=None,
        scheduler=scheduler,
        examine=lambda record: lengths.append(len(record.events)),
    )
    took = time.process_time() - began
    if result.verdict.word != "passed":
        raise RuntimeError(f"{threads} threads, {steps} steps: {result.verdict}")
    return took / sum(lengths), max(lengths)


def _words(each: float, steps: int) -> str:
    return f"{each * 1e6:.2f} us a step, {each * steps * 1e3:.3g} ms an execution"


if __name__ == "__main__":
    main()
