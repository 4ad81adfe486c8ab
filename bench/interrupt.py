"""Ctrl-C in the middle of a map: how long until the program is gone, how many lines does it print, what stays behind?

Run: python bench/interrupt.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from statistics import median

from _programs import CONTENDERS, Program

ROUNDS = 5


def interrupt(name: str) -> tuple[float, int, int]:
    """Seconds until the program has ended, lines on stderr, processes left."""
    program = Program(name)
    began = time.perf_counter()
    os.killpg(program.process.pid, signal.SIGINT)
    try:
        _, said = program.process.communicate(timeout=30)
        seconds = time.perf_counter() - began
    except subprocess.TimeoutExpired:
        seconds, said = float("inf"), ""
    return seconds, len(said.splitlines()), program.clear()


def main() -> None:
    taken: dict[str, list[tuple[float, int, int]]] = {name: [] for name in CONTENDERS}
    for _ in range(ROUNDS):
        for name, rounds in taken.items():
            rounds.append(interrupt(name))
    print(f"\nCtrl-C in the middle of a map, {ROUNDS} rounds; target for plait: 0.3 s, nothing left")
    print(f"{'':22} {'seconds, median (worst)':26} {'lines':>6} {'processes left':>15}")
    for name, rounds in taken.items():
        seconds = [one[0] for one in rounds]
        print(
            f"{name:22} {f'{median(seconds):.2f} ({max(seconds):.2f})':26} {median(one[1] for one in rounds):>6}"
            f" {max(one[2] for one in rounds):>15}"
        )


if __name__ == "__main__":
    main()
