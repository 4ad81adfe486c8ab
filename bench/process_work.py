"""How close to ideal do two processes share real work: even, skewed, dear at the end, brief, with large objects, many?

Ideal is half of what the same items take in a plain loop, measured in the same rounds.
Run: python bench/process_work.py
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from _peers import PROCESSES
from _rounds import Map, Rounds
from _table import Table
from _work import compute, fingerprint, rows, upper

import plait

_random = random.Random(7)
QUESTIONS = (
    ("4k x 100 us", compute, [100e-6] * 4_000, 1.05),
    ("800, log-normal", compute, [min(0.02, _random.lognormvariate(-7.6, 1.2)) for _ in range(800)], 1.08),
    ("20k x 1 us, then 100 x 5 ms", compute, [1e-6] * 20_000 + [0.005] * 100, 1.15),
    ("100k x 3 us, MD5 of 500 bytes", fingerprint, list(range(100_000)), 2.0),
    ("400 x 3 strings of 1 MB", upper, list(range(400)), 1.05),
    ("100 x 20k rows, beside a table", rows, list(range(100)), 1.05),
)
PEERS = ("multiprocessing.Pool.map", "ProcessPoolExecutor.map, tuned chunksize", "joblib", "mpire")


def main() -> None:
    table = Table("processes, functions that compute, 2 warm workers; ideal is half of a plain loop")
    for name, fn, items, target in QUESTIONS:
        with Rounds() as rounds:
            for peer in PEERS:
                rounds.add_peer(peer, partial(PROCESSES[peer], 2), partial(_run, fn, items))
            with plait.Pool("process", workers=2) as ours:
                rounds.add("ideal", partial(_loop, fn, items), scale=0.5)
                rounds.add("plait", lambda fn=fn, items=items, ours=ours: list(plait.map(fn, items, engine=ours)))
                took = rounds.run(7)
        table.add(name, "ideal", took["ideal"], took["plait"], target)
        for peer in PEERS:
            table.add(name, peer, took[peer], took["plait"], 1.0)
    table.show()


def _loop(fn: Callable[..., object], items: list[float]) -> object:
    return [fn(x) for x in items]


def _run(fn: Callable[..., object], items: list[float], peer: Map) -> object:
    return peer(fn, items)


if __name__ == "__main__":
    main()
