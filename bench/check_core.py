"""What does it save that a search stays on one core, and that a woken thread does not displace the running one?

The same executions of right programs, with OneCore and without, in turns; each search in the median of its rounds.
Run: python bench/check_core.py [rounds]
"""

from __future__ import annotations

import statistics
import sys
import time

from _corpus import RIGHT
from _table import Table
from check_corpus import search

from plait._check import explore
from plait._check.one_core import OneCore

EXECUTIONS = 100
EVERY = 5  # of the right programs


class _AllCores(OneCore):
    def __enter__(self) -> OneCore:
        return self


def main(rounds: int) -> None:
    sums = {OneCore: [0.0, 0.0], _AllCores: [0.0, 0.0]}
    for path in RIGHT[::EVERY]:
        taken: dict[type[OneCore], list[tuple[float, float]]] = {OneCore: [], _AllCores: []}
        for number in range(rounds):
            for kind in sums:
                explore.OneCore = kind  # type: ignore[misc]
                began = time.perf_counter()
                cpu = search(path, number, EXECUTIONS).cpu
                taken[kind].append((cpu, time.perf_counter() - began))
        for kind, each in taken.items():
            for which in (0, 1):
                sums[kind][which] += statistics.median(one[which] for one in each)
    executions = len(RIGHT[::EVERY]) * EXECUTIONS
    table = Table("check, on one core")
    for which, what in enumerate(("CPU", "time")):
        ours, others = (1000 * sums[kind][which] / executions for kind in (OneCore, _AllCores))
        words = f"{ours:.2f} ms, on all cores {others:.2f} ms: {ours / others:.2f}"
        table.add_fact(f"{what} for one execution", "plait", words, "<= 1", met=ours <= others)
    table.show()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
