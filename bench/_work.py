"""The functions that are mapped. They stand in a module that the workers of every contender can import."""

from __future__ import annotations

import hashlib
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # workers import this module: what it imports is charged to every contender that starts new ones
    import numpy as np

    Array = np.ndarray[tuple[int], np.dtype[np.float64]]

DEADLY = 57
LENGTH = 1 << 20  # doubles in an array
_ASCII = b"plait and " * 100_000
_TEXT = bytes(range(256)) * 1000


def same(x: int) -> int:
    return x


def spin(x: int) -> int:
    for _ in range(100):
        x += 1
    return x


def wait(x: int) -> int:
    time.sleep(0.002)
    return x


def wait_rarely(x: int) -> int:
    if x % 100 == 50:
        time.sleep(0.05)
    return x


def stall_rarely(x: int) -> int:
    time.sleep(0.2 if x % 100 == 50 else 0.005)
    return x


def compute(seconds: float) -> float:
    end = time.thread_time() + seconds  # CPU time: other processes on the machine do not shorten the work
    while time.thread_time() < end:
        pass
    return seconds


def fingerprint(x: int) -> str:
    return hashlib.md5(_TEXT[x : x + 500], usedforsecurity=False).hexdigest()


def upper(x: int) -> int:
    return len((_ASCII + b"%d" % x).decode("ascii").upper())


def rows(_: int) -> int:
    """Makes 20,000 rows beside a table of 300,000 that each process keeps."""
    table = _table()
    return len([[n, table[n]] for n in range(20_000)])


def compute_index(x: int) -> int:
    compute(0.001)
    return x


def compute_briefly(x: int) -> int:
    compute(0.0001)
    return x


def pause(x: int) -> int:
    time.sleep(0.005)
    return x


def pause_or_die(x: int) -> int:
    if x == DEADLY:
        os.kill(os.getpid(), 9)
    return pause(x)


def touch(array: Array) -> float:
    return float(array[::512].sum())


def produce(_: int) -> Array:
    return _ready()


def add_one(array: Array) -> Array:
    return array + 1.0


def _ready(kept: list[Array] = []) -> Array:  # noqa: B006  made once per process
    if not kept:
        import numpy as np

        kept.append(np.full(LENGTH, 1.0))
    return kept[0]


async def same_async(x: int) -> int:
    return x


async def give_way(x: int) -> int:
    import asyncio  # as above: not charged to those who do not need it

    await asyncio.sleep(0)
    return x


async def doze(x: int) -> int:
    import asyncio

    await asyncio.sleep(0.001)
    return x


def _table(kept: dict[int, list[int]] = {}) -> dict[int, list[int]]:  # noqa: B006  made once per process
    if not kept:
        kept.update((n, [n]) for n in range(300_000))
    return kept
