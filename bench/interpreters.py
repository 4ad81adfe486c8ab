"""What do interpreters cost, against processes and InterpreterPoolExecutor: per item, at their start, in memory?

They need CPython 3.14; elsewhere this says so and measures nothing.
Run: python bench/interpreters.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from _rounds import Map, Rounds
from _table import Table, constant
from _work import compute, same

import plait

ITEMS = list(range(1_000_000))
FEW = ITEMS[:4_000]  # for those that need tens of microseconds per item
EVEN = [100e-6] * 5_000
WORKERS = 8  # of which the memory is looked at


def main() -> None:
    if sys.version_info < (3, 14):
        print("not measured: interpreters need CPython 3.14, this is", sys.version.split()[0])
        return
    per_item()
    start_up()
    memory()


def per_item() -> None:
    table = Table("interpreters, 2 warm workers")
    with (
        Rounds() as rounds,
        plait.Pool("interpreter", workers=2) as ours,
        plait.Pool("process", workers=2) as processes,
    ):
        rounds.add("loop", lambda: [same(x) for x in ITEMS])
        rounds.add("plait", lambda: list(plait.map(same, ITEMS, engine=ours)))
        rounds.add("plait, processes", lambda: list(plait.map(same, ITEMS, engine=processes)))
        rounds.add_peer("executor", executor, lambda peer: peer(same, FEW), scale=len(ITEMS) / len(FEW))
        took = rounds.run(7)
        table.add("1M functions that do nothing", "loop", took["loop"], took["plait"])
        table.add("1M functions that do nothing", "0.5 us each", constant(0.5), took["plait"], 1.0)
        table.add("1M functions that do nothing", "plait's processes", took["plait, processes"], took["plait"])
        table.add("1M functions that do nothing", "InterpreterPoolExecutor.map", took["executor"], took["plait"], 1.0)
    with (
        Rounds() as rounds,
        plait.Pool("interpreter", workers=2) as ours,
        plait.Pool("process", workers=2) as processes,
    ):
        rounds.add("loop", lambda: [compute(x) for x in EVEN])
        rounds.add("plait", lambda: list(plait.map(compute, EVEN, engine=ours)))
        rounds.add("plait, processes", lambda: list(plait.map(compute, EVEN, engine=processes)))
        rounds.add_peer("executor", executor, lambda peer: peer(compute, EVEN))
        took = rounds.run(7)
        table.add("5k x 100 us", "a plain loop", took["loop"], took["plait"])
        table.add("5k x 100 us", "plait's processes", took["plait, processes"], took["plait"], 1.2)
        table.add("5k x 100 us", "InterpreterPoolExecutor.map", took["executor"], took["plait"], 1.0)
    table.show()


def start_up() -> None:
    with Rounds() as rounds:
        rounds.add("plait", lambda: first_result("interpreter"))
        rounds.add("plait, processes", lambda: first_result("process"))
        rounds.add("executor", first_of_executor)
        took = rounds.run(7)
    table = Table("interpreters, a cold pool of two to its first result")
    table.add("2 workers", "plait's processes", took["plait, processes"], took["plait"])
    table.add("2 workers", "InterpreterPoolExecutor", took["executor"], took["plait"])
    table.show()


def memory() -> None:
    table = Table(f"interpreters, memory of a warm worker, of {WORKERS}")
    with plait.Pool("interpreter", workers=2) as pool:
        list(plait.map(same, range(100), engine=pool))  # what the first ones bring along is nobody's
    for engine in ("interpreter", "process"):
        before = proportional_kib()
        with plait.Pool(engine, workers=WORKERS) as pool:
            list(plait.map(time.sleep, [0.05] * WORKERS * 4, engine=pool))
            used = (proportional_kib() - before) / WORKERS / 1024
        table.add_fact("a worker", f"plait, {engine}", f"{used:.1f} MiB")
    table.show()


@contextmanager
def executor() -> Iterator[Map]:
    from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined]  # CPython 3.14 and later

    with InterpreterPoolExecutor(2) as pool:
        yield lambda fn, items: list(pool.map(fn, items))


def first_result(engine: str) -> float:
    began = time.perf_counter()
    with plait.map(same, range(4), engine=engine, workers=2) as results:
        next(results)
        return time.perf_counter() - began


def first_of_executor() -> float:
    began = time.perf_counter()
    with executor() as peer:
        first: Callable[..., object] = peer
        first(same, range(4))
        return time.perf_counter() - began


def proportional_kib() -> int:
    """The memory of this process and its children; what several share counts in parts."""
    import psutil

    me = psutil.Process()
    return sum(_pss_kib(process.pid) for process in (me, *me.children(recursive=True)))


def _pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
