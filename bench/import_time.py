"""What does ``import plait`` cost beside ``import concurrent.futures``? In fresh interpreters, by turns."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
STATEMENTS = {
    "nothing": "pass",
    "concurrent.futures": "import concurrent.futures",
    "concurrent.futures, ThreadPoolExecutor": "from concurrent.futures import ThreadPoolExecutor",
    "concurrent.futures, ProcessPoolExecutor": "from concurrent.futures import ProcessPoolExecutor",
    "plait": "import plait",
    "plait.map, on threads": "import plait; plait.map(abs, [1], engine='thread').close()",
}


def main() -> None:
    """Print a table of medians; interleaved, so that a busy moment touches every row."""
    took: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            took[name].append(time.perf_counter() - began)
    floor = statistics.median(took["nothing"])
    peer = statistics.median(took["concurrent.futures"]) - floor
    print(f"{'import':<42} {'ms':>7} {'of concurrent.futures':>22}")
    for name, seconds in took.items():
        cost = statistics.median(seconds) - floor
        print(f"{name:<42} {cost * 1e3:7.1f} {cost / peer:21.2f}×")


if __name__ == "__main__":
    main()
