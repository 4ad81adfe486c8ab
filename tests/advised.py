"""Functions of a known kind for `test_advise`, apart from it: every worker that is tried imports what is here."""

from __future__ import annotations

import functools
import time

SEEN: list[int] = []
TABLE = [1, 2, 3]


def compute(n: int) -> int:
    total = 0
    for x in range(n):
        total += x * x
    return total


def wait(x: float) -> float:
    time.sleep(0.002)
    return x


def looks_up(x: int) -> int:
    return TABLE[x % 3] + sum(range(2_000))


def notes(x: int) -> int:
    SEEN.append(x)
    return compute(2000)


def fails(x: int) -> int:
    raise ZeroDivisionError(x)


async def awaits(x: int) -> int:
    import asyncio  # which the workers that are tried with the others need not wait for

    await asyncio.sleep(0.002)
    return x


@functools.lru_cache(None)
def _table() -> bytes:
    return b"x" * (64 << 20)


def keeps(x: int) -> int:
    return _table()[x]
