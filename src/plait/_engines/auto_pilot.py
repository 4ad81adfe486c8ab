"""Pilot: measures the first items of a map while they run on threads, first on one, and on two if it takes a race.

As long as it measures it also says when threads are added, which is what makes the measurements mean something. It
decides in the driver's thread, so that nobody has to be asked. The rule itself is `choice`.
"""

from __future__ import annotations

import sys
import time
from _collections_abc import Callable

from plait._core.budget import available_cores
from plait._core.job import Job
from plait._engines.choice import TINY, Choice, Measured, choose, is_worth_asking_again, wants_race
from plait._engines.growth import Growth
from plait._engines.measuring_calls import CallMeter
from plait._engines.measuring_gil import Canary
from plait._engines.measuring_transfer import measure_transfer

ENOUGH_CALLS = 256
_TINY_CALLS = 64  # who takes so little time for each of them need not be measured any further
_BRIEF = 0.001  # seconds of calls, when there were enough
_ALONE = 0.02  # seconds of calls on one thread, when there were two of them
_LONG_ALONE = 0.06  # the same, when there was one
_WAITS_AFTER = 0.002  # seconds after which a function that has not computed is given more threads
_RACE = 0.025  # seconds that two threads run side by side
_RACED_CALLS = 8  # from so many on, what a call costs in the race tells something
_PATIENCE = 2.0  # seconds after which nobody waits for the first call any more
_CALM = 0.0004  # seconds between two looks


class Pilot:
    """Watches the first calls of a job, made with `call`, chooses the engine for the others and has `settle` know.

    Attributes:
        meter: what the threads call meanwhile.
        choice: what was decided, or None as long as nothing is.
    """

    def __init__(self, job: Job, call: Callable[..., object], settle: Callable[[Choice], None]) -> None:
        self._job = job
        self._fn = job.fn
        self._settle = settle
        self._canary: Canary | None = None
        self._cores = 0
        self._looked = 0.0
        self._alone: tuple[int, float, float, float] | None = None  # calls, seconds, busy, and the GIL's share
        self._race: tuple[float, int, float] | None = None  # when it began, and calls and busy seconds until then
        self.meter = CallMeter(call)
        self.choice: Choice | None = None

    def growth(self, ceiling: int, cores: int, late_limit: float) -> Growth:
        """The growth of the threads of a run that this pilot watches."""
        self._cores = cores
        return PilotGrowth(ceiling, cores, late_limit, self)

    def end(self) -> None:
        """Stop measuring."""
        if self._canary is not None:
            self._canary.join()
        self.meter.samples.clear()

    def threads_wanted(self) -> int | None:
        """How many threads there should be now; None for as many as help."""
        if self.choice is not None:
            return None if self.choice.engine == "thread" else 0
        if self._race is not None:
            return 2
        _, seconds, busy = self._spent()
        if seconds >= _WAITS_AFTER and busy < seconds / 2 and self._gil < 0.5:
            return None
        return 1 if seconds < _PATIENCE else None

    def look(self) -> None:
        """Decide, if that makes sense now."""
        now = time.perf_counter()
        if self.choice is not None or now - self._looked < _CALM:
            return
        self._looked = now
        calls, seconds, busy = self._spent()
        if self._canary is None:
            if calls >= _TINY_CALLS and seconds < calls * TINY:
                self._decide(calls, seconds, busy, now)
            elif seconds >= _BRIEF / 2:
                self._canary = Canary()
            return
        if self._race is None and not _knows_enough(calls, seconds):
            return
        if self._race is None and len(self.meter.threads) == 1 and wants_race(self._measured(calls, seconds, busy)):
            self._alone = calls, seconds, busy, self._gil
            self._race = 0.0, 0, 0.0
        if self._race is not None and not self._is_raced(now, calls, busy):
            return
        self._decide(calls, seconds, busy, now)

    @property
    def _gil(self) -> float:
        return self._canary.waiting if self._canary is not None else 0.0

    def _spent(self) -> tuple[int, float, float]:
        """Calls that have ended, seconds in calls, and those of them that were spent computing; of all threads."""
        now = time.perf_counter()
        threads = list(self.meter.threads.values())
        calls, seconds = sum(spent.calls for spent in threads), sum(spent.seconds(now) for spent in threads)
        return calls, seconds, sum(spent.busy for spent in threads)

    def _is_raced(self, now: float, calls: int, busy: float) -> bool:
        """Whether two threads have run side by side for long enough."""
        assert self._race is not None
        began, _, _ = self._race
        if not began:
            if len(self.meter.threads) > 1:
                self._race = now, calls, busy
            elif not self._job.feed.ready:  # nobody is there to race against
                self._race = None
                return True
            return False
        return now - began >= _RACE

    def _decide(self, calls: int, seconds: float, busy: float, now: float) -> None:
        measured = self._measured(calls, seconds, busy)
        if self._race is not None and self._alone is not None:
            alone_calls, alone_seconds, alone_busy, gil = self._alone
            measured = self._measured(alone_calls, alone_seconds, alone_busy)._replace(
                gil=gil, race=_speed(self._race, self._alone, calls, busy, now)
            )
        choice = choose(measured)
        if choice.engine == "process":
            if not self.meter.samples:
                return  # the first call has not ended, so nobody knows what it returns
            choice = self._if_it_may_move(measured, choice)
        if is_worth_asking_again(choice, measured):
            return
        self.choice = choice
        if self._canary is not None:
            self._canary.stop()
        self._settle(choice)

    def _measured(self, calls: int, seconds: float, busy: float) -> Measured:
        return Measured(
            calls=max(1, calls),
            elapsed=seconds,
            busy=busy,
            gil=self._gil,
            left=self._job.feed.left,
            cores=self._cores or available_cores().count,
            free_threaded=not getattr(sys, "_is_gil_enabled", lambda: True)(),
        )

    def _if_it_may_move(self, measured: Measured, choice: Choice) -> Choice:
        """The choice of processes, unless the function depends on shared memory or costs more to feed than to run."""
        from plait._engines.sharing import obstacle  # reads byte code: only when it matters

        transfer = measure_transfer(self.meter.samples)
        reason = self.meter.obstacle or transfer.obstacle or obstacle(self._fn, transfer.classes)
        if reason:
            return Choice("thread", f"threads, although it holds the GIL: {reason}")
        return choose(measured._replace(transfer=transfer.seconds, transfer_bytes=transfer.size))


class PilotGrowth(Growth):
    """As many threads as the pilot wants to measure, and after that as many as help."""

    __slots__ = ("_pilot",)

    def __init__(self, ceiling: int, cores: int, late_limit: float, pilot: Pilot) -> None:
        super().__init__(ceiling, cores, late_limit)
        self._pilot = pilot

    def add(self, threads: int, backlog: int, late: float, busy: float | None, *, stuck: bool = False) -> int:
        self._pilot.look()
        wanted = self._pilot.threads_wanted()
        if wanted is None:
            return super().add(threads, backlog, late, busy, stuck=stuck)
        self.reason = ""  # what kept threads from being added says nothing about the engine that comes now
        return max(0, min(wanted - threads, self.ceiling - threads, backlog))


def _knows_enough(calls: int, seconds: float) -> bool:
    """Whether what was seen on one thread says what the function is like."""
    if calls >= ENOUGH_CALLS:
        return seconds >= _BRIEF
    return seconds >= (_ALONE if calls >= 2 else _LONG_ALONE)


def _speed(
    race: tuple[float, int, float], alone: tuple[int, float, float, float], calls: int, busy: float, now: float
) -> float:
    """How much more two threads did than one would have done in the same time.

    That is the cores they kept busy, made less by what a call cost more than alone, and divided by what one would
    have kept busy. Calls need not have ended for that.

    >>> _speed((0.0, 10, 0.1), (10, 0.1, 0.1, 0.0), calls=30, busy=0.3, now=0.1)
    2.0
    """
    began, calls_before, busy_before = race
    raced, computed = calls - calls_before, busy - busy_before
    alone_calls, alone_seconds, alone_busy, _ = alone
    share = min(1.0, alone_busy / alone_seconds) if alone_seconds else 1.0
    speed = computed / (now - began) / max(share, 0.01)
    if raced >= _RACED_CALLS and alone_calls >= _RACED_CALLS and computed > 0:
        speed *= (alone_busy / alone_calls) / (computed / raced)
    return min(speed, 4.0)
