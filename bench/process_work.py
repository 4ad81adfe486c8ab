"""How close to ideal do two processes share real work: even items, skewed ones, and a cost that jumps?

Ideal is half of what the same items take in a plain loop, measured in the same rounds.
Run: python bench/process_work.py
"""

from __future__ import annotations

import random
from functools import partial

from _peers import PROCESSES
from _rounds import Map, Rounds
from _table import Table
from _work import compute

import plait

_random = random.Random(7)
QUESTIONS = (
    ("4k x 100 us", [100e-6] * 4_000, 1.05),
    ("800, log-normal", [min(0.02, _random.lognormvariate(-7.6, 1.2)) for _ in range(800)], 1.08),
    ("20k x 1 us, then 100 x 5 ms", [1e-6] * 20_000 + [0.005] * 100, 1.15),
)
PEERS = ("multiprocessing.Pool.map", "ProcessPoolExecutor.map, tuned chunksize", "joblib", "mpire")


def main() -> None:
    table = Table("processes, functions that compute, 2 warm workers; ideal is half of a plain loop")
    for name, items, target in QUESTIONS:
        with Rounds() as rounds:
            for peer in PEERS:
                rounds.add_peer(peer, partial(PROCESSES[peer], 2), partial(_run, items))
            with plait.Pool("process", workers=2) as ours:
                rounds.add("ideal", partial(_loop, items), scale=0.5)
                rounds.add("plait", lambda items=items, ours=ours: list(plait.map(compute, items, engine=ours)))
                took = rounds.run(7)
        table.add(name, "ideal", took["ideal"], took["plait"], target)
        for peer in PEERS:
            table.add(name, peer, took[peer], took["plait"], 1.0)
    table.show()


def _loop(items: list[float]) -> object:
    return [compute(x) for x in items]


def _run(items: list[float], peer: Map) -> object:
    return peer(compute, items)


if __name__ == "__main__":
    main()
