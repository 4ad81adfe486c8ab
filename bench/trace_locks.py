"""What does a lock that nobody waits for cost while a trace is recorded? Compared with the lock as it is, by turns."""

from __future__ import annotations

import threading
import time
from timeit import Timer

from _table import Table

import plait

_TIMES = 20_000
_ROUNDS = 100
_PAIRS = ("with lock: pass", "lock.acquire(); lock.release()")


def main() -> None:
    table = Table("a lock that is free, in nanoseconds")
    for make in ("Lock", "RLock"):
        plain = getattr(threading, make)()
        with plait.trace():
            traced = getattr(threading, make)()
            for pair in _PAIRS:
                before, after = _nanoseconds(pair, plain, traced)
                more = after - before
                table.add_fact(
                    f"{make}: {pair}", f"{before:.0f}", f"{after:.0f}, {more:+.0f}", "<= +75", met=more <= 75
                )
        left = _nanoseconds(_PAIRS[0], plain, getattr(threading, make)())
        table.add_fact(f"{make}, when nothing is traced", f"{left[0]:.0f}", f"{left[1]:.0f}")
    table.show()


def _nanoseconds(statement: str, *locks: object) -> list[float]:
    """The fastest round of each."""
    timers = [Timer(statement, globals={"lock": lock}, timer=time.process_time) for lock in locks]
    found = [[timer.timeit(_TIMES) for timer in timers] for _ in range(_ROUNDS)]
    return [min(column) / _TIMES * 1e9 for column in zip(*found, strict=True)]


if __name__ == "__main__":
    main()
