"""Maps on threads that wait for the GIL, and would not on processes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

_BLOCK = b"x" * 200_000


def checksum(n: int) -> int:
    total = 0
    for k in range(60_000):
        total = (total * 31 + k * n) % 65_521
    return total


def sleeps_and_computes(n: int) -> int:
    time.sleep(0.01)
    return checksum(n)


def hashes_and_computes(n: int) -> int:
    for _ in range(20):
        hashlib.sha256(_BLOCK).digest()
    return checksum(n)


FORECASTS: dict[str, tuple[Callable[[int], int], int, int]] = {  # function, items, workers
    "pure": (checksum, 200, 2),
    "pure, four workers": (checksum, 200, 4),
    "sleeps and computes": (sleeps_and_computes, 150, 4),
    "hashes and computes": (hashes_and_computes, 150, 2),
}
