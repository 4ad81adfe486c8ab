"""How much memory does a map over a generator of 10 million items need, against one over a million?

Run: python bench/endless.py
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

from _table import Table
from _work import same

FEW, MANY = 1_000_000, 10_000_000


def main() -> None:
    table = Table("10 million items from a generator, 2 workers, consumed one by one")
    for engine in ("thread", "process"):
        few, many = _in_a_program(engine, FEW), _in_a_program(engine, MANY)
        extra = many["peak_mib"] - few["peak_mib"]
        found = f"{many['peak_mib']:.0f} MiB, {extra:+.1f} MiB against a million; {many['seconds']:.1f} s"
        table.add_fact("peak memory of the parent", engine, found, "+ 10 MiB", met=extra <= 10 and many["sum"] == _SUM)
    table.show()


_SUM = MANY * (MANY - 1) // 2


def _in_a_program(engine: str, items: int) -> dict[str, float]:
    run = subprocess.run([sys.executable, __file__, engine, str(items)], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def _program(engine: str, items: int) -> None:
    import plait

    began = time.perf_counter()
    total = 0
    for value in plait.map(same, (x for x in range(items)), engine=engine, workers=2):
        total += value
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    seconds = time.perf_counter() - began
    print(json.dumps({"peak_mib": peak, "workers_mib": workers, "seconds": seconds, "sum": total}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _program(sys.argv[1], int(sys.argv[2]))
    else:
        main()
