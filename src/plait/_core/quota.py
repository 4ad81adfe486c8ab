"""Quota: how many workers all runs of one pool have together, and whose turn it is when there are not enough."""

from __future__ import annotations

from _collections_abc import Callable
from _thread import RLock, get_ident
from math import inf


class Quota:
    """So many workers for however many maps and calls share a pool at the same time. Thread-safe.

    A run that has no worker while all are out stands in line. Whichever run has a worker at leisure next, as after
    each batch, gives that one up, and may stand in line itself: the runs take turns. A run beside which nobody else
    can hear of that, because they all deliver results, whose consumer may be what waits for this run, has one more.

    >>> quota = Quota(1)
    >>> first, second = quota.join(list), quota.join(list)
    >>> first.take(), second.take(), first.is_asked
    (True, False, True)
    >>> first.give()
    >>> first.take(), second.take(), second.is_asked
    (False, True, True)
    """

    def __init__(self, most: float = inf) -> None:
        self._most = most
        self._lock = RLock()  # the garbage collector may end another run while one of these methods runs
        self._out = 0
        self._shares: list[Share] = []
        self._line: list[Share] = []

    def join(self, ring: Callable[[], None]) -> Share:
        """The share of one more run, whose driver `ring` wakes, from any thread."""
        share = Share(self, ring)
        with self._lock:
            self._shares.append(share)
        return share

    @property
    def is_limited(self) -> bool:
        """Whether others may have to wait for a worker."""
        return self._most < inf

    @property
    def is_calm(self) -> bool:
        """Whether nobody waits for a worker."""
        return not self._line

    @property
    def is_full(self) -> bool:
        """Whether all workers are out."""
        return self._out >= self._most


class Share:
    """What one run has of a quota; its driver calls all of this.

    Attributes:
        count: how many workers it has.
        attentive: whether its driver hears what rings, and no consumer has the word.
    """

    __slots__ = ("_alone", "_greedy", "_quota", "_ring", "_thread", "attentive", "count")

    def __init__(self, quota: Quota, ring: Callable[[], None]) -> None:
        self._quota = quota
        self._ring = ring
        self._thread = get_ident()
        self._greedy = self._alone = False
        self.count = 0
        self.attentive = True

    def take(self) -> bool:
        """Whether it may have one more worker now; if it has none, it stands in line from now on."""
        quota = self._quota
        with quota._lock:
            place = quota._line.index(self) if self in quota._line else len(quota._line)
            free = quota._most - quota._out
            alone = free <= 0 and not self.count and self._is_alone(None if self._alone else get_ident())
            if free > place or alone:
                self._alone = False
                self._step_out()
                quota._out += 1
                self.count += 1
                return True
            self._greedy = self.count > 0
            if not self.count and self not in quota._line:
                quota._line.append(self)
                self._call([share for share in quota._shares if share.count])
            return False

    def give(self) -> None:
        """It has one worker fewer, which is there for others."""
        with self._quota._lock:
            self._give(1)

    def step_out(self) -> None:
        """It needs none at the moment."""
        if self._quota._line:
            with self._quota._lock:
                self._step_out()
                self._give(0)

    def leave(self) -> None:
        """The run is over: its workers are there for others."""
        quota = self._quota
        with quota._lock:
            if self in quota._shares:
                quota._shares.remove(self)
                self._step_out()
                self._give(self.count)

    @property
    def waits(self) -> bool:
        """Whether it stands in line."""
        return self in self._quota._line

    @property
    def is_asked(self) -> bool:
        """Whether some other run waits for a worker that this one has."""
        quota = self._quota
        return len(quota._line) > max(0.0, quota._most - quota._out) and self.count > 0

    def lose_patience(self) -> None:
        """Have one more worker next, if there is nobody who could give one up."""
        self._alone = self.waits

    def listens(self, attentive: bool) -> None:
        """Its driver, in this thread, hears what rings from now on, or no longer."""
        self._thread = get_ident()
        self.attentive = attentive

    def _is_alone(self, thread: int | None) -> bool:
        """Whether all others that have workers deliver results; with `thread`, all in this one."""
        others = [share for share in self._quota._shares if share.count and share is not self]
        return not any(share.attentive or (thread is not None and share._thread != thread) for share in others)

    def _step_out(self) -> None:
        if self in self._quota._line:
            self._quota._line.remove(self)

    def _give(self, count: int) -> None:
        quota = self._quota
        quota._out -= count
        self.count -= count
        free = quota._most - quota._out
        if free <= 0:
            return
        if quota._line:
            self._call([share for place, share in enumerate(quota._line) if place < free])
        else:
            self._call([share for share in quota._shares if share._greedy])

    def _call(self, shares: list[Share]) -> None:
        for share in shares:
            share._greedy = False
            if share is not self:
                share._ring()
