"""What would an execution cost if check did only what it cannot do without, and what does it add to that?

Nothing is under control without real threads that hand a lock to each other: "threads" starts and ends as many as the
executions had, and hands a lock over as often. "program" is the program by itself, its code run in a new module each
time, with Python's own threads. All in CPU time and by turns; of ours, the start of the search is a part.
Run: python bench/check_floor.py [executions]
"""

from __future__ import annotations

import _thread
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType

from _corpus import RIGHT
from _rounds import Took
from _table import Table, constant

from plait._check.explore import explore_script
from plait._check.one_core import OneCore
from plait._check.programs.program import run_as_main
from plait._check.record import Record

EVERY = 3  # of the right programs
ROUNDS = 3
TARGET = 0.6e-3
ELSE = ("sleep", "asyncio", "timeout", "Timer", "input(", "exit", "print", "subprocess")  # without check it is not this


def main(executions: int) -> None:
    programs = [path for path in RIGHT[::EVERY] if not any(word in path.read_text() for word in ELSE)]
    ours, threads, alone = Took(), Took(), Took()
    for _ in range(ROUNDS):
        costs = [measure(path, executions) for path in programs]
        for took, seconds in zip((ours, threads, alone), zip(*costs, strict=True), strict=True):
            took.add(sum(seconds) / len(programs))
    table = Table(f"check, CPU for one execution of {len(programs)} programs")
    table.add("all of it", "target", constant(TARGET), ours, at_most=1.0)
    table.add("all of it", "threads", threads, ours)
    table.add("all of it", "program", alone, ours)
    table.show()


def measure(path: Path, executions: int) -> tuple[float, float, float]:
    """Seconds of CPU time for one execution: ours, its threads and their turns alone, the program alone."""
    counted: list[tuple[int, int]] = []

    def examine(record: Record) -> None:
        counted.append((len(record.threads), len(record.switches)))

    search = partial(explore_script, path, runs=executions, seconds=None, examine=examine)
    took = _cpu(search, 1) / executions
    started, switches = (round(sum(each) / len(counted)) for each in zip(*counted, strict=True))
    code = compile(path.read_bytes(), str(path), "exec")
    with OneCore():
        return (
            took,
            _cpu(partial(only_threads, started, switches), executions),
            _cpu(partial(alone, path, code), executions),
        )


def only_threads(started: int, switches: int) -> None:
    """Starts so many threads, hands a lock over so often, from each to the next, and waits for their ends."""
    batons = [_thread.allocate_lock() for _ in range(started + 1)]
    gone = [_thread.allocate_lock() for _ in range(started)]
    for lock in (*batons, *gone):
        lock.acquire()
    turns = -(-switches // (started + 1))

    def live(me: int) -> None:
        for _ in range(turns):
            batons[me].acquire()
            batons[me + 1].release()
        gone[me].release()

    for me in range(started):
        _thread.start_new_thread(live, (me,))
    for _ in range(turns):
        batons[0].release()
        batons[started].acquire()
    for lock in gone:
        lock.acquire()


def alone(path: Path, code: CodeType) -> None:
    """The program, as Python runs it."""
    module = ModuleType("__main__")
    module.__file__ = str(path)
    run_as_main(module, code, [str(path)])


def _cpu(perform: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        perform()
    return (time.process_time() - began) / times


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100)
