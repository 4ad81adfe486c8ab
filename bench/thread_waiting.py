"""How close to ideal does `plait.map` on threads come when functions wait: all alike, and one in a hundred for long?

Run: python bench/thread_waiting.py
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from _peers import THREADS
from _rounds import Rounds
from _table import Table, constant
from _work import stall_rarely, wait, wait_rarely

import plait

WORKERS = 32


def main() -> None:
    table = Table("threads, functions that wait, 32 workers")
    measure(table, "6,000 sleeps of 2 ms", wait, range(6_000), 6_000 * 0.002 / WORKERS, 1.08)
    # six full rounds of long sleeps
    measure(table, "19,200, 1 % sleep 50 ms", wait_rarely, range(19_200), 192 * 0.05 / WORKERS, 1.15)
    # in order, where whoever keeps to a window waits for each long one; what comes last of them adds nearly its length
    measure(table, "3,200 of 5 ms, 1 % 200 ms", stall_rarely, range(3_200), (3_168 * 0.005 + 32 * 0.2) / WORKERS, 1.4)
    table.show()


def measure(table: Table, what: str, fn: Callable[[int], int], items: range, ideal: float, target: float) -> None:
    with Rounds() as rounds:
        rounds.add("plait", lambda: list(plait.map(fn, items, engine="thread", workers=WORKERS)))
        for peer, opened in THREADS.items():
            rounds.add_peer(peer, partial(opened, WORKERS), lambda peer_map: peer_map(fn, items))
        took = rounds.run(7)
    table.add(what, "ideal", constant(ideal), took["plait"], target)
    for peer in THREADS:
        table.add(what, peer, took[peer], took["plait"], 1.0)


if __name__ == "__main__":
    main()
