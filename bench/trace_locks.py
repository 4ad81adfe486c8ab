"""What does a lock that nobody waits for cost while a trace is recorded? Compared with the lock as it is."""

from __future__ import annotations

import threading
from timeit import repeat

import plait

_TIMES = 20_000
_ROUNDS = 60


def _nanoseconds(lock: object, statement: str) -> float:
    return min(repeat(statement, number=_TIMES, repeat=_ROUNDS, globals={"lock": lock})) / _TIMES * 1e9


def main() -> None:
    for make in ("Lock", "RLock"):
        plain = getattr(threading, make)()
        with plait.trace():
            traced = getattr(threading, make)()
            with_plain = _nanoseconds(plain, "with lock: pass")
            with_traced = _nanoseconds(traced, "with lock: pass")
        print(f"{make:6} plain {with_plain:5.0f} ns, traced {with_traced:5.0f} ns: {with_traced - with_plain:+.0f} ns")


if __name__ == "__main__":
    main()
