"""How close to ideal does `plait.map` on threads come when functions wait: all alike, and one in a hundred for long?

Run: python bench/thread_waiting.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

from _table import Table, medians

import plait

WORKERS = 32


def wait(x: int) -> int:
    time.sleep(0.002)
    return x


def rarely(x: int) -> int:
    if x % 100 == 50:
        time.sleep(0.05)
    return x


def main() -> None:
    table = Table(f"thread map, functions that wait, {WORKERS} threads")
    table_for(table, "2 ms sleeps", wait, range(6_000), 6_000 * 0.002 / WORKERS, 1.08)
    table_for(table, "1 % sleep 50 ms", rarely, range(19_200), 192 * 0.05 / WORKERS, 1.15)  # six full rounds of sleeps
    table.show()


def table_for(table: Table, what: str, fn: Callable[[int], int], items: range, ideal: float, target: float) -> None:
    with ThreadPool(WORKERS) as pool, ThreadPoolExecutor(WORKERS) as executor:
        took = medians(
            {
                "plait": lambda: list(plait.map(fn, items, engine="thread", workers=WORKERS)),
                "pool": lambda: pool.map(fn, items),
                "executor": lambda: list(executor.map(fn, items)),
            }
        )
    table.add(f"{what}, x {len(items):,}", "ideal", ideal, took["plait"], target)
    table.add(f"{what}, x {len(items):,}", "ThreadPool.map", took["pool"], took["plait"], 1.0)
    table.add(f"{what}, x {len(items):,}", "ThreadPoolExecutor.map", took["executor"], took["plait"], 1.0)


if __name__ == "__main__":
    main()
