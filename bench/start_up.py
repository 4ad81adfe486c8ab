"""How long from a call without warm workers to the first result of two workers, in a small and in a large parent?

Every process is started and ended in each round; what is timed is the way to the first result.
Run: python bench/start_up.py
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from _rounds import Rounds
from _table import Table, constant
from _work import same

import plait

PEERS = (
    "ProcessPoolExecutor, fork",
    "ProcessPoolExecutor, forkserver",
    "ProcessPoolExecutor, spawn",
    "multiprocessing.Pool, fork",
    "loky",
    "mpire",
)


def main() -> None:
    table = Table("processes, a cold pool of two to its first result")
    for parent, ballast in (("small parent", b""), ("parent of 1 GiB", bytearray(os.urandom(1 << 10) * (1 << 20)))):
        with Rounds() as rounds:
            rounds.add("two forks", two_forks)
            rounds.add("plait", lambda: of_plait(same))
            rounds.add("plait, lambda", lambda: of_plait(lambda x: x))
            for name in PEERS:
                rounds.add(name, lambda name=name: of_peer(name))
            took = rounds.run(7)
        table.add(parent, "30 ms", constant(0.030), took["plait"], 1.0)
        table.add(f"{parent}, a lambda", "30 ms", constant(0.030), took["plait, lambda"], 1.0)
        table.add(parent, "two forks", took["two forks"], took["plait"])
        for peer in PEERS:
            target = None if peer.endswith("fork") else 1.0  # a fork is no choice for a program with threads
            table.add(parent, peer, took[peer], took["plait"], target)
        del ballast
    table.show()


def two_forks() -> None:
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def of_plait(fn: Callable[[int], int]) -> float:
    began = time.perf_counter()
    with plait.map(fn, range(4), engine="process", workers=2) as results:
        next(results)
        return time.perf_counter() - began


def of_peer(name: str) -> float:
    began = time.perf_counter()
    if name == "loky":
        from loky import ProcessPoolExecutor as LokyExecutor

        with LokyExecutor(2) as executor:
            return _first(executor.map(same, range(4)), began)
    if name == "mpire":
        from mpire import WorkerPool

        with WorkerPool(n_jobs=2) as pool:
            return _first(pool.imap(same, range(4)), began)
    context = multiprocessing.get_context(name.split(", ")[1])
    if name.startswith("multiprocessing.Pool"):
        with context.Pool(2) as pool:
            return _first(pool.imap(same, range(4)), began)
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        return _first(executor.map(same, range(4)), began)


def _first(results: object, began: float) -> float:
    next(iter(results))  # type: ignore[call-overload]  # iterators of five packages
    seconds = time.perf_counter() - began
    for _ in results:  # type: ignore[attr-defined]
        pass
    return seconds


if __name__ == "__main__":
    main()
