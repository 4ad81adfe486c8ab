"""One of 200 items of 5 ms kills its worker: what does the caller keep, what is it told, how long does it take?

Run: python bench/crash.py
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from statistics import median

from _table import Table
from joblib import Parallel, delayed
from pebble import ProcessPool

import plait

ITEMS = 200
DEADLY = 57
ROUNDS = 5

Told = tuple[int, str]  # results kept, and the error in words


def work(x: int) -> int:
    time.sleep(0.005)
    return x


def work_or_die(x: int) -> int:
    if x == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return work(x)


def with_plait(fn: Callable[[int], int]) -> Told:
    kept, error = 0, ""
    for outcome in plait.map(fn, range(ITEMS), engine="process", workers=2).outcomes():
        kept += outcome.ok
        error = error or str(outcome.error or "")
    return kept, error


def with_pebble(fn: Callable[[int], int]) -> Told:
    kept, error = 0, ""
    with ProcessPool(2) as pool:
        results = pool.map(fn, range(ITEMS)).result()
        while True:
            try:
                next(results)
                kept += 1
            except StopIteration:
                return kept, error
            except Exception as failure:
                error = repr(failure)


def with_executor(fn: Callable[[int], int]) -> Told:
    with ProcessPoolExecutor(2) as executor:
        return _keep([executor.submit(fn, x) for x in range(ITEMS)])


def with_joblib(fn: Callable[[int], int]) -> Told:
    try:
        return len(Parallel(n_jobs=2)(delayed(fn)(x) for x in range(ITEMS))), ""
    except Exception as failure:
        return 0, repr(failure)


def _keep(futures: list[Future[int]]) -> Told:
    kept, error = 0, ""
    for future in futures:
        failure = future.exception()
        kept += failure is None
        error = error or repr(failure or "")
    return kept, error


def main() -> None:
    contenders = {
        "plait": with_plait,
        "pebble": with_pebble,
        "ProcessPoolExecutor": with_executor,
        "joblib": with_joblib,
    }
    calm: dict[str, list[float]] = {name: [] for name in contenders}
    struck: dict[str, list[float]] = {name: [] for name in contenders}
    told: dict[str, Told] = {}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            began = time.perf_counter()
            run(work)
            calm[name].append(time.perf_counter() - began)
            began = time.perf_counter()
            told[name] = run(work_or_die)
            struck[name].append(time.perf_counter() - began)
    table = Table("200 items of 5 ms on a cold pool of two, one kills its worker")
    for name in contenders:
        limit = 1 + 0.010 / median(calm[name]) if name == "plait" else None
        table.add(f"{name}: with the crash", "without it", median(calm[name]), median(struck[name]), limit)
    table.show()
    for name, (kept, error) in told.items():
        print(f"{name} kept {kept} of {ITEMS - 1} results; {error.splitlines()[0][:150]}")


if __name__ == "__main__":
    main()
