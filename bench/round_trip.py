"""How long does one item take to a warm worker and back, against a bare message through two pipes and other pools?

Run: python bench/round_trip.py
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

from _rounds import Rounds
from _table import Table
from _work import same

import plait

TRIPS = 1_000


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
    with multiprocessing.Pool(1) as pool, ProcessPoolExecutor(1) as executor, Rounds() as rounds:
        executor.submit(same, 1).result()
        with plait.Pool("process", workers=1) as ours:
            rounds.add("pipes", echo.trips, scale=1 / TRIPS)
            rounds.add("map", lambda: [list(plait.map(same, [x], engine=ours)) for x in range(TRIPS)], scale=1 / TRIPS)
            rounds.add("submit", lambda: [ours.submit(same, x).result() for x in range(TRIPS)], scale=1 / TRIPS)
            rounds.add("pool", lambda: [pool.apply(same, (x,)) for x in range(TRIPS)], scale=1 / TRIPS)
            rounds.add("executor", lambda: [executor.submit(same, x).result() for x in range(TRIPS)], scale=1 / TRIPS)
            took = rounds.run(9)
    echo.close()
    table = Table("processes, one item to a warm worker and back")
    table.add("Pool.submit().result()", "two pipes, 64 bytes", took["pipes"], took["submit"])
    table.add("Pool.submit().result()", "multiprocessing.Pool.apply", took["pool"], took["submit"], 1.0)
    table.add("Pool.submit().result()", "ProcessPoolExecutor.submit", took["executor"], took["submit"], 1.0)
    table.add("plait.map of one item", "multiprocessing.Pool.apply", took["pool"], took["map"])
    table.show()


if __name__ == "__main__":
    main()
