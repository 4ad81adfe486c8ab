"""What does ``import plait`` cost, and the first use of it, beside the standard library's executors?

Timed inside fresh interpreters, by turns, so neither the start of Python nor a busy moment is charged to one of them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from _table import Table

ROUNDS = 21

QUESTIONS = [
    ("import", "concurrent.futures", "import concurrent.futures", "import plait", 1.5),
    (
        "import, first call on a thread",
        "ThreadPoolExecutor",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(1) as e: list(e.map(abs, [1]))",
        "import plait\nlist(plait.map(abs, [1], engine='thread'))",
        None,
    ),
    (
        "import, first call in a process",
        "ProcessPoolExecutor, fork",
        (
            "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\n"
            "with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as e: list(e.map(abs, [1]))"
        ),
        "import plait\nlist(plait.map(abs, [1], engine='process', workers=1))",
        None,
    ),
]


def main() -> None:
    """Print one row per question."""
    table = Table("import time")
    for what, peer, theirs, ours, target in QUESTIONS:
        took: dict[str, list[float]] = {theirs: [], ours: []}
        for _ in range(ROUNDS):
            for program, seconds in took.items():
                seconds.append(seconds_of(program))
        table.add(what, peer, statistics.median(took[theirs]), statistics.median(took[ours]), target)
    table.show()


def seconds_of(program: str) -> float:
    """How long the program takes in a fresh interpreter that is already up."""
    timed = f"import time; began = time.perf_counter()\n{program}\nprint(time.perf_counter() - began)"
    return float(subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
