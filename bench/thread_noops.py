"""What does `plait.map` on threads cost per item, against a list comprehension and the pools of the standard library?

Run: python bench/thread_noops.py
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

from _table import Table, medians

import plait

ITEMS = range(1_000_000)
LOOPS = range(150_000)
FEW = range(20_000)  # for the executor, which takes its time


def same(x: int) -> int:
    return x


def spin(x: int) -> int:
    for _ in range(100):
        x += 1
    return x


def main() -> None:
    table = Table("thread map, functions that do nothing")
    with ThreadPool(2) as pool, ThreadPoolExecutor(2) as executor:
        took = medians(
            {
                "comprehension": lambda: [same(x) for x in ITEMS],
                "plait": lambda: list(plait.map(same, ITEMS, engine="thread")),
                "plait, as completed": lambda: list(plait.map(same, ITEMS, engine="thread", order="completion")),
                "plait, generator": lambda: list(plait.map(same, iter(ITEMS), engine="thread")),
                "comprehension of C calls": lambda: [abs(x) for x in ITEMS],
                "plait, C calls": lambda: list(plait.map(abs, ITEMS, engine="thread")),
                "pool": lambda: pool.map(same, ITEMS),
                "few": lambda: [same(x) for x in FEW],
                "executor": lambda: list(executor.map(same, FEW)),
                "loop": lambda: [spin(x) for x in LOOPS],
                "plait, loop": lambda: list(plait.map(spin, LOOPS, engine="thread")),
                "pool, loop": lambda: pool.map(spin, LOOPS),
            },
            rounds=5,
        )
    floor = took["comprehension"]
    table.add("1M no-ops, in order", "comprehension", floor, took["plait"], 1.3)
    table.add("1M no-ops, as completed", "comprehension", floor, took["plait, as completed"], 1.3)
    table.add("1M no-ops from a generator", "comprehension", floor, took["plait, generator"])
    table.add("1M calls of abs", "comprehension", took["comprehension of C calls"], took["plait, C calls"], 1.3)
    table.add("1M no-ops", "ThreadPool.map", took["pool"], took["plait"], 1.0)
    table.add("1M no-ops", "ThreadPoolExecutor.map", took["executor"] * len(ITEMS) / len(FEW), took["plait"], 1.0)
    table.add("150k Python loops of 2 us", "comprehension", took["loop"], took["plait, loop"], 1.05)
    table.add("150k Python loops of 2 us", "ThreadPool.map", took["pool, loop"], took["plait, loop"], 1.0)
    table.show()


if __name__ == "__main__":
    main()
