"""What does it save to try first what an execution that passed makes likely, and how short do failures become?

Over the buggy programs of tests/bugs (those without asyncio), with the same seeds: executions until each is found by
the rotation of strategies alone, and with hints before it; then switches before and after shrinking, and the time that
it took.

    python bench/check_hints.py [SEEDS]
"""

from __future__ import annotations

import linecache
import math
import sys
from pathlib import Path
from time import perf_counter

from plait._check.explore import Again, Budget, Course, explore, explore_script
from plait._check.investigate import Case, Told, investigate
from plait._check.look import Look
from plait._check.programs.function_program import own_files
from plait._check.programs.program import Script
from plait._check.reading.source import Sources
from plait._check.record import Record
from plait._schedulers.hinted import HintedScheduler
from plait._schedulers.replay import ReplayScheduler
from plait._schedulers.table import make_scheduler

BUGGY = Path(__file__).resolve().parent.parent / "tests" / "bugs" / "buggy"
LIMIT = 300
NOT_FAILURES = ("last_writer_wins", "output_in_completion_order")  # they print something else


def main(seeds: int) -> None:
    names = [path for path in sorted(BUGGY.glob("*.py")) if "async" not in path.stem and path.stem not in NOT_FAILURES]
    alone = [_executions(path, seed, hints=False) for path in names for seed in range(1, seeds + 1)]
    hinted = [_executions(path, seed, hints=True) for path in names for seed in range(1, seeds + 1)]
    print(f"{len(names)} programs, {seeds} seeds, at most {LIMIT} executions")
    print(f"{'':14}{'geomean':>9}{'mean':>9}{'worst':>9}{'missed':>9}")
    for word, counts in (("rotation", alone), ("with hints", hinted)):
        missed = sum(count >= LIMIT for count in counts)
        print(f"{word:14}{_geomean(counts):9.2f}{sum(counts) / len(counts):9.2f}{max(counts):9}{missed:9}")
    print(f"ratio of the means: {sum(hinted) / sum(alone):.2f}")
    shrunk = [found for path in names if (found := _shrunk(path)) is not None]
    before, after, seconds = (list(column) for column in zip(*shrunk, strict=True))
    print(f"switches {sum(before) / len(before):.1f} -> {sum(after) / len(after):.1f} on average")
    print(f"shrinking and explaining: {sum(seconds) / len(seconds):.2f} s on average, {max(seconds):.2f} s at most")


def _executions(path: Path, seed: int, *, hints: bool) -> int:
    scheduler = HintedScheduler(make_scheduler("rotation"), ReplayScheduler)
    look = Look(scheduler.hint if hints else _forget, Sources(linecache.getlines))
    result = explore_script(path, runs=LIMIT, seconds=None, seed=seed, scheduler=scheduler, examine=look)
    return result.coverage.schedules if result.record is not None else LIMIT


def _forget(switches: object) -> None:
    """Nothing is hinted."""


def _shrunk(path: Path) -> tuple[int, int, float] | None:
    """Switches before and after, and seconds."""
    found: list[tuple[int, int, float]] = []
    scheduler = HintedScheduler(make_scheduler("rotation"), ReplayScheduler)
    sources = Sources(linecache.getlines)
    look = Look(scheduler.hint, sources)

    def conclude(record: Record, case: object, again: Again) -> Told:
        began = perf_counter()
        known = case if isinstance(case, Case) else Case(record)
        told = investigate(known, again, lambda: perf_counter() - began < 1, sources)
        found.append((len(record.switches), len(told.record.switches), perf_counter() - began))
        return told

    explore(
        lambda fresh: Script(str(path), (), fresh),
        budget=Budget(LIMIT, None),
        course=Course(scheduler, look, 1),
        mine=own_files(str(path)),
        conclude=conclude,
    )
    return found[0] if found else None


def _geomean(counts: list[int]) -> float:
    return math.exp(sum(map(math.log, counts)) / len(counts))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
