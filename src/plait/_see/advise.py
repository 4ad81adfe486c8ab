"""``plait.advise``: measures a function on every engine and says which suits it, and why it is not faster."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from plait._core.budget import available_cores
from plait._core.coroutines import is_coroutine_function
from plait._core.errors import UsageError
from plait._engines.table import make_engine
from plait._see.advice import Advice
from plait._see.advise_profile import Profile, profile, profile_coroutine
from plait._see.advise_rule import next_workers, pick
from plait._see.advise_trial import Bench, Trial

_SAMPLE = 10_000  # items that are looked at
_THREADS = 64
_CALLS = 1000  # of a coroutine function, at the same time
_SHARES = 14  # into how many parts the time is divided: the profile, and about so many trials


def advise(fn: Callable[..., Any], items: Iterable[Any], /, *, seconds: float = 5.0, total: int | None = None) -> Advice:
    """Which engine and how many workers suit `fn`, found out by running it on all of them, as an `Advice`.

    The function is called with the items, round and round and many times with each: it should be one that may be. What it
    raises at its first calls is raised. Engines are tried one after the other, with more workers as long as these help:
    inline, threads, processes, and interpreters from CPython 3.14 on; of a coroutine function, numbers of calls at a time.
    Whatever is faster, functions that depend on shared memory are never sent to other processes.

    Args:
        fn: called with one item.
        items: the items of the map in question, or some that are like them.
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
    sample = list(islice(items, _SAMPLE))
    if not sample:
        raise UsageError("plait.advise(fn, items): there is no item to measure with; expected one at least")
    count = total or max(len(sample), operator.length_hint(items, 0))
    share = seconds / _SHARES
    awaits = is_coroutine_function(fn)
    measured = (profile_coroutine if awaits else profile)(fn, sample, share)
    cores = available_cores().count
    trials: list[Trial] = []
    for name, most, step in _plan(measured, cores, awaits=awaits):
        trials += _try_out(name, fn, sample, measured, most, step, share)
    picked = pick(trials, count, may_move=not measured.obstacle)
    if picked is None:
        raise UsageError(f"{_name(fn)} could not be measured: {'; '.join(trial.problem for trial in trials)}")
    best = picked.best
    return Advice(
        _name(fn), count, best.engine, best.workers, measured, tuple(trials), picked.break_even, cores
    )


def _plan(measured: Profile, cores: int, *, awaits: bool) -> list[tuple[str, int, int]]:
    """The engines to try, each with the most workers and the factor from one number of them to the next."""
    if awaits:
        return [("async", _CALLS, 10)]
    waits = measured.busy_seconds < measured.seconds / 2
    most = max(2, cores * 4 if waits else cores)
    plan = [("inline", 1, 2), ("thread", _THREADS, 2), ("process", most, 2)]
    if sys.version_info >= (3, 14):
        plan.insert(2, ("interpreter", most, 2))
    return plan


def _try_out(
    name: str, fn: Callable[..., Any], items: Sequence[Any], measured: Profile, most: int, step: int, share: float
) -> list[Trial]:
    """One engine with more and more workers, as long as more help."""
    engine = make_engine(name)
    tried: list[Trial] = []
    try:
        bench = Bench(engine, fn, items, measured.seconds)
        while (workers := next_workers(tried, most, step)) is not None:
            tried.append(bench.run(workers, share))
    finally:
        engine.close()
    return tried


def _name(fn: object) -> str:
    return str(getattr(fn, "__qualname__", None) or type(fn).__qualname__)
