"""Pilot: measures the first items of a map while they run on threads, first on one, and on two if it takes a race.

As long as it measures it also says when threads are added, which is what makes the measurements mean something: items
of several threads wait for one another and for the GIL, so what one costs is known of those that ran alone. It decides
in the driver's thread, so that nobody has to be asked. The rule itself is `choice`.
"""

from __future__ import annotations

import sys
import time
from _collections_abc import Callable

from plait._core.budget import available_cores
from plait._core.gil import has_gil
from plait._core.job import Job
from plait._engines.choice import HOLDS, Choice, Measured, choose, is_worth_asking_again, suffices, wants_race
from plait._engines.growth import Growth, Look
from plait._engines.measuring_calls import CallMeter, is_tiny
from plait._engines.measuring_gil import Canary
from plait._engines.measuring_transfer import measure_transfer
from plait._engines.seen import ALONE, RACED_CALLS, Seen, race_speed

ENOUGH_CALLS = 256
_BRIEF = 0.001  # seconds of calls, when there were enough
_LONG_ALONE = 0.06  # seconds of calls on one thread, when there was one; see ALONE
_HEARD = 0.018  # seconds for which the canary must have listened
_SOON_HEARD = 0.009  # the same, when it hardly ever got the GIL while several calls ended
_SOON_CALLS = 4
_RACE = 0.025  # seconds that two threads run side by side
_LONG_RACE = 3  # how many times longer it lasts for that
_RACE_SHARE = 0.02  # of all the work there is: for so long it may last anyway
_HINDERED = 10  # how many times longer all this may take when others have the cores
_PATIENCE = 2.0  # seconds after which nobody waits for the first call any more
_START = 0.05  # seconds that processes take to start at least
_OWN_MODULES = 150  # that they have anyway, and so has this process
_IMPORT = 0.0004  # seconds to import one of the others
_MORE_CALLS = 1.1  # times as many, after which an unsure choice is made once more
_CALM = 0.001  # seconds between two looks
_FULL = 0.75  # of a core is about what threads keep busy that only take the GIL from each other


class Pilot:
    """Watches the first calls of a job, made with `call`, and chooses the engine for the others.

    From then on it says so to `follow` at each look. `processes` is how many may be started, 0 for as many as cores.

    Attributes:
        meter: what the threads call meanwhile.
        choice: what was decided, or None as long as nothing is.
        unsure: what was measured, if more items than anybody knows of now would change that.
        cost: seconds of one item, once the choice is made.
    """

    def __init__(
        self, job: Job, call: Callable[..., object], follow: Callable[[Choice], None], processes: int = 0
    ) -> None:
        self._job = job
        self._processes = processes
        self._fn = job.fn
        self._follow = follow
        self._canary: Canary | None = None
        self._cores = 0
        self._growth: PilotGrowth | None = None
        self._looked = 0.0
        self._seen: Seen | None = None
        self._alone: Seen | None = None  # the last time that there was one thread
        self._start: Seen | None = None  # when it began
        self._racing = False
        self._tiny = False
        self._holds = False  # the feed, until the first call has ended
        self.meter = CallMeter(call, self._stop_metering)
        self.choice: Choice | None = None
        self.unsure: Measured | None = None
        self.cost = 0.0

    def _stop_metering(self) -> None:
        """The calls are tiny, says the thread that makes them: what is to be known of them is known."""
        self._tiny = True
        self._job.fn = self._fn

    def growth(self, ceiling: int, cores: int, late_limit: float) -> Growth:
        """The growth of the threads of a run that this pilot watches."""
        self._cores = cores
        self._growth = PilotGrowth(ceiling, cores, late_limit, self)
        return self._growth

    def leave(self) -> None:
        """What is left runs elsewhere: nobody wonders why there were not more threads."""
        if self._growth is not None:
            self._growth.ends = True
            self._growth.reason = ""

    def end(self) -> None:
        """Stop measuring."""
        if self._canary is not None:
            self._canary.join()
        self.meter.samples.clear()

    def threads_wanted(self) -> int | None:
        """How many threads there should be now; None for as many as help."""
        if self.choice is not None:
            return None if self.choice.engine == "thread" else 1  # at least
        if self._racing:
            return 2
        seen = self._seen
        return 1 if seen is None or seen.calls or seen.seconds < _PATIENCE else None

    @property
    def one_suffices(self) -> bool:
        """Whether more threads than one are a waste as long as they compute."""
        return self.choice is not None and self.choice.alone

    def notices_threads(self) -> bool:
        """Whether the function could notice that its calls go on in another thread, as far as its code shows."""
        from plait._engines.sharing import obstacle  # as below

        return bool(obstacle(self._fn, across_threads=True))

    def look(self) -> None:
        """Decide, if that makes sense now."""
        if self.choice is not None:
            if self.unsure is not None:
                self._reconsider(self.unsure)
            self._follow(self.choice)
            return
        now = time.perf_counter()
        if now - self._looked >= _CALM or self._holds:
            self._measure(now)

    def _measure(self, now: float) -> None:
        self._looked = now
        self._seen = seen = self._see()
        if len(self.meter.threads) <= 1:
            self._alone = seen
        if self._holds and seen.calls:
            self._holds = False
            self._job.feed.release()
        if seen.tiny is not None:
            self._decide(seen)
        elif self._canary is None:
            if seen.seconds >= _BRIEF / 2:
                self._listen()
        elif self._racing:
            if self._is_raced(seen):
                self._decide(seen)
        elif self._holds_all_the_time(seen) or self._had_better_have_more(seen):
            self._decide(seen)
        elif _knows_enough(seen):
            unsure = seen.doubtful or (not seen.waits and self._canary.heard.seconds < _HEARD)
            if not unsure or seen.seconds >= _PATIENCE:
                self._race_or_decide(seen)

    def _listen(self) -> None:
        try:
            self._canary = Canary()
        except RuntimeError as error:
            self.stay(f"threads: no thread could be started to measure with: {error}")

    def stay(self, reason: str) -> None:
        """Everything stays on threads, whatever was measured."""
        self.unsure, self.choice = None, Choice("thread", reason)
        self._follow(self.choice)

    def _race_or_decide(self, seen: Seen) -> None:
        if len(self.meter.threads) == 1 and wants_race(self._measured(seen)):
            self._racing = True
        else:
            self._decide(seen)

    def _see(self) -> Seen:
        now = time.perf_counter()
        threads = list(self.meter.threads.values())
        settled = [thread.settled() for thread in threads]
        spent = [thread.spent() for thread in threads]
        seen = Seen(
            now=now,
            calls=sum(calls for calls, _ in settled),
            seconds=sum(thread.seconds(now) for thread in threads),
            computed=sum(computed for computed, _ in spent),
            ready=sum(ready for _, ready in spent),
            gil=self._canary.waiting if self._canary is not None else 0.0,
            settled=sum(computed for _, computed in settled),
            inside=sum(thread.inside for thread in threads),
        )
        short = sum(thread.short for thread in threads)
        if self._tiny or is_tiny(seen.calls, short, seen.computed):
            seen = seen._replace(tiny=sum(thread.briefly for thread in threads) / short)
        return seen._replace(doubtful=seen.seems_to_wait and any(thread.runnable for thread in threads))

    def _holds_all_the_time(self, seen: Seen) -> bool:
        """Whether there is no need to go on measuring."""
        if self._canary is None or len(self.meter.threads) > 1 or seen.calls < _SOON_CALLS or seen.seems_to_wait:
            return False
        return seen.gil >= HOLDS and self._canary.heard.seconds >= _SOON_HEARD

    def _had_better_have_more(self, seen: Seen) -> bool:
        """Whether it waits, so that more threads are what it takes."""
        return seen.surely_waits and choose(self._measured(seen)).engine == "thread"

    def _is_raced(self, seen: Seen) -> bool:
        """Whether two threads have run side by side for long enough."""
        if self._start is not None:
            ran, computed = seen.now - self._start.now, seen.computed - self._start.computed
            if seen.calls - self._start.calls < RACED_CALLS and ran < self._longest_race(seen):
                return False
            return ran >= _RACE and (computed >= _RACE or ran >= _HINDERED * _RACE)
        if len(self.meter.threads) > 1:
            self._start = seen
        elif not self._job.feed.ready:  # nobody is there to race against
            self._racing = False
            return True
        return False

    def _longest_race(self, seen: Seen) -> float:
        left = self._job.feed.left
        whole = _RACE_SHARE * left * seen.seconds / max(1, seen.calls) if left else 0.0
        return max(_LONG_RACE * _RACE, whole)

    def _decide(self, seen: Seen) -> None:
        alone = seen if self._alone is None or seen.tiny is not None else self._alone
        measured = self._measured(alone)
        if self._start is not None:
            measured = measured._replace(race=race_speed(alone, self._start, seen))
        choice = choose(measured)
        if self.meter.lazy:
            choice = Choice("thread", because_lazy(self.meter.lazy), alone=choice.alone or suffices(measured))
        if choice.engine == "process":
            if not self.meter.samples:
                if not seen.calls:  # nobody knows what it returns until it has ended; another would have to end first
                    self._holds = True
                    self._job.feed.hold()
                return
            choice = self._if_it_may_move(measured, choice)
        self._settle(choice, measured)
        if self._canary is not None:
            self._canary.stop()
        self._follow(choice)

    def _reconsider(self, measured: Measured) -> None:
        """There were more items than anybody knew: they may be worth processes after all."""
        calls = self._job.feed.taken
        if calls < _MORE_CALLS * measured.calls:
            return
        measured = measured._replace(calls=calls, elapsed=measured.cost * calls)
        choice = choose(measured)
        if choice.engine == "process":
            choice = self._if_it_may_move(measured, choice)
        self._settle(choice, measured)

    def _settle(self, choice: Choice, measured: Measured) -> None:
        self.unsure = measured if is_worth_asking_again(choice, measured) else None
        self.cost = measured.cost
        self.choice = choice

    def _measured(self, seen: Seen) -> Measured:
        of_ended = seen.of_ended
        return Measured(
            calls=seen.calls,
            elapsed=of_ended.unhindered if seen.tiny is None else seen.tiny * seen.calls,
            busy=of_ended.computed,
            gil=seen.own_gil,
            left=self._job.feed.left,
            cores=self._cores or available_cores().count,
            free_threaded=not has_gil(),
            start=start_seconds(len(sys.modules)),
            threads=self._job.workers,
            processes=self._processes,
        )

    def _if_it_may_move(self, measured: Measured, choice: Choice) -> Choice:
        """The choice of processes, unless the function depends on shared memory or costs more to feed than to run."""
        from plait._engines.sharing import obstacle  # reads byte code: only when it matters

        transfer = measure_transfer(self.meter.samples)
        reason = (
            self.meter.obstacle
            or transfer.obstacle
            or obstacle(self._fn, transfer.classes, may_change=self.meter.may_change)
        )
        if reason:
            nature = "it holds the GIL" if measured.race is None else "two do not do twice the work"
            return Choice("thread", f"threads, although {nature}: {reason}", alone=suffices(measured))
        return choose(measured._replace(transfer=transfer.seconds, transfer_bytes=transfer.size))


class PilotGrowth(Growth):
    """As many threads as the pilot wants to measure, and after that as many as help."""

    __slots__ = ("_pilot", "ends")

    def __init__(self, ceiling: int, cores: int, late_limit: float, pilot: Pilot) -> None:
        super().__init__(ceiling, cores, late_limit)
        self._pilot = pilot
        self.ends = False

    def change(self, look: Look) -> int:
        self._pilot.look()
        if self.ends:
            return 0
        wanted = self._pilot.threads_wanted()
        if wanted is None:
            if not self._pilot.one_suffices or look.stuck or (look.busy is not None and look.busy < _FULL):
                return super().change(look)
            self.eager = False
            self.reason = "another would only have waited for the GIL, or for memory"
            return min(0, 1 - look.threads)
        self.reason = ""  # what kept threads from being added says nothing about the engine that comes now
        self.eager = self._pilot.choice is None
        if look.stuck and not self.eager:
            return super().change(look)
        return max(0, min(wanted - look.threads, self.ceiling - look.threads, look.backlog))


def _knows_enough(seen: Seen) -> bool:
    """Whether what was seen on one thread says what the function is like."""
    limit = _BRIEF if seen.calls >= ENOUGH_CALLS else ALONE if seen.calls >= 2 else _LONG_ALONE
    return seen.unhindered >= limit or seen.seconds >= _HINDERED * limit


def because_lazy(made: str) -> str:
    """Why calls that give something which has yet to run stay on threads: to make it is all that they do."""
    return f"threads: a call only makes {made}, whose code runs where it is iterated, in this process"


def start_seconds(modules: int) -> float:
    """About how long worker processes take to start, if they import what this process has imported. Pure.

    >>> start_seconds(100), start_seconds(900)
    (0.05, 0.35)
    """
    return _START + max(0, modules - _OWN_MODULES) * _IMPORT
