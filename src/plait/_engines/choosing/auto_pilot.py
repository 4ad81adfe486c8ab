"""Pilot: measures the first items of a map while they run on threads, first on one, and on two if it takes a race.

As long as it measures it also says when threads are added, which is what makes the measurements mean something: items
of several threads wait for one another and for the GIL, so what one costs is known of those that ran alone. When the
first call has waited, some threads are added on trial: if other items compute, they rest, and it is measured anew. It
decides in the driver's thread, so that nobody has to be asked. The rule itself is `choice`.
"""

from __future__ import annotations

import time
from _collections_abc import Callable

from plait._core.budget import available_cores
from plait._core.gil import Promptly, has_gil
from plait._core.job import Job
from plait._engines.choosing.auto_growth import PilotGrowth
from plait._engines.choosing.auto_trial import Trial
from plait._engines.choosing.choice import (
    HOLDS,
    Choice,
    Measured,
    because_lazy,
    choose,
    is_too_little,
    nature,
    suffices,
    wants_race,
)
from plait._engines.choosing.hindsight import Hindsight
from plait._engines.choosing.measuring_calls import CallMeter
from plait._engines.choosing.measuring_gil import Canary
from plait._engines.choosing.measuring_transfer import measure_transfer
from plait._engines.choosing.needs import StartUp
from plait._engines.choosing.seen import BRIEF, HINDERED, RACED_CALLS, WAITING_CALLS, Seen, is_lost, race_speed
from plait._engines.growth import Growth, Look
from plait._engines.reading.tables import Tables

_HEARD = 0.018  # seconds for which the canary must have listened
_SOON_HEARD, _SOON_CALLS = 0.009, 4  # the same, when it hardly ever got the GIL, or did at once, and calls that ended
_LETS_GO = 0.2  # the share of the time with the GIL in hand below which it is had at once
_RACE = 0.025  # seconds that two threads run side by side
_LONG_RACE = 3  # how many times longer it lasts for that
_RACE_SHARE = 0.02  # of all the work there is: for so long it may last anyway
_SOON_LOST = 0.01  # seconds after which it ends when the two clearly hinder each other
_PATIENCE = 2.0  # seconds after which nobody waits for the first call any more
_ALL_WAIT = 0.005  # seconds, on average of all threads on trial, after which it is believed though no call has ended
_MORE_CALLS = 1.1  # times as many, after which an unsure choice is made once more
_CALM = 0.001  # seconds between two looks
_UNHEARD = 0.006  # seconds of calls that nobody listens to
_LONG_UNHEARD = 0.03  # for so long at most, and until
_DISTURBED = 20e-6  # seconds of a call that costs noticeably more while somebody listens
_UNHEARD_CALLS = 3  # have ended
_METERED = 100e-6  # seconds of a call, from which on it costs next to nothing to go on measuring
_CHANCES = 2  # so often all is measured anew


class Pilot:
    """Watches the first calls of a job, made with `call`, and chooses the engine for the others.

    It says so to `follow` at each look; None when it was wrong. So many `processes` may be started, 0: one for a core.

    Attributes:
        meter: what the threads call meanwhile.
        choice: what was decided, or None as long as nothing is.
        unsure: what was measured, if more items than anybody knows of now would change that.
        cost: seconds of one item, once the choice is made.
        hindsight: on the choice, if it is one that later calls may prove wrong.
        tables: what the function only reads, of which processes have copies.
    """

    def __init__(
        self, job: Job, call: Callable[..., object], follow: Callable[[Choice | None], None], processes: int = 0
    ) -> None:
        self._job = job
        self._processes = processes
        self._fn = job.fn
        self._follow = follow
        self._start_up = StartUp(job.fn)
        self._canary: Canary | None = None
        self._cores = 0
        self._growth: PilotGrowth | None = None
        self._looked = 0.0
        self._seen: Seen | None = None
        self._alone: Seen | None = None  # the last time that there was one thread
        self._start: Seen | None = None  # when it began
        self._hushed: Seen | None = None  # when nobody listened any more
        self._unheard: Seen | None = None  # since when nobody has disturbed those that ended
        self._racing = False
        self._trial = Trial()
        self._alone_again = False
        self._tiny = False
        self._holds = False  # the feed, until the first call has ended
        self.meter = CallMeter(call, self._stop_metering)
        self.choice: Choice | None = None
        self.unsure: Measured | None = None
        self.cost = 0.0
        self.hindsight: Hindsight | None = None
        self.tables = Tables()
        self._chances = _CHANCES

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
        self._trial.end()
        if self._canary is not None:
            self._canary.join()
        self.meter.samples.clear()

    def threads_wanted(self) -> int | None:
        """How many threads there should be now; None for as many as help."""
        if self.choice is not None:
            return None if self.choice.engine == "thread" else 1  # at least
        if self._racing:
            return 2
        if self._trial.lasts:
            return self._trial.threads
        seen = self._seen
        return 1 if seen is None or seen.calls or seen.seconds < _PATIENCE else None

    @property
    def in_a_hurry(self) -> bool:
        """Whether it wants to look again soon."""
        return self.choice is None and self._unheard is None

    @property
    def wants_fewer(self) -> bool:
        """Whether the threads beyond those that are wanted should rest."""
        return self._trial.failed

    def note_threads(self, look: Look) -> None:
        """Those beyond the first may have come to rest."""
        self._alone_again = look.threads <= 1 and look.running <= 1

    @property
    def one_suffices(self) -> bool:
        """Whether more threads than one are a waste as long as they compute."""
        return self.choice is not None and self.choice.alone

    def notices_threads(self) -> bool:
        """Whether the function could notice that its calls go on in another thread, as far as its code shows."""
        from plait._engines.reading.sharing_threads import tells_threads  # as below

        return tells_threads(self._fn)

    def look(self) -> None:
        """Decide, if that makes sense now."""
        if self.choice is not None:
            if self.unsure is not None:
                self._reconsider(self.unsure)
            self._follow(None if self._is_wrong() else self.choice)
            return
        now = time.perf_counter()
        if now - self._looked >= (_UNHEARD if self._unheard is not None else _CALM) or self._holds:
            self._measure(now)

    def _is_wrong(self) -> bool:
        """Whether the choice does not suit later calls; if so, all is measured anew, as soon as threads rest."""
        now = time.perf_counter()
        if self.hindsight is None or now - self._looked < _UNHEARD:
            return False
        self._looked = now
        ended = self.meter.ended(exact=self.hindsight.exact)
        if not self.hindsight.doubts(ended, self._job.feed.left, time.process_time()):
            return False
        self.choice = self.unsure = self.hindsight = self._hushed = self._unheard = self._start = None
        self._racing = False
        self._chances -= 1
        self._fail_trial()
        return True

    def _measure(self, now: float) -> None:
        self._looked = now
        self._seen = seen = self.meter.seen(self._canary, tiny=self._tiny)
        if len(self.meter.threads) <= 1 and self._unheard is None:
            self._alone = seen
        if self._holds and seen.calls:
            self._holds = False
            self._job.feed.release()
        with Promptly():  # it reads files, and modules, beside a thread that computes
            self._judge(seen)
        if self.choice is not None:
            self._trial.end()

    def _judge(self, seen: Seen) -> None:
        if seen.tiny is not None:
            self._decide(seen)
        elif self._canary is None:
            if seen.seconds >= BRIEF / 2:
                self._listen()
        elif self._racing:
            if self._is_raced(seen):
                self._decide(seen)
        elif self._unheard is not None:
            self._hear_nothing(seen, self._unheard)
        elif self._hushed is not None:
            if seen.calls > self._hushed.calls or seen.now - self._hushed.now >= _LONG_UNHEARD:
                self._unheard = seen  # what led to this may have disturbed those in progress
        elif self._trial.lasts:
            self._judge_trial(seen)
        else:
            self._judge_alone(seen, self._canary)

    def _listen(self) -> None:
        try:
            self._canary = Canary()
        except RuntimeError as error:
            self.stay(f"threads: no thread could be started to measure with: {error}")

    def stay(self, reason: str) -> None:
        """Everything stays on threads, whatever was measured."""
        self.unsure = self.hindsight = None
        self.choice = Choice("thread", reason)
        self._follow(self.choice)

    def _judge_alone(self, seen: Seen, canary: Canary) -> None:
        """Decide if one thread has shown enough, or have more threads on trial if the first call has waited."""
        shown = min(canary.heard.seconds, seen.unhindered) >= _SOON_HEARD
        soon = shown and seen.calls >= _SOON_CALLS and not seen.seems_to_wait
        if self._had_better_have_more(seen) or (soon and seen.own_gil < _LETS_GO and self._is_little(seen)):
            self._decide(seen)
        elif soon and seen.gil >= HOLDS and len(self.meter.threads) <= 1:
            self._race_or_decide(seen, canary)
        elif seen.enough:
            unsure = seen.doubtful or (not seen.waits and canary.heard.seconds < _HEARD)
            if not unsure or seen.seconds >= _PATIENCE:
                self._race_or_decide(seen, canary)
        elif self._trial.may_come and seen.waits:
            self._trial.go_on(seen, 1)

    def _judge_trial(self, seen: Seen) -> None:
        """Go on with the threads that were added because the first call waited, or measure anew without them."""
        threads = len(self.meter.threads)
        if self._trial.failed:
            if self._alone_again or seen.seconds >= threads * _PATIENCE:
                self._measure_anew()
        elif seen.computes:
            self._fail_trial()
        elif seen.waits and (seen.calls >= WAITING_CALLS or seen.seconds >= threads * _ALL_WAIT):
            self._alone = seen = seen._replace(inside=None)  # those that have ended may be those that did not wait
            if choose(self._measured(seen)).engine == "thread":
                self._decide(seen)
            else:
                self._fail_trial()
        elif seen.waits:
            self._trial.go_on(seen, threads)

    def _fail_trial(self) -> None:
        self._trial.fail()
        self._alone_again = False

    def _measure_anew(self) -> None:
        """What was seen says nothing: too many have run at the same time."""
        assert self._canary is not None
        self._canary.join()
        self._canary = self._seen = self._alone = None
        self._trial.end()
        self.meter.forget()

    def _race_or_decide(self, seen: Seen, canary: Canary) -> None:
        measured = self._measured(seen)
        raced = len(self.meter.threads) > 1 or self._job.workers == 1
        if raced or not (wants_race(measured) or self._seems_dearer(measured)):
            self._decide(seen)
        elif measured.cost * _UNHEARD_CALLS > _LONG_UNHEARD:
            self._racing = True
        else:
            canary.stop()
            self._hushed = self.meter.seen(canary, tiny=self._tiny)

    def _seems_dearer(self, measured: Measured) -> bool:
        """Whether calls may be so much dearer by being listened to that processes seem to pay."""
        return measured.calls > 0 and measured.cost < _DISTURBED and choose(measured).engine == "process"

    def _hear_nothing(self, seen: Seen, since: Seen) -> None:
        """Let some calls go undisturbed: what lets the GIL go at every turn gets it back later while others listen."""
        if seen.calls - since.calls >= _UNHEARD_CALLS:
            self._alone = seen.at_the_pace_since(since)
        elif seen.now - since.now < _LONG_UNHEARD:
            return
        if wants_race(self._measured(self._alone or seen)):
            self._racing = True
        else:
            self._decide(seen)

    def _is_little(self, seen: Seen) -> bool:
        """Whether so little is left that neither processes nor a race pay."""
        measured = self._measured(seen)
        return not wants_race(measured) and is_too_little(choose(measured))

    def _had_better_have_more(self, seen: Seen) -> bool:
        """Whether it waits, so that more threads are what it takes."""
        return seen.surely_waits and choose(self._measured(seen)).engine == "thread"

    def _is_raced(self, seen: Seen) -> bool:
        """Whether two threads have run side by side for long enough."""
        if self._start is not None:
            ran, computed = seen.now - self._start.now, seen.computed - self._start.computed
            if ran >= _SOON_LOST and is_lost(self._alone or seen, self._start, seen):
                return True
            if seen.calls - self._start.calls < RACED_CALLS and ran < self._longest_race(seen):
                return False
            return ran >= _RACE and (computed >= _RACE or ran >= HINDERED * _RACE)
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
        if not seen.calls and measured.left and is_too_little(choice):
            return  # the first call goes on: it may last long enough for what is left to be much
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
        measured = measured.of_more(calls)
        choice = choose(measured)
        if choice.engine == "process":
            choice = self._if_it_may_move(measured, choice)
        self._settle(choice, measured)

    def _settle(self, choice: Choice, measured: Measured) -> None:
        self.unsure = measured if measured.left is None and is_too_little(choice) else None
        self.cost = measured.cost
        self.choice = choice
        lasting = self._chances > 0 and measured.cost >= _METERED
        self.meter.exact = False
        calls = self.meter.ended(exact=False).calls + len(self.meter.threads)  # those in progress included
        self.hindsight = Hindsight(measured, choose(measured), calls) if lasting else None

    def _measured(self, seen: Seen) -> Measured:
        of_ended = seen.of_ended
        measured = Measured(
            calls=seen.calls,
            elapsed=of_ended.unhindered if seen.tiny is None else seen.tiny * seen.calls,
            busy=of_ended.computed,
            gil=seen.own_gil,
            left=self._job.feed.left,
            cores=self._cores or available_cores().count,
            free_threaded=not has_gil(),
            threads=self._job.workers,
            race=None if self._job.workers > 1 else 1.0,
            processes=self._processes,
            helped=self.meter.helped,
        )
        return self._start_up.of(measured)

    def _if_it_may_move(self, measured: Measured, choice: Choice) -> Choice:
        """The choice of processes, unless the function depends on shared memory or costs more to feed than to run."""
        from plait._engines.reading.sharing import obstacle  # reads byte code: only when it matters

        transfer, meter = measure_transfer(self.meter.samples), self.meter
        reason = meter.obstacle or transfer.obstacle
        reason = reason or obstacle(self._fn, transfer.classes, may_change=meter.may_change, tables=self.tables)
        if reason:
            return Choice("thread", f"threads, although {nature(measured)}: {reason}", alone=suffices(measured))
        return choose(measured._replace(transfer=transfer.seconds, transfer_bytes=transfer.size))
