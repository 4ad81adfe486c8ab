"""Seen: what the threads of a run have spent on its items until now, and what that says of them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from plait._engines.choosing.measuring_gil import Heard

BRIEF = 0.001  # seconds of calls that say what they are like, when there were enough of them,
_ENOUGH_CALLS = 256
ALONE = 0.02  # when there were two, on one thread,
_LONG_ALONE = 0.06  # when there was one;
HINDERED = 10  # times longer all this may take when others have the cores
RACED_CALLS = 4  # so many must have ended for what a call costs in the race to tell something,
_MANY_RACED = 32  # and so many to tell early that
_LOST = 0.8  # of the work of one is all that two do
_HOLDS = 0.5  # the share of the time with the GIL in hand from which on it does not count as waiting
_WAITS_AFTER = 0.002  # seconds after which a function that has hardly computed is taken for one that waits, when
WAITING_CALLS = 2  # so many calls have ended, or one has waited for ALONE


class Seen(NamedTuple):
    """What all threads together have spent until now.

    Attributes:
        now: when that was.
        calls: how many calls have ended.
        seconds: wall time of them and of those in progress.
        computed: seconds on a core.
        ready: seconds ready for a core that was not free.
        gil: the share of the time in which somebody held the GIL.
        doubtful: whether it seems to wait, but only because it may be waiting for a core.
        tiny: seconds of one call, if calls cost next to nothing.
        settled: seconds on a core of the calls that have ended, if that is known apart.
        inside: wall time of these, if that is known apart.
    """

    now: float
    calls: int
    seconds: float
    computed: float
    ready: float
    gil: float
    doubtful: bool = False
    tiny: float | None = None
    settled: float | None = None
    inside: float | None = None

    @property
    def busy(self) -> float:
        """Seconds in which they had a core, or would have had one if nobody else had."""
        return self.computed + self.ready

    @property
    def ended(self) -> float:
        """Seconds on a core of the calls that have ended."""
        return self.computed if self.settled is None else self.settled

    @property
    def of_ended(self) -> Seen:
        """The same of nothing but the calls that have ended, if any has: a call in progress says not what one costs."""
        if not self.calls or self.inside is None or not 0 < self.inside < self.seconds:
            return self
        part = self.inside / self.seconds
        return self._replace(seconds=self.inside, computed=self.ended, ready=self.ready * part)

    def at_the_pace_since(self, start: Seen) -> Seen:
        """The same calls, had each of them cost what those cost that have ended since then; the GIL as at that time.

        >>> first = Seen(0.1, calls=10, seconds=2.0, computed=2.0, ready=0.0, gil=0.4, settled=2.0, inside=2.0)
        >>> first._replace(calls=20, seconds=3.0, settled=2.75, inside=3.0).at_the_pace_since(first)[1:4]
        (20, 2.0, 1.5)
        """
        if start.inside is None or self.inside is None or self.calls <= start.calls:
            return self
        more = self.calls / (self.calls - start.calls)
        seconds = more * (self.inside - start.inside)
        computed = more * (self.ended - start.ended)
        ready = more * (self.ready - start.ready)
        return self._replace(
            seconds=seconds, computed=computed, ready=ready, gil=start.gil, settled=computed, inside=seconds
        )

    @property
    def unhindered(self) -> float:
        """Seconds it would have taken if nobody else had had the cores."""
        return min(self.seconds, max(self.seconds - self.ready, self.computed))

    @property
    def enough(self) -> bool:
        """Whether what was seen on one thread says what the function is like."""
        limit = BRIEF if self.calls >= _ENOUGH_CALLS else ALONE if self.calls >= 2 else _LONG_ALONE
        return self.unhindered >= limit or self.seconds >= HINDERED * limit

    @property
    def waits(self) -> bool:
        """Whether it mostly waits for something else than a core or the GIL."""
        return self.seconds >= _WAITS_AFTER and self.seems_to_wait and self.own_gil < _HOLDS and not self.doubtful

    @property
    def computes(self) -> bool:
        """Whether it surely does not wait for anything but a core or the GIL."""
        return self.own_gil >= _HOLDS or not (self.seems_to_wait or self.doubtful)

    @property
    def own_gil(self) -> float:
        """The share of the time in which it held the GIL, or would have, if it had had a core."""
        return Heard(self.gil * self.seconds, self.seconds).unhindered(self.computed, self.ready)

    @property
    def surely_waits(self) -> bool:
        """Whether that is known of whole calls, or of one that lasts."""
        return self.waits and (self.calls >= WAITING_CALLS or self.seconds >= ALONE)

    @property
    def seems_to_wait(self) -> bool:
        return self.computed < self.unhindered / 2


def race_speed(alone: Seen, start: Seen, end: Seen) -> float:
    """How much more two threads did, from start to end, than one would have done in the same time. Pure.

    That is the cores they kept busy, less what a call cost more than alone, and divided by what one would have kept
    busy. When too few calls have ended, nobody knows what one cost, and only the cores count. Having to wait for a core
    is others' doing and counts as having had it.

    >>> alone = Seen(0.1, calls=10, seconds=0.1, computed=0.1, ready=0.0, gil=0.1)
    >>> end = Seen(0.2, calls=30, seconds=0.3, computed=0.3, ready=0.0, gil=0.1)
    >>> race_speed(alone, alone, end)
    2.0
    """
    share = min(1.0, alone.busy / alone.seconds) if alone.seconds else 1.0
    speed = (end.busy - start.busy) / (end.now - start.now) / max(share, 0.01)
    raced, computed = end.calls - start.calls, end.ended - start.ended
    if raced >= RACED_CALLS and alone.calls and computed > 0:
        speed *= (alone.ended / alone.calls) / (computed / raced)
    return min(speed, 2.0)  # what one call alone costs is known too well or too badly to tell more


def is_lost(alone: Seen, start: Seen, end: Seen) -> bool:
    """Whether two threads clearly do less than one, so that the race need not go on. Pure.

    >>> alone = Seen(0.1, calls=100, seconds=0.1, computed=0.1, ready=0.0, gil=0.1)
    >>> end = Seen(0.11, calls=140, seconds=0.12, computed=0.2, ready=0.0, gil=0.1)
    >>> is_lost(alone, alone, end._replace(now=0.2)), is_lost(alone, alone, end)
    (True, False)
    """
    return end.calls - start.calls >= _MANY_RACED and race_speed(alone, start, end) < _LOST
