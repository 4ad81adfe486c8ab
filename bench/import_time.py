"""What does ``import plait`` cost, and the first use of it, beside the standard library's executors?

Timed inside fresh interpreters, by turns, so neither the start of Python nor a busy moment is charged to one of them.
Run: python bench/import_time.py
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from _rounds import Rounds
from _table import Table

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
    (
        "import, first call in a process",
        "ProcessPoolExecutor, forkserver",
        (
            "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\n"
            "with ProcessPoolExecutor(1, multiprocessing.get_context('forkserver')) as e: list(e.map(abs, [1]))"
        ),
        "import plait\nlist(plait.map(abs, [1], engine='process', workers=1))",
        1.0,
    ),
]


def main() -> None:
    table = Table("import and first use")
    for what, peer, theirs, ours, target in QUESTIONS:
        with Rounds() as rounds:
            rounds.add("theirs", partial(seconds_of, theirs))
            rounds.add("ours", partial(seconds_of, ours))
            took = rounds.run(15)
        table.add(what, peer, took["theirs"], took["ours"], target)
    table.show()


def seconds_of(program: str) -> float:
    """How long the program takes in a fresh interpreter that is already up."""
    timed = f"import time; began = time.perf_counter()\n{program}\nprint(time.perf_counter() - began)"
    run = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
    return float(run.stdout)


if __name__ == "__main__":
    main()
