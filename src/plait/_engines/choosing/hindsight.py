"""Hindsight: whether the calls after a choice have become others than those that it was made by. Pure.

The first call may import, connect or fill a cache, which no other does; inputs may grow; a cold file is read only once.
"""

from __future__ import annotations

from typing import NamedTuple

from plait._engines.choosing.choice import Choice, Measured, choose

_CALLS = 4  # must have ended
_LONG = 0.02  # seconds that they took
_TIMES = 4  # as dear or as cheap
_HARDLY = 0.25  # of its time computes what waits
_SATURATED = 0.75, 1.2  # cores are busy when threads take the GIL from each other
_LONG_SATURATED = 0.05  # seconds
_WORTH = 0.1  # seconds of work that is left: for less nothing is measured anew


class Ended(NamedTuple):
    """What calls that have ended took until now.

    Attributes:
        now: when that was.
        calls: how many they are.
        seconds: wall time.
        computed: seconds on a core.
        ready: seconds ready for a core that others had, as far as is known.
    """

    now: float
    calls: int
    seconds: float
    computed: float
    ready: float = 0.0

    def since(self, then: Ended) -> Ended:
        return Ended(
            self.now - then.now,
            self.calls - then.calls,
            self.seconds - then.seconds,
            self.computed - then.computed,
            self.ready - then.ready,
        )


class Hindsight:
    """Of one choice. The calls that were in progress when it was made tell nothing new.

    Attributes:
        metered: whether the calls have to be measured. Of what waits they need not before the whole process computes.
        exact: whether it has to know how long threads were ready for a core.
    """

    def __init__(self, measured: Measured, choice: Choice, calls: int) -> None:
        self._measured = measured
        self._choice = choice
        self.exact = choice.engine == "process"
        self.metered = self.exact or not measured.waits
        self._busy: tuple[float, float] | None = None
        self._first = calls
        self._then: Ended | None = None

    def doubts(self, now: Ended, left: int | None, computed: float) -> bool:
        """Whether to choose anew, for so many items that are left; the process has computed for so many seconds."""
        if not self.metered:
            self._suspect(now, computed)
            return False
        if self._then is None:
            if now.calls >= self._first:
                self._then = now
            return False
        later = now.since(self._then)
        if later.calls < _CALLS or later.seconds < _LONG:
            return False
        if left is not None and left * later.seconds / later.calls < _WORTH:
            return False
        return differs(self._measured._replace(left=left), self._choice, later)

    def _suspect(self, now: Ended, computed: float) -> None:
        """Have the calls measured from now on if the process computes all the time."""
        since, before = self._busy or (now.now, computed)
        if self._busy is not None and now.now - since < _LONG_SATURATED:
            return
        self._busy = now.now, computed
        self._first = now.calls  # what is in progress is not measured at all
        self.metered = now.now > since and computed - before >= _SATURATED[0] * (now.now - since)


def differs(measured: Measured, choice: Choice, later: Ended) -> bool:
    """Whether what was chosen by what was measured does not suit what came later.

    >>> first = Measured(calls=1, elapsed=0.1, busy=0.1, gil=0.9, left=100, cores=2)
    >>> differs(first, choose(first), Ended(0.04, calls=4, seconds=0.04, computed=0.002))
    True
    >>> differs(first, choose(first), Ended(0.4, calls=4, seconds=0.4, computed=0.39))
    False
    """
    computed, before = later.computed / later.calls, measured.cost * measured.share
    if choice.engine == "process":
        if later.computed + later.ready < _HARDLY * later.seconds:
            return not measured.waits and measured.share >= 2 * _HARDLY
        return _TIMES * computed <= before and choose(_at(measured, later)).engine != "process"
    if computed < _TIMES * before:
        return False
    if measured.waits:
        cores = later.computed / later.now
        return later.now >= _LONG_SATURATED and _SATURATED[0] <= cores <= _SATURATED[1]
    return choose(_at(measured, later)).engine == "process"


def _at(measured: Measured, later: Ended) -> Measured:
    """The same function, with calls that compute as long as the later ones."""
    computed = later.computed / later.calls
    return measured._replace(calls=1, elapsed=computed / max(measured.share, 0.01), busy=computed)
