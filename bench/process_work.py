"""How close to ideal do two processes share real work: even items, skewed ones, and a cost that jumps?

Ideal is half of what the same items take in a plain loop, measured in the same rounds.
Run: python bench/process_work.py
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from _table import Table, medians
from joblib import Parallel, delayed

import plait

_random = random.Random(7)
EVEN = [100e-6] * 10_000
SKEWED = [min(0.02, _random.lognormvariate(-7.6, 1.2)) for _ in range(2_000)]
JUMP = [1e-6] * 20_000 + [0.005] * 100


def work(seconds: float) -> float:
    end = time.thread_time() + seconds  # CPU time: other processes on the machine do not shorten the work
    while time.thread_time() < end:
        pass
    return seconds


def main() -> None:
    table = Table("process map, 2 warm workers; ideal is half of a plain loop")
    with (
        plait.Pool("process", workers=2) as ours,
        multiprocessing.Pool(2) as pool,
        ProcessPoolExecutor(2) as executor,
        Parallel(n_jobs=2) as parallel,
    ):
        for name, items, target in (
            ("10k x 100 us", EVEN, 1.05),
            ("2k, log-normal", SKEWED, 1.08),
            ("20k x 1 us, then 100 x 5 ms", JUMP, 1.15),
        ):
            contenders: dict[str, Callable[[], object]] = {
                "loop": lambda items=items: [work(x) for x in items],
                "plait": lambda items=items: list(plait.map(work, items, engine=ours)),
                "multiprocessing.Pool.map": lambda items=items: pool.map(work, items),
                "ProcessPoolExecutor.map, chunksize=50": lambda items=items: list(
                    executor.map(work, items, chunksize=50)
                ),
                "joblib": lambda items=items: parallel(delayed(work)(x) for x in items),
            }
            took = medians(contenders, rounds=5)
            table.add(name, "ideal", took["loop"] / 2, took["plait"], target)
            for peer in ("multiprocessing.Pool.map", "ProcessPoolExecutor.map, chunksize=50", "joblib"):
                table.add(name, peer, took[peer], took["plait"], 1.0)
    table.show()


if __name__ == "__main__":
    main()
