"""One of 200 items of 5 ms kills its worker: what does the caller keep, what is it told, how long does it take?

Each contender runs in a program of its own, because some never return from this.
Run: python bench/crash.py
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

from _rounds import Took, in_words
from _table import Table
from _work import pause, pause_or_die

ITEMS = 200
ROUNDS = 5
PATIENCE = 10.0  # seconds for what ideally takes half a second

Fn = Callable[[int], int]
Told = tuple[int, str]  # results kept, and the error in words


def with_plait(fn: Fn) -> Told:
    import plait

    kept, error = 0, ""
    for outcome in plait.map(fn, range(ITEMS), engine="process", workers=2).outcomes():
        kept += outcome.ok
        error = error or str(outcome.error or "")
    return kept, error


def with_pebble(fn: Fn) -> Told:
    from pebble import ProcessPool

    with ProcessPool(2) as pool:
        results = pool.map(fn, range(ITEMS)).result()
        return _keep(lambda: next(results, None))


def with_executor(fn: Fn) -> Told:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as executor:
        return _keep_futures([executor.submit(fn, x) for x in range(ITEMS)])


def with_loky(fn: Fn) -> Told:
    from loky import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as executor:
        return _keep_futures([executor.submit(fn, x) for x in range(ITEMS)])


def with_joblib(fn: Fn) -> Told:
    from joblib import Parallel, delayed

    results = Parallel(n_jobs=2, return_as="generator")(delayed(fn)(x) for x in range(ITEMS))
    return _keep(lambda: next(results, None))


def with_mpire(fn: Fn) -> Told:
    from mpire import WorkerPool

    with WorkerPool(n_jobs=2) as pool:
        results = pool.imap(fn, range(ITEMS))
        return _keep(lambda: next(results, None))


def with_pool(fn: Fn) -> Told:
    import multiprocessing

    with multiprocessing.Pool(2) as pool:
        results = pool.imap(fn, range(ITEMS))
        return _keep(lambda: next(results, None))


CONTENDERS: dict[str, Callable[[Fn], Told]] = {
    "plait": with_plait,
    "pebble": with_pebble,
    "ProcessPoolExecutor": with_executor,
    "loky": with_loky,
    "joblib": with_joblib,
    "mpire": with_mpire,
    "multiprocessing.Pool": with_pool,
}


def main() -> None:
    table = Table("processes, one of 200 items of 5 ms kills its worker")
    for name in CONTENDERS:
        calm, struck, (kept, error) = measure(name, ROUNDS if name == "plait" else 1)
        table.add_fact("results kept, of 199", name, f"{kept}: {error}"[:110], "199", met=_met(name, kept == ITEMS - 1))
        if name == "plait":
            limit = 1 + 0.010 / calm.median
            table.add("time, against no crash: 10 ms lost at most", "the same without", calm, struck, limit)
            telling = all(word in error for word in ("item 57", "SIGKILL"))
            table.add_fact("says which item and which signal", name, str(telling), "both", met=telling)
    table.show()


def measure(name: str, rounds: int) -> tuple[Took, Took, Told]:
    """Times without and with the crash, and what was left with it."""
    calm, struck = Took(), Took()
    told: Told = (0, "")
    for _ in range(rounds):
        for took, deadly in ((calm, ""), (struck, "deadly")):
            found = _in_a_program(name, deadly)
            if found is None:
                return calm, struck, (0, f"not back after {PATIENCE:g} s, where half a second of work was left")
            seconds, kept, error = found
            took.add(seconds)
            if deadly or error:
                told = kept, error
    return calm, struck, told


def _in_a_program(name: str, deadly: str) -> tuple[float, int, str] | None:
    program = subprocess.Popen(
        [sys.executable, __file__, name, deadly],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        said, _ = program.communicate(timeout=PATIENCE)
        seconds, kept, error = json.loads(said.splitlines()[-1])
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        program.communicate()
        return None
    return seconds, kept, error


def _program(name: str, deadly: str) -> None:
    began = time.perf_counter()
    try:
        kept, error = CONTENDERS[name](pause_or_die if deadly else pause)
    except Exception as failure:
        kept, error = 0, in_words(failure)
    first = (error.splitlines() or [""])[0]
    print(json.dumps([time.perf_counter() - began, kept, first]), flush=True)


def _keep(give: Callable[[], int | None]) -> Told:
    """Iterate on after errors, as long as there is something."""
    kept, error = 0, ""
    while True:
        try:
            if give() is None:
                return kept, error
            kept += 1
        except Exception as failure:
            if error:
                return kept, error
            error = in_words(failure)


def _keep_futures(futures: Iterable[object]) -> Told:
    kept, error = 0, ""
    for future in futures:
        failure = future.exception()  # type: ignore[attr-defined]  # futures of two packages
        kept += failure is None
        error = error or (in_words(failure) if failure else "")
    return kept, error


def _met(name: str, met: bool) -> bool | None:
    return met if name == "plait" else None


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _program(*sys.argv[1:3])
    else:
        main()
