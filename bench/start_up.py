"""How long from a call without warm workers to the first result of a pool of two, in a small and in a large parent?

Run: python bench/start_up.py
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from _table import Table, medians
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

import plait


def same(x: int) -> int:
    return x


def two_forks() -> None:
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def with_executor(method: str) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as executor:
        list(executor.map(same, range(4)))


def with_joblib() -> None:
    Parallel(n_jobs=2)(delayed(same)(x) for x in range(4))
    get_reusable_executor().shutdown(wait=True)


def main() -> None:
    table = Table("a pool of two, made, used for four items and ended")
    for parent, ballast in (("small parent", b""), ("parent of 1 GiB", bytearray(os.urandom(1 << 10) * (1 << 20)))):
        contenders: dict[str, Callable[[], object]] = {
            "two forks": two_forks,
            "plait": lambda: list(plait.map(same, range(4), engine="process", workers=2)),
            "plait, lambda": lambda: list(plait.map(lambda x: x, range(4), engine="process", workers=2)),
            "executor, fork": lambda: with_executor("fork"),
            "executor, forkserver": lambda: with_executor("forkserver"),
            "executor, spawn": lambda: with_executor("spawn"),
            "joblib (loky)": with_joblib,
        }
        took = medians(contenders, rounds=5)
        for peer in ("two forks", "executor, fork", "executor, forkserver", "executor, spawn", "joblib (loky)"):
            table.add(
                parent, peer, took[peer], took["plait"], 1.0 if peer.endswith(("server", "spawn", "(loky)")) else None
            )
        table.add(f"{parent}, lambda", "30 ms", 0.030, took["plait, lambda"], 1.0)
        table.add(parent, "30 ms", 0.030, took["plait"], 1.0)
        del ballast
    table.show()


if __name__ == "__main__":
    main()
