"""The program is killed (SIGKILL) in the middle of a map: how long do its workers live on, and what stays in /dev/shm?

Run: python bench/leftovers.py
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

from _programs import CONTENDERS, Program

ROUNDS = 5
PATIENCE = 2.0


def kill(name: str) -> tuple[float, int]:
    """Seconds until no process was left, at most `PATIENCE`, and how many entries /dev/shm had more than before."""
    before = len(os.listdir("/dev/shm"))
    program = Program(name)
    program.process.kill()
    began = time.perf_counter()
    program.process.wait()
    while program.left() and time.perf_counter() - began < PATIENCE:
        time.sleep(0.001)
    seconds = time.perf_counter() - began
    shared = len(list(Path("/dev/shm").iterdir())) - before
    program.clear()
    return seconds, shared


def main() -> None:
    taken: dict[str, list[tuple[float, int]]] = {name: [] for name in CONTENDERS}
    for _ in range(ROUNDS):
        for name, rounds in taken.items():
            rounds.append(kill(name))
    print(f"\nthe parent is killed in the middle of a map, {ROUNDS} rounds; {PATIENCE:g} s means: still there then")
    print(f"{'':22} {'seconds until all are gone, median (worst)':44} {'left in /dev/shm':>16}")
    for name, rounds in taken.items():
        seconds = [one[0] for one in rounds]
        print(f"{name:22} {f'{median(seconds):.3f} ({max(seconds):.3f})':44} {max(one[1] for one in rounds):>16}")


if __name__ == "__main__":
    main()
