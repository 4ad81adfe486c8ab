"""How fast do large numpy arrays travel to and from processes, against copying them once in memory?

64 arrays of 8 MiB. "in": the worker reads all of it and returns a float. "out": it returns an array. "both": ``a + 1``.
joblib keeps what it has written for the arrays of earlier rounds, which flatters it where arrays go in.
Run: python bench/arrays.py
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
from _peers import PROCESSES
from _rounds import Map, Rounds
from _table import Table
from _work import LENGTH, add_one, produce, touch

import plait

COUNT = 64
JOBS = {"in": touch, "out": produce, "both": add_one}
SHARES = {"in": 0.6, "out": 0.75, "both": 0.4}
PEERS = ("multiprocessing.Pool.map", "ProcessPoolExecutor.map", "joblib", "mpire")


def main() -> None:
    arrays = [np.full(LENGTH, float(number)) for number in range(COUNT)]
    few = arrays[: COUNT // 4]  # for those who copy through pipes
    target = np.empty(LENGTH)
    with Rounds() as rounds:
        for peer in PEERS:
            items = arrays if peer == "joblib" else few
            for job in JOBS:
                name = f"{peer}, {job}"
                scale = COUNT / len(items)
                rounds.add_peer(name, partial(PROCESSES[peer], 2), partial(_run, job, items), scale=scale)
        with plait.Pool("process", workers=2) as ours:
            rounds.add("memcpy", lambda: [np.copyto(target, array) for array in arrays])
            rounds.add("loop", lambda: drain(map(add_one, arrays)))
            for job, fn in JOBS.items():
                items = range(COUNT) if job == "out" else arrays  # type: ignore[assignment]
                rounds.add(job, lambda fn=fn, items=items: drain(plait.map(fn, items, engine=ours)))
            took = rounds.run(5)
    table = Table("processes, 64 arrays of 8 MiB, 2 warm workers; speed as a share of memcpy's, then time")
    for job, share in SHARES.items():
        table.add_share(job, "memcpy", took["memcpy"], took[job], share)
    for job in JOBS:
        for peer in PEERS:
            table.add(job, peer, took[f"{peer}, {job}"], took[job], 1.0)
    table.add("both", "plain loop", took["loop"], took["both"])
    table.show()


def drain(results: Iterable[object]) -> None:
    for _ in results:
        pass


def _run(job: str, arrays: list[object], peer: Map) -> object:
    return peer(JOBS[job], range(len(arrays)) if job == "out" else arrays)


if __name__ == "__main__":
    main()
