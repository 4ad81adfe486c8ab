"""Do `auto` and `advise` choose what is fastest? Each function runs on every engine, by turns, from a cold start.

A choice is as good as the best when a map that follows it takes at most 1.2 times as long as the fastest engine's, or
5 ms more, by the median of the rounds, less what its workers had to wait for cores that other programs had; what
`advise` says is judged by other runs than its own. Processes are no contender where a function uses an object of the
program that can be changed. The functions are in _auto_work.py, and those that the rules were not made with in
_auto_unseen.py. With --results and --stop it runs in pieces: what the file has of this Python is not measured again,
and the table is of all that is in it.
Run: python bench/auto.py [--set known|unseen] [--results FILE [--stop SECONDS]] [--rounds N] [--seconds S] [NAME ...]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _auto_cases import CASES, STATEFUL, UNSEEN
from _auto_work import adds_one, remembers, sleeps, state_is_right
from _table import Table

import plait
from plait._core.budget import available_cores
from plait._engines.core_wait import core_times
from plait._engines.facts import descendants
from plait._see.advise.load import between, unhindered

ENGINES = ("inline", "thread", "process")
TARGETS = {"auto": 0.9, "advise": 1.0}
SETS = {"known": CASES, "unseen": UNSEEN}
AS_GOOD = 1.2
_SECONDS = 1.5  # a function whose slowest map takes less time gets more rounds, up to
_MOST_ROUNDS = 3  # times as many
PYTHON = sys.version.split()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="for advise, each function; as by default")
    parser.add_argument("--set", choices=SETS, help="of functions; by default both")
    parser.add_argument("--results", type=Path, help="a file that results are added to")
    parser.add_argument("--stop", type=float, default=float("inf"), help="seconds after which no function is begun")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    known = [fn.__name__ for name, cases in SETS.items() if options.set in (None, name) for fn in cases]
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no function is called {unknown[0]!r}; there are {', '.join(known)}")
    began = time.perf_counter()
    wanted = [
        (name, fn)
        for name, cases in SETS.items()
        if options.set in (None, name)
        for fn in cases
        if not options.names or fn.__name__ in options.names
    ]
    rows = {(row["set"], row["function"]): row for row in saved(options.results)}
    print(f"Python {PYTHON}")
    print(f"{'function':<30} {'inline':>8} {'thread':>8} {'process':>8} {'auto':>8} {'advised':>8}  chose, advised")
    for which, fn in wanted:
        if (which, fn.__name__) not in rows:
            if time.perf_counter() - began > options.stop:
                break
            row = {"python": PYTHON, "set": which, "function": fn.__name__}
            row.update(compare(fn, SETS[which][fn], options.rounds, options.seconds))
            rows[which, fn.__name__] = row
            if options.results:
                with options.results.open("a", encoding="utf-8") as file:
                    print(json.dumps(row), file=file)
        show(rows[which, fn.__name__])
    whole = not options.names and all((which, fn.__name__) in rows for which, fn in wanted)
    summarise([row for key, row in rows.items() if any(key == (which, fn.__name__) for which, fn in wanted)])
    if whole and not options.results:
        decide(options.rounds)


def saved(results: Path | None) -> list[dict[str, Any]]:
    """What a file has of this Python."""
    if results is None or not results.exists():
        return []
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["python"] == PYTHON]


def compare(fn: Callable[..., Any], items: Any, rounds: int, seconds: float) -> dict[str, Any]:
    """The time of every contender, what `auto` and `advise` chose, and how much of the wall time others took."""
    advice = plait.advise(fn, items, seconds=seconds)
    taken: dict[str, list[float]] = {name: [] for name in (*ENGINES, *TARGETS)}
    walls, chosen, why = [], "", ""
    names, spent = list(taken), 0.0
    while len(taken["auto"]) < rounds or (spent < _SECONDS and len(taken["auto"]) < _MOST_ROUNDS * rounds):
        names = [*names[1:], names[0]]  # who comes after whom matters on a machine that others use
        for name in names:
            times = taken[name]
            options: dict[str, Any] = {"engine": name}
            if name == "advise":
                options = {"engine": advice.engine, "workers": advice.workers}
            wall, own, report = run(fn, items, options)
            times.append(own)
            walls.append(1 - own / wall)
            if name == "auto":
                chosen, why = report.engine, report.why[0]
        spent += max(times[-1] for times in taken.values())
    return {
        "times": {name: statistics.median(times) for name, times in taken.items()},
        "chose": chosen,
        "why": why,
        "obstacle": advice.profile.obstacle,
        "advised": f"{advice.engine} {advice.workers}",
        "hindered": statistics.mean(walls),
    }


def run(fn: Callable[..., Any], items: Any, options: dict[str, Any]) -> tuple[float, float, plait.Report]:
    """The wall time of a map, the same without what others had of the cores, and its report."""
    left, after, looked = sum(1 for _ in items), {}, 0.0
    before, began = core_times(os.getpid()), time.perf_counter()
    with plait.map(fn, items, **options) as stream:
        for _ in stream:
            left -= 1
            if not left:  # its workers are still there
                last = time.perf_counter()
                after = core_times(os.getpid())
                for pid in descendants():
                    after.update(core_times(pid))
                looked = time.perf_counter() - last
    wall = time.perf_counter() - began - looked
    taken = between(before, after, threading.get_native_id())
    if stream.report.engine == "thread":
        taken = taken._replace(driver_waited=0.0)
    return wall, unhindered(wall, taken, available_cores().count, 0.0), stream.report


def missed(row: dict[str, Any]) -> dict[str, float]:
    """Which of the two was not as good as the best engine that means the same, and by what factor."""
    times = row["times"]
    best = min(times[name] for name in ENGINES if name != "process" or not row["obstacle"])
    return {name: times[name] / best for name in TARGETS if times[name] > max(AS_GOOD * best, best + 0.005)}


def show(row: dict[str, Any]) -> None:
    """One line for one function."""
    figures = " ".join(f"{row['times'][name]:8.3f}" for name in (*ENGINES, *TARGETS))
    misses = ", ".join(f"{name} {times:.2f}x" for name, times in missed(row).items())
    end = f"  MISSED: {misses} ({row['why']})" if misses else ""
    others = f"  (others had {row['hindered']:.0%})" if row["hindered"] > 0.1 else ""
    print(f"{row['function']:<30} {figures}  {row['chose']}, {row['advised']}{others}{end}", flush=True)


def summarise(rows: list[dict[str, Any]]) -> None:
    """The table of how often each of the two was as good as the best."""
    table = Table("auto and advise beside brute force; as good as the best is within 1.2 times")
    for which in SETS:
        of_set = [row for row in rows if row["set"] == which]
        for name, least in TARGETS.items() if of_set else ():
            good = sum(name not in missed(row) for row in of_set)
            share = good / len(of_set)
            found = f"{good} of {len(of_set)} ({100 * share:.0f} %)"
            what = f"{name} as good as the best, {which} functions"
            table.add_fact(what, "brute force", found, f">= {least:.0%}", met=share >= least)
    table.show()


def decide(rounds: int) -> None:
    """What becomes of shared state, and what deciding costs."""
    table = Table("auto: what it must not break, and what it costs")
    broken = [fn.__name__ for fn, items in STATEFUL.items() if not survives(fn, items)]
    table.add_fact("stateful functions broken", f"{len(STATEFUL)} tried", str(len(broken)), "0", met=not broken)
    for fn in (remembers, adds_one, sleeps):
        more, share = cost_of_deciding(fn, {**CASES, **STATEFUL}[fn], rounds)
        found, met = f"{1000 * more:.1f} ms, {100 * share:.1f} %", more <= 0.005 or share <= 0.02
        table.add_fact(f"CPU to decide, {fn.__name__}", "threads", found, "<= 2 % or 5 ms", met=met)
    table.show()


def cost_of_deciding(fn: Callable[..., Any], items: list[Any], rounds: int) -> tuple[float, float]:
    """Processor seconds that a map which stays on threads takes more when it has to find that out, and their share."""
    took: dict[str, list[float]] = {"thread": [], "auto": []}
    for _ in range(2 * rounds + 1):
        for name, times in took.items():
            began = time.process_time()
            for _ in plait.map(fn, items, engine=name):
                pass
            times.append(time.process_time() - began)
            if fn in STATEFUL:
                state_is_right(fn, items)
    least = min(took["thread"])
    more = max(0.0, min(took["auto"]) - least)
    return more, more / least


def survives(fn: Callable[..., Any], items: list[Any]) -> bool:
    """Whether shared memory is, after a map that chose by itself, as it is after a loop."""
    for _ in plait.map(fn, items):
        pass
    return state_is_right(fn, items)


if __name__ == "__main__":
    main()
