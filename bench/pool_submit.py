"""What does a call through Pool on threads cost, against ThreadPoolExecutor: submitted, waited for, one after another?

Run: python bench/pool_submit.py
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor, wait

from _table import Table, medians

import plait

CALLS = 3_000
WORKERS = 4


def same(x: int) -> int:
    return x


def burst(executor: Executor) -> object:
    """Submit everything, then wait for all of it."""
    return wait([executor.submit(same, x) for x in range(CALLS)])


def one_by_one(executor: Executor) -> object:
    """Submit the next call when the last one's result is there."""
    return [executor.submit(same, x).result() for x in range(CALLS)]


def mapped(executor: Executor) -> object:
    """``Executor.map`` over everything."""
    return list(executor.map(same, range(CALLS)))


def main() -> None:
    table = Table(f"{CALLS:,} no-op calls on {WORKERS} threads, per call")
    with plait.Pool("thread", workers=WORKERS) as ours, ThreadPoolExecutor(WORKERS) as peer:
        for name, job in (("burst", burst), ("one by one", one_by_one), ("Executor.map", mapped)):
            contenders: dict[str, Callable[[], object]] = {
                "ours": lambda job=job: job(ours),  # type: ignore[misc]  # a default binds the loop's value
                "peer": lambda job=job: job(peer),  # type: ignore[misc]
            }
            took = medians(contenders, rounds=5)
            table.add(name, "ThreadPoolExecutor", took["peer"] / CALLS, took["ours"] / CALLS, 1.0)
    table.show()


if __name__ == "__main__":
    main()
