"""What does `plait.map` on two processes cost per item, against a plain loop and other process pools?

Run: python bench/process_noops.py
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from _table import Table, medians
from joblib import Parallel, delayed

import plait

RANGE = range(1_000_000)
ITEMS = list(RANGE)
FEW = ITEMS[:5_000]  # for those that need tens of microseconds per item


def same(x: int) -> int:
    return x


def main() -> None:
    with (
        plait.Pool("process", workers=2) as ours,
        multiprocessing.Pool(2) as pool,
        ProcessPoolExecutor(2) as executor,
        Parallel(n_jobs=2) as parallel,
    ):
        took = medians(
            {
                "loop": lambda: [same(x) for x in ITEMS],
                "plait": lambda: list(plait.map(same, ITEMS, engine=ours)),
                "plait, range": lambda: list(plait.map(same, RANGE, engine=ours)),
                "plait, generator": lambda: list(plait.map(same, iter(ITEMS), engine=ours)),
                "pool": lambda: pool.map(same, ITEMS),
                "executor": lambda: list(executor.map(same, FEW)),
                "executor, chunks": lambda: list(executor.map(same, ITEMS, chunksize=5_000)),
                "joblib": lambda: parallel(delayed(same)(x) for x in ITEMS[:50_000]),
            },
            rounds=5,
        )
    scale = len(ITEMS) / len(FEW)
    table = Table("process map, 1M functions that do nothing, 2 warm workers")
    table.add("a list", "loop", took["loop"], took["plait"], 2.2)
    table.add("a range", "loop", took["loop"], took["plait, range"], 1.3)
    table.add("a generator", "loop", took["loop"], took["plait, generator"])
    table.add("a list", "multiprocessing.Pool.map", took["pool"], took["plait"], 1.0)
    table.add("a list", "ProcessPoolExecutor.map", took["executor"] * scale, took["plait"], 1.0)
    table.add("a list", "ProcessPoolExecutor.map, chunksize=5000", took["executor, chunks"], took["plait"], 1.0)
    table.add("a list", "joblib", took["joblib"] * 20, took["plait"], 1.0)
    table.show()


if __name__ == "__main__":
    main()
