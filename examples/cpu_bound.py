"""Computing in pure Python: the same call on every engine, with the measured table.

Threads take turns (the GIL lets one of them run Python at a time), so only processes, interpreters and free-threaded
Pythons use all cores.
"""

from __future__ import annotations

import time

from _measuring import engines, show

import plait


def count_primes(limit: int) -> int:
    """How many primes there are below `limit`, the slow way."""
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, limit))


def main() -> None:
    """Time every engine on the same items and print the table."""
    limits = [4000 + n for n in range(60)]
    rows = []
    for engine in ["a plain loop", *engines()]:
        began = time.perf_counter()
        if engine == "a plain loop":
            found = [count_primes(limit) for limit in limits]
            remark = ""
        else:
            stream = plait.map(count_primes, limits, engine=engine)
            found = list(stream)
            remark = "; ".join(stream.report.why)
        assert len(found) == len(limits)
        rows.append((engine, time.perf_counter() - began, remark))
    show("60 times counting primes, start-up of workers included", rows)


if __name__ == "__main__":
    main()
