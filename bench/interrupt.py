"""Ctrl-C in the middle of a map: how long until the program is gone, how many lines does it print, what stays behind?

Run: python bench/interrupt.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from statistics import median

from _programs import COMPUTING, Program
from _table import Table, spread

ROUNDS = 3
PATIENCE = 4.0


def main() -> None:
    table = Table("Ctrl-C in the middle of a map")
    for name in COMPUTING:
        try:
            rounds = [interrupt(name) for _ in range(ROUNDS if name.startswith("plait") else 1)]
        except RuntimeError as error:
            table.add_fact("seconds until it is gone", name, f"not measured: {error}")
            continue
        seconds, frames, words, left = ([one[part] for one in rounds] for part in range(4))
        ours = name.startswith("plait")
        time_text = spread(seconds) if max(seconds) < PATIENCE else f"still there after {PATIENCE:g} s"
        found = f"{time_text}; {median(frames):g} + {median(words):g} lines; {max(left)} processes left"
        met = median(seconds) <= 0.3 and 0 < min(words) <= max(words) <= 5 and not max(left) if ours else None
        table.add_fact("gone; traceback + other lines; left behind", name, found, "300 ms; .. + 5; 0", met=met)
    table.show()


def interrupt(name: str) -> tuple[float, int, int, int]:
    """Seconds until the program has ended, lines of tracebacks on stderr, other lines, processes left."""
    program = Program(name)
    began = time.perf_counter()
    os.killpg(program.process.pid, signal.SIGINT)
    try:
        _, said = program.process.communicate(timeout=PATIENCE)
        seconds = time.perf_counter() - began
    except subprocess.TimeoutExpired:
        seconds, said = PATIENCE, ""
    left = program.kill_all()
    lines = said.splitlines()
    frames = sum(line.startswith(("Traceback", "  File", "    ", "KeyboardInterrupt")) for line in lines)
    return seconds, frames, len(lines) - frames, left


if __name__ == "__main__":
    main()
