"""``plait.advise``: measures a function on every engine and says which suits it, and why it is not faster."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

from plait._core.budget import available_cores
from plait._core.coroutines import is_coroutine_function
from plait._core.errors import UsageError
from plait._engines.choosing.choice import start_seconds
from plait._engines.choosing.needs import modules_with
from plait._engines.table import make_engine
from plait._see.advise.advice import Advice
from plait._see.advise.profile import Profile, profile, profile_coroutine
from plait._see.advise.rule import contenders, enough_workers, knowing_one_call, next_workers, pick, weigh
from plait._see.advise.sample import sample
from plait._see.advise.trial import Bench, Trial

_SAMPLE = 10_000  # items that are looked at
_THREADS = 64
_CALLS = 1000  # of a coroutine function, at the same time
_SHARES = 20  # into how many parts the time is divided: the profile, and about so many trials
_ROUNDS = 2  # in which the best are measured again


def advise(
    fn: Callable[..., Any], items: Iterable[Any], /, *, seconds: float = 5.0, total: int | None = None
) -> Advice:
    """Which engine and how many workers suit `fn`, found out by running it on all of them, as an `Advice`.

    The function is called with the items, round and round and many times with each: it should be one that may be. What
    it raises at its first calls is raised. Engines are tried one after the other, with more workers as long as these
    help: inline, threads, processes, and interpreters from CPython 3.14 on; of a coroutine function, calls at a time.
    Whatever is faster, functions that depend on shared memory are never sent to other processes.

    Args:
        fn: called with one item.
        items: the items of the map in question, or some that are like them. Up to 10,000 are looked at: of a sequence
            some from all over it, else the first ones; not in their order, so that some of each kind come early.
        seconds: about how long to measure, in all; no call is cut short, so that slow functions take longer.
        total: how many items the map will have; by default as many as there are here.

    Raises:
        UsageError: there is no item, or an argument that cannot mean anything.

    >>> import plait
    >>> found = plait.advise(abs, range(-100, 0), seconds=0.5)
    >>> found.engine, found.workers
    ('inline', 1)
    """
    if not callable(fn):
        raise UsageError(f"plait.advise({fn!r}, ...): expected a function first, then what to call it with")
    if not 0 < seconds < float("inf"):
        raise UsageError(f"seconds={seconds!r}: expected how long to measure, more than 0")
    if total is not None and total < 1:
        raise UsageError(f"total={total!r}: expected how many items the map will have, or None")
    looked_at = sample(items, _SAMPLE)
    if not looked_at:
        raise UsageError("plait.advise(fn, items): there is no item to measure with; expected one at least")
    count = total or max(len(looked_at), operator.length_hint(items, 0))
    share = seconds / _SHARES
    awaits = is_coroutine_function(fn)
    measured = (profile_coroutine if awaits else profile)(fn, looked_at, share)
    cores = available_cores().count
    with ExitStack() as stack:
        lines = [
            _Line(_open(stack, name, fn, looked_at, measured, cores), most, step, enough_workers(name, measured, cores))
            for name, most, step in _plan(measured, cores, count, awaits=awaits)
        ]
        trials = _try_out(lines, share)
    single = [trial.hindered for trial in trials if trial.workers <= cores]
    measured = replace(measured, hindered=median([measured.hindered, *single]))
    if not awaits:
        trials = weigh(trials, measured, cores, start_seconds(modules_with(fn, len(sys.modules))))
    trials = knowing_one_call(trials)
    picked = pick(trials, count, measured)
    if picked is None:
        raise UsageError(f"{_name(fn)} could not be measured: {'; '.join(trial.problem for trial in trials)}")
    best = picked.best
    return Advice(_name(fn), count, best.engine, best.workers, measured, tuple(trials), picked.break_even, cores)


class _Line(NamedTuple):
    """An engine to try: with at most so many workers, the factor between two numbers of them, and how many it takes."""

    bench: Bench
    most: int
    step: int
    enough: float


def _plan(measured: Profile, cores: int, count: int, *, awaits: bool) -> list[tuple[str, int, int]]:
    """The engines to try, each with the most workers and the factor from one number of them to the next."""
    if awaits:
        return [("async", min(_CALLS, count), 10)]
    threads = min(_THREADS, count)
    most = min(max(2, count), max(2, cores * 4 if measured.waits else cores))
    plan = [("inline", 1, 2), ("thread", threads, 2), ("process", most, 2)]
    if measured.one_at_a_time:  # nor do interpreters help: they are in this process
        return [line for line in plan if line[0] != "thread"]
    if sys.version_info >= (3, 14):
        plan.insert(2, ("interpreter", most, 2))
    return plan


def _open(
    stack: ExitStack, name: str, fn: Callable[..., Any], items: Sequence[Any], measured: Profile, cores: int
) -> Bench:
    engine = make_engine(name)
    stack.callback(engine.close)
    return Bench(engine, fn, items, measured, cores)


def _try_out(lines: Sequence[_Line], share: float) -> list[Trial]:
    """Every engine with more and more workers, as long as more help; then those again that came close, by turns."""
    tried: list[tuple[Bench, Trial]] = []
    for bench, most, step, enough in lines:
        own: list[Trial] = []
        while (workers := next_workers(own, most, step, enough)) is not None:
            own.append(bench.run(workers, share))
        tried += [(bench, trial) for trial in own]
    close = contenders([trial for _, trial in tried])
    for _ in range(_ROUNDS):
        for bench, trial in tried:
            if trial in close:
                bench.repeat(trial, share)
    return [trial for _, trial in tried]


def _name(fn: object) -> str:
    return str(getattr(fn, "__qualname__", None) or type(fn).__qualname__)
