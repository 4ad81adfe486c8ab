"""The rule of ``advise``: from what every engine did to the one to use. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from plait._see.advise_trial import Trial

SIMPLEST_FIRST = ("inline", "thread", "async", "interpreter", "process")
REMOTE = ("interpreter", "process")  # their workers have memory of their own
_FAR, _CLOSE = 0.4, 0.8  # of the best: what is measured again of each engine, and beside these
_AS_GOOD = 1.08  # what is slower by less than this is as good when it is simpler


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
        ran = [trial for trial in self.trials if not trial.problem]
        return min(ran, key=lambda trial: (SIMPLEST_FIRST.index(trial.engine), trial.workers))

    @property
    def speed_up(self) -> float:
        """How many times as fast as a loop the best one is."""
        return self.best.per_second / self.loop.per_second


def pick(trials: Sequence[Trial], items: int, *, may_move: bool) -> Pick | None:
    """The trial to follow for so many items; None when nothing ran.

    >>> loop, four = Trial("inline", 1, 100.0), Trial("process", 4, 390.0, start_seconds=0.05)
    >>> pick([loop, four], 1000, may_move=True).best.engine, pick([loop, four], 5, may_move=True).best.engine
    ('process', 'inline')
    >>> pick([loop, four], 1000, may_move=False).best.engine, pick([loop, four], 1000, may_move=True).break_even
    ('inline', 7)
    """
    ran = [trial for trial in trials if trial.per_second and (may_move or trial.engine not in REMOTE)]
    if not ran:
        return None
    least = min(trial.seconds(items) for trial in ran)
    good = [trial for trial in ran if trial.seconds(items) <= _AS_GOOD * least]
    best = min(good, key=lambda trial: (SIMPLEST_FIRST.index(trial.engine), trial.workers))
    return Pick(best, tuple(trials), _break_even(trials), items)


def _break_even(trials: Sequence[Trial]) -> int | None:
    local = max((trial.per_second for trial in trials if trial.engine not in REMOTE), default=0.0)
    found = [
        math.ceil(trial.start_seconds / (1 / local - 1 / trial.per_second))
        for trial in trials
        if trial.engine in REMOTE and local and trial.per_second > _AS_GOOD * local
    ]
    return max(1, min(found)) if found else None


def contenders(trials: Sequence[Trial]) -> list[Trial]:
    """The best of each engine, and the others that come close to the best of all: to be measured again.

    >>> loop, one, two = Trial("inline", 1, 100.0), Trial("thread", 1, 95.0), Trial("thread", 2, 60.0)
    >>> contenders([loop, one, two]) == [loop, one]
    True
    """
    best = max((trial.per_second for trial in trials), default=0.0)
    leaders = {trial.engine: trial for trial in sorted(trials, key=lambda trial: trial.per_second)}
    return [
        trial
        for trial in trials
        if trial.per_second and trial.per_second >= (_FAR if trial is leaders[trial.engine] else _CLOSE) * best
    ]


def next_workers(tried: Sequence[Trial], most: int, step: int = 2) -> int | None:
    """How many workers to try after these; None when more of them would not help.

    >>> next_workers([], 8), next_workers([Trial("thread", 1, 50.0), Trial("thread", 2, 98.0)], 8)
    (1, 4)
    >>> next_workers([Trial("thread", 1, 50.0), Trial("thread", 2, 49.0), Trial("thread", 4, 48.0)], 64) is None
    True
    """
    if not tried:
        return 1
    if tried[-1].problem or tried[-1].workers >= most:
        return None
    rates = [trial.per_second for trial in tried]
    if len(rates) > 2 and max(rates[-2:]) < 1.1 * max(rates[:-2]):
        return None
    return min(most, tried[-1].workers * step)
