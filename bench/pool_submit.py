"""What does a call through Pool on threads cost, against ThreadPoolExecutor: submitted, waited for, one after another?

Run: python bench/pool_submit.py
"""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor, wait

from _rounds import Rounds
from _table import Table
from _work import same

import plait

CALLS = 3_000
WORKERS = 4


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
    table = Table("Pool on 4 threads, no-op calls")
    with plait.Pool("thread", workers=WORKERS) as ours, ThreadPoolExecutor(WORKERS) as theirs:
        for name, job in (("3,000 at once", burst), ("one after the other", one_by_one), ("Executor.map", mapped)):
            with Rounds() as rounds:
                rounds.add("ours", lambda job=job: job(ours), scale=1 / CALLS)
                rounds.add("theirs", lambda job=job: job(theirs), scale=1 / CALLS)
                took = rounds.run(9)
            table.add(f"{name}, per call", "ThreadPoolExecutor", took["theirs"], took["ours"], 1.0)
    table.show()


if __name__ == "__main__":
    main()
