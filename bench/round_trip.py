"""How long does one item take to a warm worker and back, against a bare message through two pipes and other pools?

Run: python bench/round_trip.py
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from _table import Table, medians

import plait

TRIPS = 2_000


def same(x: int) -> int:
    return x


class Echo:
    """Sends 64 bytes to a forked process, which sends them back."""

    def __init__(self) -> None:
        there, self._write = os.pipe()
        self._read, back = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._write)
            while message := os.read(there, 64):
                os.write(back, message)
            os._exit(0)

    def trips(self) -> None:
        for _ in range(TRIPS):
            os.write(self._write, b"x" * 64)
            os.read(self._read, 64)

    def close(self) -> None:
        os.close(self._write)
        os.waitpid(self._pid, 0)


def main() -> None:
    echo = Echo()
    with plait.Pool("process", workers=1) as ours, multiprocessing.Pool(1) as pool, ProcessPoolExecutor(1) as executor:
        contenders: dict[str, Callable[[], object]] = {
            "pipes": echo.trips,
            "plait": lambda: [ours.submit(same, x).result() for x in range(TRIPS)],
            "pool": lambda: [pool.apply(same, (x,)) for x in range(TRIPS)],
            "executor": lambda: [executor.submit(same, x).result() for x in range(TRIPS)],
        }
        took = {name: seconds / TRIPS for name, seconds in medians(contenders, rounds=5).items()}
    echo.close()
    table = Table("one item to a warm process and back")
    table.add("Pool.submit().result()", "two pipes, 64 bytes", took["pipes"], took["plait"])
    table.add("Pool.submit().result()", "multiprocessing.Pool.apply", took["pool"], took["plait"], 1.0)
    table.add("Pool.submit().result()", "ProcessPoolExecutor.submit", took["executor"], took["plait"], 1.0)
    table.show()


if __name__ == "__main__":
    main()
