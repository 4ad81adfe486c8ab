"""Is a trace true? Programs whose threads note by their own clocks what they do, beside what the trace says of them.

The error of a thread is the share of its time that the trace puts under another state than the thread itself: 0.01 is
one part in a hundred. The dominant cause is the longest wait, where there is one of a tenth of the time, or else what
it ran. The programs are in _trace_programs.py, those that were written when the tracer was finished in
_trace_held_out.py. What a trace says that processes would take is compared with what they take: _trace_forecasts.py.
Run: python bench/trace_accuracy.py [--rounds N] [--scale S] [--busy N] [--verbose] [NAME ...]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable

from _table import Table
from _trace_forecasts import FORECASTS
from _trace_held_out import HELD_OUT
from _trace_programs import PROGRAMS
from _trace_truth import Truth

import plait
from plait._core.budget import available_cores
from plait._core.trace import WORDS, Lane, State, Trace

_RUNS = (State.PYTHON, State.NATIVE)
CORES = available_cores().count


class Result:
    """The errors of all threads, and whether the dominant cause of each was right."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.right: list[bool] = []

    def add(self, error: float, right: bool) -> None:
        self.errors.append(error)
        self.right.append(right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scale", type=float, default=2.0, help="how long each program is; 1 is about a second")
    parser.add_argument("--busy", type=int, default=0, help="so many processes that compute meanwhile")
    parser.add_argument("--verbose", action="store_true", help="say what was wrong of which thread")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    known = [*(program.__name__ for program in (*PROGRAMS, *HELD_OUT)), *FORECASTS]
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no program is called {unknown[0]!r}; there are {', '.join(map(repr, known))}")
    os.environ["PLAIT_TRACE_SCALE"] = str(options.scale)
    others = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(options.busy)]
    for other in others:
        other.start()
    table = Table(f"what a trace says of threads, and what they say, {options.busy} processes computing beside")
    judge(table, "known programs", PROGRAMS, options)
    judge(table, "held-out programs", HELD_OUT, options)
    for name, case in FORECASTS.items():
        if not options.names or name in options.names:
            foretell(table, name, *case)
    table.show()
    for other in others:
        other.kill()


def judge(
    table: Table, title: str, programs: tuple[Callable[[], list[Truth]], ...], options: argparse.Namespace
) -> None:
    """Rows of the table: each program, and all of them."""
    whole = Result()
    for program in programs:
        if options.names and program.__name__ not in options.names:
            continue
        result = Result()
        for _ in range(options.rounds):
            compare(program, result, options.verbose)
        whole.errors += result.errors
        whole.right += result.right
        row = f"{statistics.fmean(result.errors):.2%} wrong, worst {max(result.errors):.2%}"
        table.add_fact(program.__name__, f"{len(result.errors)} threads", row, "", met=all(result.right))
    if not whole.errors:
        return
    mean, share = statistics.fmean(whole.errors), statistics.fmean(whole.right)
    table.add_fact(title, "mean error", f"{mean:.2%}", "<= 1 %", met=mean <= 0.01)
    right = f"{sum(whole.right)} of {len(whole.right)} ({share:.1%})"
    table.add_fact(title, "dominant cause right", right, ">= 95 %", met=share >= 0.95)


def compare(program: Callable[[], list[Truth]], result: Result, verbose: bool) -> None:
    """Run it once while it is traced."""
    with plait.trace() as trace:
        origin = time.perf_counter()
        truths = program()
    for truth in truths:
        seen = traced(trace, truth, origin)
        error, right = difference(truth, seen)
        result.add(error, right)
        if verbose and (error > 0.01 or not right):
            print(f"  {program.__name__} {truth.who}: {error:.2%}{'' if right else ' WRONG'}", file=sys.stderr)
            print(f"     true {_words(truth.seconds)}\n     seen {_words(seen)}", file=sys.stderr)


def foretell(table: Table, name: str, fn: Callable[[int], int], items: int, workers: int) -> None:
    """What a trace of it on threads says that processes would take, beside what warm ones take, by turns.

    The forecast is for free cores: what the workers were without one is taken off, as the system counts it.
    """
    said, took, free = [], [], []
    with plait.Pool("process", workers=workers) as pool:
        list(plait.map(fn, range(items // 10), engine=pool))
        for _ in range(3):
            with plait.trace() as trace:
                list(plait.map(fn, range(items), engine="thread", workers=workers))
            said.append(trace.facts.get("forecast", trace.seconds))
            with plait.trace() as trace:
                list(plait.map(fn, range(items), engine=pool))
            took.append(trace.seconds)
            there = [trace.times(at) for at, lane in enumerate(trace.lanes) if lane.kind == "worker"]
            lacked = statistics.fmean(times.get(State.CORE, 0.0) for times in there)
            free.append(trace.seconds - max(0.0, lacked - sum(map(_ran, there)) * (1 / CORES - 1 / len(there))))
    ratio = statistics.median(said) / statistics.median(free)
    found = f"foretold {statistics.median(said):.2f} s, took {statistics.median(took):.2f} s, "
    found += f"{statistics.median(free):.2f} s on free cores: {ratio:.2f}"
    table.add_fact(f"processes instead: {name}", "0.75 to 1.33", found, "", met=0.75 <= ratio <= 1.33)


def _ran(times: dict[State, float]) -> float:
    return sum(times.get(state, 0.0) for state in _RUNS)


def traced(trace: Trace, truth: Truth, origin: float) -> dict[State, float]:
    """What the trace says of it, of all its life or the stretches that were measured."""
    for at, lane in enumerate(trace.lanes):
        if truth.who in (lane.tid, lane.name) and (lane.kind == "task") == isinstance(truth.who, str):
            seen = within(trace, lane, truth, origin) if truth.spans else trace.times(at)
            if State.IDLE not in truth.seconds:
                seen.pop(State.IDLE, None)  # a pool's worker between items
            return seen
    return {}


def within(trace: Trace, lane: Lane, truth: Truth, origin: float) -> dict[State, float]:
    """What is drawn in those stretches."""
    seen: dict[State, float] = {}
    for began, ended in truth.spans:
        low, high = (began - origin) * 1e6, (ended - origin) * 1e6
        for start, stop, state, _ in lane.stretches(trace.microseconds):
            seconds = (min(stop, high) - max(start, low)) / 1e6
            if seconds > 0:
                seen[state] = seen.get(state, 0.0) + seconds
    return seen


def difference(truth: Truth, seen: dict[State, float]) -> tuple[float, bool]:
    """The share of the time under another state, and whether the dominant cause is the same."""
    whole = sum(seen.values()) or 1.0
    shares = {state: (truth.seconds.get(state, 0.0) / truth.total, seen.get(state, 0.0) / whole) for state in State}
    error = sum(abs(true - said) for true, said in shares.values()) / 2
    return error, dominant(truth.seconds) == dominant(seen)


def dominant(seconds: dict[State, float]) -> State:
    whole = sum(seconds.values())
    waits = {state: time for state, time in seconds.items() if state not in _RUNS and time >= 0.1 * whole}
    found = waits or seconds or {State.ABSENT: 0.0}
    return max(found, key=lambda state: found[state])


def _words(seconds: dict[State, float]) -> str:
    whole = sum(seconds.values()) or 1.0
    parts = sorted(((time, state) for state, time in seconds.items() if time > 0.002 * whole), reverse=True)
    return f"{whole:.3f} s: " + ", ".join(f"{time / whole:.1%} {WORDS[state]}" for time, state in parts)


def _spin() -> None:
    while True:
        sum(range(1000))


if __name__ == "__main__":
    main()
