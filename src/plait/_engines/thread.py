"""ThreadEngine: runs items on threads of this process, as many as help; the consumer's thread watches while it waits.

The walk of a batch: a worker takes it from the feed (`crew`), runs it (`thread_worker`), appends it to
``crew.finished``; the driver yields it. While nothing is finished the driver waits and, every so often, wakes
idle workers, frees items behind a stalled one (`stealing`), adds threads if that helps (`growth`) and keeps timeouts
(`timeouts`).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from _collections_abc import Callable, Generator

from plait._core import checked
from plait._core.batch import Batch
from plait._core.budget import available_cores
from plait._core.current import current_task
from plait._core.errors import StopTask
from plait._core.home import stay_home
from plait._core.job import Job, Running
from plait._core.sizing import most_beyond
from plait._core.worker_state import TEAR_DOWN_SECONDS, Mishap
from plait._engines.core_wait import is_runnable, switches, waited_for_core
from plait._engines.crew import Crew
from plait._engines.growth import Growth, Look, late_limit
from plait._engines.halting import ROUNDS, Seat
from plait._engines.injection import prepare_injection
from plait._engines.inline import InlineEngine
from plait._engines.interface import Plan
from plait._engines.line_output import WholeLines
from plait._engines.patience import AGAIN, GRACE, HELD_UP, LOOKS, UNWIND
from plait._engines.slow_input import SlowInput
from plait._engines.stealing import Portion, portion_type
from plait._engines.thread_worker import Worker
from plait._engines.timeouts import Watch

UNINTERRUPTIBLE = True  # see `halting`: a map inside a task of another map is told to stop, and then does

_CEILING = 64
_SAMPLE = 4  # threads that are asked whether they wait for a core
_TICK = 0.0005  # seconds between looks while threads may be added
_STALL_TICK = 0.002  # while a batch is running whose items others could take
_IDLE_TICK = 0.01  # while there is nothing to decide
_LONG = 1.0  # seconds in which nothing happens, after which it is looked as seldom as
_LONG_TICK = 0.05  # this: items that take so long can wait for it
_CALM_LOOKS = 3  # after so many that found nothing new, nobody looks in a check
_CALM_TICK = 60.0  # while every item has its thread: whatever happens rings
_LEISURE = 64  # finished items of which the driver hears together when nobody waits for it to
_HORIZON = 0.002  # finished batches are delivered together when more of them are about to follow within this time;
_PROMPT_HORIZON = 0.0005  # somebody may wait for just this one;
_SATURATED_HORIZON = 0.008  # waking up costs more when the GIL has to be forced over
_AT_ONCE = 0.002  # seconds in which threads that have nothing to do are gone
_FAREWELL = 0.3  # seconds to wait for threads that are out of the user's code, on a busy machine


class ThreadEngine:
    """Runs items on threads. Each run has threads of its own, so nested maps cannot wait for each other.

    >>> import plait
    >>> list(plait.map(abs, [-1, 2], engine=plait.engines.ThreadEngine()))  # as engine="thread"
    [1, 2]
    """

    name = "thread"

    def __init__(self) -> None:
        self.portion: type[Portion] = portion_type()
        self.growth: Callable[[int, int, float], Growth] = Growth  # of which `auto` has one that measures

    def plan(self, requested: int | None, items: int | None) -> Plan:
        count, reason = (requested, f"workers={requested} was asked for") if requested is not None else _ceiling()
        if items is not None and items < count:
            return Plan(max(1, items), f"no more threads than items, of which there are {items}")
        return Plan(count, reason)

    def run(self, job: Job) -> Generator[Batch, None, None]:
        return Driver(job, self.portion, self.growth).batches()

    def close(self) -> None:
        """Nothing is held between runs."""


def _ceiling() -> tuple[int, str]:
    outer = current_task.get(None)
    if outer is None or outer.worker == "inline":
        return _CEILING, f"at most {_CEILING} threads, started only while they help"
    siblings: int = getattr(outer, "siblings", 0) or available_cores().count
    count = max(1, _CEILING // siblings)
    return count, f"at most {count} threads: {_CEILING} shared by the {siblings} tasks of the map around this one"


class Driver:
    """Drives one run from the consumer's thread."""

    def __init__(
        self,
        job: Job,
        portion: type[Portion],
        growth: Callable[[int, int, float], Growth],
        crew: Crew | None = None,
        worker: Callable[[Crew, int], Worker] = Worker,
    ) -> None:
        self._job = job
        self._feed = job.feed
        self._input = SlowInput(job.feed)
        self._crew = crew or Crew(job, portion)
        self._worker = worker
        self._late_limit = late_limit(sys.getswitchinterval())
        self._cores = 1 if job.feed.prompt else available_cores().count  # takes a while, and is of no matter then
        self._growth = growth(job.workers, self._cores, self._late_limit)
        self._watch = Watch(self._crew, job.timeout)
        self._tick = _TICK
        self._looked = 0.0
        self._heard = 0.0  # of a finished batch, or of items that wait for a thread when none did
        self._backlog = 0
        self._saturated = False
        self._yielded = 0
        self._rate = 0.0
        self._spent = 0.0
        self._done = 0
        self._hired = 0
        self._was_late = False
        self._unchanged = 0  # looks one after the other at which nothing was otherwise than before
        self._before: tuple[object, ...] = ()

    def batches(self) -> Generator[Batch, None, None]:
        """Finished batches; closing this stops the work."""
        crew, feed, job = self._crew, self._feed, self._job
        finished = crew.finished
        job.wake = crew.call_off
        job.arrived = crew.welcome
        job.snapshot = crew.snapshot
        self._looked = self._heard = time.perf_counter()
        job.unfetched = feed.withdrawn = finished
        lines = WholeLines()
        try:
            while not feed.finished and not crew.unwanted:
                while finished and not job.cancelled:
                    self._yielded += 1
                    yield finished[0]  # taken out when it has arrived: Ctrl-C may come in between
                    stay_home(feed.home)
                    finished.popleft()
                    if crew.parked and not feed.unhurried:
                        crew.share_out(time.perf_counter(), room=False)
                self._provide()
                if not self._growth.ceiling:
                    yield from self._without_threads()
                elif not finished and not feed.finished:
                    self._wait()
                if crew.failure is not None:
                    raise crew.failure
            if not feed.finished:
                job.cancelled = True  # the map around this one was stopped
        finally:
            running: list[Running] = []
            try:
                running = crew.snapshot()  # whoever explains an interrupt asks after the stop
                halt(crew)
            except (KeyboardInterrupt, StopTask):  # a second Ctrl-C, or the map around this one is being stopped
                halt(crew, patient=False)
                raise
            finally:
                lines.end()
                self._retire(running)
        while finished:
            yield finished[0]
            finished.popleft()

    def _provide(self) -> None:
        """Pull items for the workers, and make sure that somebody runs them."""
        crew, revoked = self._crew, self._job.revoked
        while revoked:
            self._watch.revoke(revoked.popleft(), time.perf_counter())
        if crew.parked:  # nothing has ended, or the consumer would not be waiting
            self._feed.reach(len(crew.seats), most_beyond(len(crew.seats)))
        if not self._input.rests:
            self._input.fill(crew.appetite)
        if self._feed.prompt:
            self._attend()
        elif not crew.seats and self._feed.ready:
            self._hire(checked.begins_with(self._job.workers) or 1)
        elif crew.parked:
            crew.share_out(time.perf_counter(), room=False)

    def _attend(self) -> None:
        """A thread for every item that waits: at once up to a number, beyond it when all are at a standstill."""
        crew = self._crew
        wanted = crew.unattended()
        room = _CEILING - len(crew.seats)
        if wanted > room and crew.stuck(time.perf_counter()):
            room = wanted
        self._hire(min(wanted, room))

    def _wait(self) -> None:
        """Wait for a finished batch, and look after the threads meanwhile."""
        crew = self._crew
        now = time.perf_counter()
        seconds = _CALM_TICK if self._feed.prompt and not self._feed.ready else self._tick
        if (pause := self._input.pause_ms) is not None:
            seconds = min(seconds, pause / 1000 + 0.0001)
        if self._watch.needed:
            seconds = min(seconds, self._watch.due(now) + 0.0001)
        if (crew.parked or not crew.seats) and (due := self._feed.due) is not None:
            seconds = min(seconds, max(0.0, due - now) + 0.0001)
        horizon = _PROMPT_HORIZON if self._feed.prompt else _HORIZON
        if self._saturated:
            horizon = _SATURATED_HORIZON
        quorum = 1 + int(self._rate * horizon)
        if self._feed.unhurried and not self._feed.over:
            quorum = _LEISURE
        elif quorum > 1:
            seconds = min(seconds, 2 * horizon)
        before = waited_for_core() if self._was_late else 0.0
        late = crew.listen(seconds, quorum) if not self._is_calm() else crew.listen(None, 1)
        if late >= self._late_limit:
            late -= waited_for_core() - before if self._was_late else 0.0  # which is not the GIL's doing
            self._was_late = True
        now = time.perf_counter()
        if now - self._looked >= _TICK * 0.8:
            self._look_after(now, late)

    def _is_calm(self) -> bool:
        """Whether nothing changes by itself, so that in a check there is nothing to look at until somebody rings."""
        if checked.WORKERS is None or self._unchanged < _CALM_LOOKS or self._crew.outer is not None:
            return False
        return not self._watch.needed and self._input.pause_ms is None and self._feed.due is None

    def _look_after(self, now: float, late: float) -> None:
        crew = self._crew
        if self._watch.needed and self._watch.look(now):
            self._hire(1)
        elapsed = now - self._looked
        news = crew.done[0] - self._done
        self._done += news
        if news or self._yielded:
            self._heard = now
        self._looked = now
        self._rate, self._yielded = self._yielded / elapsed, 0
        self._saturated = late >= self._late_limit
        crew.release_stalled(now)
        threads = crew.active
        backlog = crew.share_out(now, room=threads < self._growth.ceiling)
        if backlog and not self._backlog:
            self._heard = now
        self._backlog = backlog
        state = crew.done, len(crew.seats), backlog, crew.parked, self._input.rests
        self._unchanged = self._unchanged + 1 if state == self._before else 0
        self._before = state
        added, eager = 0, False
        if not self._feed.prompt and ((backlog and threads < self._growth.ceiling) or (news and threads > 1)):
            running = sum(seat.batch is not None for seat in crew.seats)  # those that are to rest included
            look = Look(now, threads, running, backlog, *crew.done, late, stuck=backlog > 0 and crew.stuck(now))
            if any(seat.clock_id is not None for seat in crew.seats):  # then their CPU time can be read
                busy = self._busy(elapsed)
                look = look._replace(busy=busy, spent=self._spent, switches=switches())
            added = self._growth.change(look)
            eager = self._growth.eager
            if added < 0:
                crew.rest(-added)
            else:
                self._hire(added)
        if now - self._heard > _LONG and added <= 0:
            self._tick = _LONG_TICK
        elif self._saturated:
            self._tick = _IDLE_TICK
        elif added or eager:
            self._tick = _TICK
        else:
            self._tick = min(self._tick * 1.5, _STALL_TICK if _may_stall(crew) else _IDLE_TICK)

    def _busy(self, elapsed: float) -> float:
        """How many cores the threads kept busy since the last look, or would have, had others not had them."""
        seats = self._crew.seats
        spent: float = sum(seat.cpu_spent() for seat in seats)
        self._spent += spent
        busy = spent / elapsed
        if busy < self._cores:
            active = [seat for seat in seats if not seat.resting]
            some = active[:_SAMPLE]
            ready = sum(is_runnable(seat.thread.native_id) for seat in some)
            busy = max(busy, ready * len(active) / len(some))
        return busy

    def _hire(self, count: int) -> None:
        crew = self._crew
        for _ in range(count - crew.recall(count)):
            if len(crew.seats) >= self._growth.ceiling:
                return
            self._hired += 1
            worker = self._worker(crew, self._hired)
            crew.join(worker)
            try:
                worker.thread.start()
            except RuntimeError as error:
                if isinstance(error.__context__, (KeyboardInterrupt, StopTask)):
                    raise error.__context__ from None  # it broke into start(), which lost its lock; the thread runs
                crew.unjoin(worker)
                self._growth.ceiling = crew.ceiling = len(crew.seats)
                self._job.tally.reasons.append(f"no more than {len(crew.seats)} threads could be started: {error}")
                break
        self._job.tally.peak = max(self._job.tally.peak, len(crew.seats))

    def _without_threads(self) -> Generator[Batch, None, None]:
        """No thread can be started: run the rest in the calling thread."""
        if self._job.timeout is not None:
            self._job.timeout = None
            self._job.tally.reasons.append("the timeout was not kept, because items ran in the calling thread")
        self._job.arrived = None  # whatever comes by itself wakes this thread, where there are no others
        yield from InlineEngine().run(self._job)

    def _retire(self, running: list[Running]) -> None:
        """Say why there were not more threads, and let go of all, so that nothing waits for the garbage collector."""
        job, growth = self._job, self._growth
        if growth.reason and job.tally.peak < growth.ceiling:
            job.tally.reasons.append(f"stayed at {job.tally.peak} of {job.workers} threads: {growth.reason}")
        job.rest(running)
        self._crew.seats.clear()
        self._crew.lost.clear()


def _may_stall(crew: Crew) -> bool:
    """Whether a batch is running from which others could take items."""
    return any((batch := seat.batch) is not None and len(batch.items) > 1 for seat in crew.seats)


def halt(crew: Crew, *, patient: bool = True) -> None:
    """Stop a run; returns when no thread is in the user's code, or when those that are have been abandoned."""
    if sys.is_finalizing() or os.getpid() != crew.pid:
        crew.stopping = True  # frozen threads, or threads of the parent process: there is nobody to wait for
        return
    crew.dismiss()
    if any(seat.thread.ident == threading.get_ident() and seat.thread.is_alive() for seat in crew.seats):
        return  # the garbage collector closes the run in one of its own threads
    if patient and not crew.wait_empty(_AT_ONCE):
        began = time.perf_counter()
        prepare_injection()
        if not crew.wait_empty(GRACE - (time.perf_counter() - began)):
            _interrupt(crew)
    now = time.perf_counter()
    for seat in [*crew.seats, *crew.lost]:
        _abandon(crew, seat, now)
    for seat in crew.seats:
        if not seat.abandoned:
            given = TEAR_DOWN_SECONDS if patient and seat.holds else _FAREWELL
            seat.thread.join(max(0.0, now + given - time.perf_counter()))
            if seat.thread.is_alive() and seat.holds:
                what = f"the tear-down of {seat.state.ending or 'an instance'} on {seat.name}"
                crew.job.tally.note(Mishap(f"{what} did not end within {given:g} s and was left behind", None))
                seat.state.overdue = True
                seat.rouse()
                seat.thread.join(_FAREWELL)


def _interrupt(crew: Crew) -> None:
    """Inject exceptions until no thread is in the user's code, or those that are had their chance to come out."""
    latest = time.perf_counter() + HELD_UP
    rounds = ROUNDS
    while True:
        deadline = time.perf_counter() + UNWIND
        looks, late = 0, 0.0
        for seat in crew.seats:
            seat.kept_waiting()
        while time.perf_counter() < deadline or looks < LOOKS:
            looks += 1
            for seat in crew.seats:
                seat.inject()
            due = time.perf_counter() + AGAIN
            if crew.wait_empty(AGAIN):
                return
            late = max(late, time.perf_counter() - due)
        if time.perf_counter() >= latest:
            return
        if any(seat.inside and seat.is_sheltered() for seat in crew.seats):
            continue
        if not rounds or not any(seat.inside and seat.kept_waiting(late) for seat in crew.seats):
            return
        rounds -= 1


def _abandon(crew: Crew, seat: Seat, now: float) -> None:
    seat.inject()
    running, batch, known = seat.running(now), seat.batch, not seat.abandoned
    if running is None or batch is None or not seat.abandon():
        return
    abandoned = crew.job.tally.abandoned
    if all(running.index != other.index for other in abandoned):
        abandoned.append(running)
    if known:
        crew.release(seat, batch, len(batch.spans) if crew.measured else len(batch.values))
