"""What does a journal cost, beside the same map without one and beside joblib.Memory; and what does a killed run leave?

Run: python bench/journal.py
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from _rounds import Rounds
from _table import Table
from _work import compute_briefly, compute_index, same

import plait

ITEMS = 100_000
WORTH = 0.001  # seconds of computing in each item that the cost is a share of
KILLS = 50


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _cost(Path(folder))
        _kills(Path(folder))


def _cost(folder: Path) -> None:
    table = Table(f"a journal, items of {WORTH * 1e3:.0f} ms on 2 processes")
    files = iter(range(1_000_000))

    def fresh() -> Path:
        return folder / f"{next(files)}.sqlite"

    def work(journal: Path | None) -> None:
        _map(compute_index, range(3000), journal, engine="process")

    with Rounds() as rounds:
        rounds.add("without", lambda: work(None))
        rounds.add("with", lambda: work(fresh()))
        took = rounds.run(5)
    table.add("3,000 items", "without a journal", took["without"], took["with"], at_most=1.05)
    table.show()

    table = Table("a journal, items that cost nothing")
    count = 5000
    full = fresh()
    _map(same, range(count), full, engine="inline")
    with Rounds() as rounds:
        rounds.add("recorded", lambda: _map(same, range(count), fresh(), engine="inline"), scale=1 / count)
        rounds.add("recalled", lambda: _map(same, range(count), full, engine="inline"), scale=1 / count)
        for name in ("memory recorded", "memory recalled"):
            rounds.add(name, _memory(folder, name, count), scale=1 / count)
        took = rounds.run(3)
    table.add("an item is recorded", "joblib.Memory", took["memory recorded"], took["recorded"], at_most=1.0)
    table.add("an item is recalled", "joblib.Memory", took["memory recalled"], took["recalled"], at_most=1.0)
    table.show()


def _map(fn: Callable[[int], int], items: range, journal: Path | None, *, engine: str) -> None:
    mapped = plait.map(fn, items, engine=engine, workers=2, journal=journal)
    assert all(x == value for x, value in zip(items, mapped, strict=True))


def _memory(folder: Path, name: str, count: int) -> Callable[[], object]:
    """The cache of results of joblib, on disk, which has no map: calls in a loop."""
    import joblib

    stores = iter(range(1_000_000))
    kept = joblib.Memory(folder / name, verbose=0).cache(same)
    recalled = name.endswith("recalled")
    for x in range(count if recalled else 0):
        kept(x)

    def run() -> object:
        cached = kept if recalled else joblib.Memory(folder / f"{name}{next(stores)}", verbose=0).cache(same)
        return [cached(x) for x in range(count)]

    return run


def _kills(folder: Path) -> None:
    """Run, kill at a random moment, run again, and so on; then to the end."""
    table = Table(f"{ITEMS:,} items, killed with SIGKILL at {KILLS} random moments and resumed")
    for engine in ("process", "thread"):
        journal = folder / f"killed-{engine}.sqlite"
        chance = random.Random(1)
        for _ in range(KILLS):
            program = _program(engine, journal)
            assert program.stdout is not None
            program.stdout.readline()  # it has begun
            time.sleep(chance.uniform(0.1, 0.6))  # the random moment
            program.send_signal(signal.SIGKILL)
            program.communicate()
        recorded = _rows(journal)
        output, _ = _program(engine, journal).communicate()
        said = json.loads(output.splitlines()[-1])
        met = said["right"] and said["values"] == ITEMS == _rows(journal)
        found = (
            f"{said['values']:,} values, all right: {said['right']}; {_rows(journal):,} records, {recorded:,} before"
        )
        table.add_fact("results of the last run", engine, found, f"{ITEMS:,}, each once", met=met)
    table.show()


def _program(engine: str, journal: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, engine, str(journal)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _rows(journal: Path) -> int:
    with closing(sqlite3.connect(journal)) as connection:
        found: int = connection.execute("select count(*) from outcomes").fetchone()[0]
    return found


def _run(engine: str, journal: str) -> None:
    print("running", flush=True)
    values = list(plait.map(compute_briefly, range(ITEMS), engine=engine, workers=2, journal=journal))
    print(json.dumps({"values": len(values), "right": values == list(range(ITEMS))}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _run(*sys.argv[1:])
    else:
        main()
