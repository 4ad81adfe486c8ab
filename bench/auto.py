"""Do `auto` and `advise` choose what is fastest? Each function runs on every engine, by turns, from a cold start.

A choice is as good as the best when a map that follows it takes at most 1.2 times as long as the fastest engine's, or
5 ms more, by the fastest round of each; what `advise` says is judged by other runs than its own. The functions are in
_auto_work.py.
Run: python bench/auto.py [--rounds N] [--seconds S] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from _auto_cases import CASES, STATEFUL
from _auto_work import adds_one, remembers, sleeps, state_is_right
from _table import Table

import plait

ENGINES = ("inline", "thread", "process")
AS_GOOD = 1.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for advise, each function")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    hits = {"auto": 0, "advise": 0}
    cases = {fn: items for fn, items in CASES.items() if not options.names or fn.__name__ in options.names}
    print(f"Python {sys.version.split()[0]}")
    print(f"{'function':<30} {'inline':>8} {'thread':>8} {'process':>8} {'auto':>8} {'advised':>8}  chose, advised")
    for fn, items in cases.items():
        times, chosen, advised = compare(fn, items, options.rounds, options.seconds)
        best = min(times.values())
        marks = [name for name in hits if times[name] <= max(AS_GOOD * best, best + 0.005)]
        for name in marks:
            hits[name] += 1
        missed = ", ".join(f"{name} {times[name] / best:.2f}x" for name in hits if name not in marks)
        row = " ".join(f"{times[name]:8.3f}" for name in (*ENGINES, "auto", "advise"))
        print(f"{fn.__name__:<30} {row}  {chosen}, {advised}{'  MISSED: ' + missed if missed else ''}", flush=True)
    table = Table("auto and advise beside brute force; as good as the best is within 1.2 times")
    for name, least in (("auto", 0.9), ("advise", 1.0)):
        share = hits[name] / len(cases)
        found = f"{hits[name]} of {len(cases)} ({100 * share:.0f} %)"
        table.add_fact(f"{name} as good as the best", "brute force", found, f">= {least:.0%}", met=share >= least)
    if not options.names:
        broken = [fn.__name__ for fn, items in STATEFUL.items() if not survives(fn, items)]
        table.add_fact("stateful functions broken", f"{len(STATEFUL)} tried", str(len(broken)), "0", met=not broken)
        for fn in (remembers, adds_one, sleeps):
            more, share = cost_of_deciding(fn, {**CASES, **STATEFUL}[fn], options.rounds)
            found, met = f"{1000 * more:.1f} ms, {100 * share:.1f} %", more <= 0.005 or share <= 0.02
            table.add_fact(f"CPU to decide, {fn.__name__}", "threads", found, "<= 2 % or 5 ms", met=met)
    table.show()


def compare(fn: Callable[..., Any], items: list[Any], rounds: int, seconds: float) -> tuple[dict[str, float], str, str]:
    """The fastest time of every contender, and what `auto` and `advise` chose."""
    advice = plait.advise(fn, items, seconds=seconds)
    times = dict.fromkeys((*ENGINES, "auto", "advise"), float("inf"))
    chosen = ""
    for _ in range(rounds):
        for name in times:
            options: dict[str, Any] = {"engine": name}
            if name == "advise":
                options = {"engine": advice.engine, "workers": advice.workers}
            began = time.perf_counter()
            with plait.map(fn, items, **options) as stream:
                for _ in stream:
                    pass
            times[name] = min(times[name], time.perf_counter() - began)
            if name == "auto":
                chosen = stream.report.engine
    return times, chosen, f"{advice.engine} {advice.workers}"


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
