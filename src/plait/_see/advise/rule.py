"""The rule of ``advise``: from what every engine did to the one to use. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from plait._see.advise.forecast import REMOTE, forecast, wants_core, weighed
from plait._see.advise.profile import BUSY, Profile
from plait._see.advise.trial import Trial

SIMPLEST_FIRST = ("inline", "thread", "async", "interpreter", "process")
_FAR, _CLOSE = 0.25, 0.8  # of the best: what is measured again of each engine, and beside these
_WORTH = 0.002  # seconds that an engine must save in all, or the simpler one will do
_AS_GOOD = 1.08  # what is slower by less than this is as good when it is simpler
_CLEARLY = 1.15  # how much better an engine must be of which it would be a surprise


class Pick(NamedTuple):
    """The trial that is advised.

    Attributes:
        best: it.
        trials: all of them.
        break_even: from how many items on engines with memory of their own pay for their start; None if never.
        items: for how many items it is advised.
    """

    best: Trial
    trials: Sequence[Trial]
    break_even: int | None
    items: int

    @property
    def loop(self) -> Trial:
        """The trial that stands for a plain loop."""
        return _loop(self.trials)

    @property
    def speed_up(self) -> float:
        """How many times as fast as a loop the best is for these items, start included: no more than there are."""
        return self.loop.seconds(self.items) / self.best.seconds(self.items)


def _loop(trials: Sequence[Trial]) -> Trial:
    ran = [trial for trial in trials if not trial.problem]
    return min(ran, key=lambda trial: (SIMPLEST_FIRST.index(trial.engine), trial.workers))


def pick(trials: Sequence[Trial], items: int, profile: Profile) -> Pick | None:
    """The trial to follow for so many items; None when nothing ran.

    The simplest, unless another is better by more than measurements differ. What one call is like says which engines
    can be better at all: from another kind of engine more is expected, and that in every round.

    >>> computes = Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=0.97)
    >>> loop, four = Trial("inline", 1, 100.0), Trial("process", 4, 390.0, start_seconds=0.05)
    >>> pick([loop, four], 1000, computes).best.engine, pick([loop, four], 5, computes).best.engine
    ('process', 'inline')
    >>> shares = Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=0.97, obstacle='"seen" is shared')
    >>> pick([loop, four], 1000, shares).best.engine, pick([loop, four], 1000, shares).break_even
    ('inline', 7)
    """
    ran = sorted(
        (trial for trial in trials if trial.per_second and not (profile.obstacle and trial.engine in REMOTE)),
        key=lambda trial: (SIMPLEST_FIRST.index(trial.engine), trial.workers),
    )
    if not ran:
        return None
    best = ran[0]
    for trial in ran[1:]:
        if _is_better(trial, best, items, profile):
            best = trial
    return Pick(best, tuple(trials), _break_even(trials, profile), items)


def _is_better(trial: Trial, simpler: Trial, items: int, profile: Profile) -> bool:
    if simpler.seconds(items) - trial.seconds(items) < _WORTH:
        return False
    if trial.engine == "thread" and trial.workers == 1:
        return False  # it does what the loop does; that was held up by other programs
    gain = simpler.seconds(items) / trial.seconds(items)
    if profile.waits and not profile.runs_children and trial.engine == simpler.engine == "thread":
        return gain > 1  # more of them are what it takes, cost nothing, and are started only while they help
    if not _is_surprising(trial, simpler, profile):
        return gain > _AS_GOOD
    clearly = _CLEARLY * (1 + profile.hindered)  # the busier the machine, the less a measurement says
    return gain > clearly and all(now > then for now, then in zip(trial.rounds, simpler.rounds, strict=False))


def _is_surprising(trial: Trial, simpler: Trial, profile: Profile) -> bool:
    """Whether this cannot well be faster, for a function such as this one."""
    if trial.engine in REMOTE:
        return profile.shares_well and simpler.engine not in REMOTE
    return profile.holds and trial.workers > 1


def weigh(trials: Sequence[Trial], profile: Profile, cores: int, start: float) -> list[Trial]:
    """The trials with what to believe of each: the busier the machine was, the more what one call is like.

    `start` is what the start of workers with memory of their own should take: the one measurement that there is of it
    tells nothing on a busy machine.

    >>> computes = Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=1.0, hindered=0.5)
    >>> loop, two = weigh([Trial("inline", 1, 90.0), Trial("process", 2, 150.0, 0.4)], computes, 2, start=0.1)
    >>> round(loop.per_second), round(two.per_second), two.start_seconds
    (97, 186, 0.1)
    """
    return [_weighed(trial, profile, cores, start) for trial in trials]


def knowing_one_call(trials: Sequence[Trial]) -> list[Trial]:
    """The trials, each with what one call takes in a loop.

    >>> loop, many = knowing_one_call([Trial("async", 1, 100.0), Trial("async", 1000, 69500.0)])
    >>> many.seconds(60), loop.seconds(60)
    (0.01, 0.6)
    """
    if all(trial.problem for trial in trials):
        return list(trials)
    return [replace(trial, call_seconds=1 / _loop(trials).per_second) for trial in trials]


def _weighed(trial: Trial, profile: Profile, cores: int, start: float) -> Trial:
    expected = forecast(trial.engine, trial.workers, profile, cores)
    most = start if trial.engine in REMOTE else 0.0
    hindered = max(profile.hindered, trial.hindered) * wants_core(profile, trial.per_second)
    return replace(
        trial,
        per_second=weighed(trial.per_second, expected, hindered),
        start_seconds=min(trial.start_seconds, most) if hindered > BUSY else trial.start_seconds,
    )


def _break_even(trials: Sequence[Trial], profile: Profile) -> int | None:
    if profile.shares_well:  # threads will do
        return None
    local = max((trial.per_second for trial in trials if trial.engine not in REMOTE), default=0.0)
    found = [
        math.ceil(trial.start_seconds / (1 / local - 1 / trial.per_second))
        for trial in trials
        if trial.engine in REMOTE and local and trial.per_second > _AS_GOOD * local
    ]
    return max(1, min(found)) if found else None


def contenders(trials: Sequence[Trial]) -> list[Trial]:
    """The best of each engine, and the others that come close to the best of all: to be measured again.

    So are workers with memory of their own that did less than fewer of them, which cannot well be.

    >>> loop, one, two = Trial("inline", 1, 100.0), Trial("thread", 1, 95.0), Trial("thread", 2, 60.0)
    >>> contenders([loop, one, two]) == [loop, one]
    True
    >>> one, two = Trial("process", 1, 95.0), Trial("process", 2, 60.0)
    >>> contenders([loop, one, two]) == [loop, one, two]
    True
    """
    best = max((trial.per_second for trial in trials), default=0.0)
    leaders = {trial.engine: trial for trial in sorted(trials, key=lambda trial: trial.per_second)}
    return [
        trial
        for trial in trials
        if trial.per_second
        and (
            trial.per_second >= (_FAR if trial is leaders[trial.engine] else _CLOSE) * best
            or (trial.engine in REMOTE and trial.workers > leaders[trial.engine].workers)
        )
    ]


def next_workers(tried: Sequence[Trial], most: int, step: int = 2, enough: float = 1.0) -> int | None:
    """How many workers to try after these; None when more of them would not help.

    As many as should be `enough` are tried in any case, since on a busy machine a single measurement says little.

    >>> next_workers([], 8), next_workers([Trial("thread", 1, 50.0), Trial("thread", 2, 98.0)], 8)
    (1, 4)
    >>> flat = [Trial("thread", 1, 50.0), Trial("thread", 2, 49.0), Trial("thread", 4, 48.0)]
    >>> next_workers(flat, 64), next_workers(flat, 64, enough=20)
    (None, 8)
    """
    if not tried:
        return 1
    if tried[-1].problem or tried[-1].workers >= most:
        return None
    rates = [trial.per_second for trial in tried]
    if tried[-1].workers >= enough and len(rates) > 2 and max(rates[-2:]) < 1.1 * max(rates[:-2]):
        return None
    return min(most, tried[-1].workers * step)


def enough_workers(engine: str, profile: Profile, cores: int) -> float:
    """From how many workers on no more can help, going by what one call is like.

    >>> waits = Profile(calls=100, seconds=0.002, busy_seconds=0.0001, cores=0.1, gil=0.02)
    >>> enough_workers("thread", waits, 2), enough_workers("process", waits, 2)
    (40.0, 2)
    """
    if engine in REMOTE or not profile.waits:
        return cores
    return cores * profile.seconds / max(profile.busy_seconds + profile.children_seconds, 1e-9)
