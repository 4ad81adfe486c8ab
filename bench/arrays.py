"""How fast do large numpy arrays travel to and from processes, against copying them once in memory?

64 arrays of 8 MiB. "in": the worker reads all of it and returns a float. "out": it returns an array. "both": ``a + 1``.
Run: python bench/arrays.py
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from _table import Table, medians
from joblib import Parallel, delayed

import plait

COUNT, LENGTH = 64, 1 << 20  # doubles
Array = "np.ndarray[tuple[int], np.dtype[np.float64]]"


def touch(array: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(array[::512].sum())


@functools.cache
def _ready() -> np.ndarray:  # type: ignore[type-arg]
    return np.full(LENGTH, 1.0)


def produce(_: int) -> np.ndarray:  # type: ignore[type-arg]
    return _ready()


def add_one(array: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return array + 1.0


def drain(results: Iterable[object]) -> None:
    for _ in results:
        pass


def main() -> None:
    arrays = [np.full(LENGTH, float(number)) for number in range(COUNT)]
    target = np.empty(LENGTH)
    with plait.Pool("process", workers=2) as ours, ProcessPoolExecutor(2) as executor, Parallel(n_jobs=2) as parallel:
        contenders: dict[str, Callable[[], object]] = {
            "memcpy": lambda: [np.copyto(target, array) for array in arrays],
            "loop": lambda: drain(map(add_one, arrays)),
            "plait in": lambda: drain(plait.map(touch, arrays, engine=ours)),
            "plait out": lambda: drain(plait.map(produce, range(COUNT), engine=ours)),
            "plait both": lambda: drain(plait.map(add_one, arrays, engine=ours)),
            "joblib in": lambda: parallel(delayed(touch)(array) for array in arrays),
            "joblib out": lambda: parallel(delayed(produce)(number) for number in range(COUNT)),
            "joblib both": lambda: parallel(delayed(add_one)(array) for array in arrays),
            "executor both": lambda: drain(executor.map(add_one, arrays)),
        }
        took = medians(contenders, rounds=5)
    table = Table("64 arrays of 8 MiB, 2 warm workers; target: share of memcpy's speed, as a ratio of times")
    for what, share in (("in", 0.6), ("out", 0.75), ("both", 0.4)):
        table.add(what, f"memcpy (target {share:g} of its speed)", took["memcpy"], took[f"plait {what}"], 1 / share)
    for what in ("in", "out", "both"):
        table.add(what, "joblib", took[f"joblib {what}"], took[f"plait {what}"], 1.0)
    table.add("both", "ProcessPoolExecutor.map", took["executor both"], took["plait both"], 1.0)
    table.add("both", "plain loop", took["loop"], took["plait both"])
    table.show()


if __name__ == "__main__":
    main()
