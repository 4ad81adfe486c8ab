"""One controlled execution: real threads, one baton, one door (`step`), virtual time.

Only the thread that has the baton runs. Whatever it does that others can notice goes through `step`, `wait` or `note`
first, where the scheduler may give the baton to another. So the choices of the scheduler decide what happens.

    hook or stand-in -> step(event) -> scheduler.choose -> the same thread goes on: 1 µs
                                                        -> another one does: its baton is released, ours acquired

* `step`: an event that can always happen.   `wait`: one that needs a gate open (a lock free, a thread ended), or time.
* `note`: one that is recorded and is no choice.   `idle`: nobody is ready, so time goes on, or the program hangs.

*Promises*: the same choices give the same events, numbers of places and numbers of threads, in any process. A call
outside our control never stops the others (`let_go`, `come_back`). After the end, by whatever way, every thread is
unwound by `Abort`; `left` names those that would not go.
"""

from __future__ import annotations

import _thread
from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from plait._check.border import Border
from plait._check.controlled import Abort, Controlled, Gate
from plait._check.diagnosis import BRIEFLY, LATELY, at_limit, goes_on, only_time_helps, uncaught
from plait._check.elements import Elements
from plait._check.fair import Fair
from plait._check.first_choice import FirstChoice
from plait._check.heartbeat import Heartbeat
from plait._check.places import Places
from plait._check.real_threads import REAL_THREADS
from plait._check.record import Standstill
from plait._check.remarks import Remarks, held_up
from plait._check.signals import deliver, in_main
from plait._check.unasked import Unasked
from plait._check.unwinding import refuse, unwind
from plait._check.watchdog import watch
from plait._core.event import Event, Kind
from plait._schedulers.interface import LONGEST

if TYPE_CHECKING:
    from plait._check.record import Failure
    from plait._check.sites import Sites
    from plait._core.event import Site

Choose = Callable[[Sequence[Controlled], Controlled | None, Sequence[Controlled]], Controlled]

_get_ident = _thread.get_ident
_native_id = _thread.get_native_id
_raw_lock = _thread.allocate_lock
_number = attrgetter("number")
_new = tuple.__new__


class Execution(Border):
    """One run of a program under a scheduler.

    Attributes:
        threads, ready: all threads of control so far, and those that can go on, by number.
        running: the one that has the baton; `NOBODY` while none may run.
        events: what has happened; `choose` is the scheduler, which says who goes on, `one_order` while never two could.
        switches: its choices that were not the plain one: who ran, its steps, its next one, who went on, the events.
        always: a gate for those who wait for nothing but their turn.
        now: seconds of virtual time since the start.
        returned: those back from a call outside our control, until they are ready again; `away` is how many are in
            one, and `outside` says what all these calls were.
        dropped: whether nobody has the baton, and it is for whoever returns first.
        border: held by who decides between the threads that we control and what is outside.
        strangers: idents of threads that run the user's code and are not ours.
        arrivals: how many events there were when such a call returned, by the index of its own.
        gave_up: why the execution was ended although nothing had failed; `standstill` is what it was doing then.
        hasty: whether the scheduler lets a short wait of this thread end at once; `hurried` is whether all sleeps do.
        at_exit: what the program has registered for its end.
        signals: the handlers that the main thread has to call before it does anything else, by number of the signal.
        broken: the first test of the program's own test run that failed.
        remarks: what asyncio does wrong at some place; `unasked` what futures keep, `elements` what containers gave.
        until: the moment of real time up to which a long execution goes on; None for any.
        left: the threads that could not be unwound.
    """

    def __init__(self, choose: Choose, sites: Sites, *, hasty: Callable[[Controlled], bool] | None = None) -> None:
        self.sites = sites
        self.places = Places()
        self.threads: list[Controlled] = []
        self.ready: list[Controlled] = []
        self.nobody = Controlled(-1, "nobody", -1, None)
        self.running = self.nobody
        self.by_ident: dict[int, Controlled] = {}
        self.events: list[Event] = []
        self.switches: list[tuple[int, int, Event | None, int, int]] = []
        self.always = Gate(is_open=True)
        self.now = 0.0
        self.failure: Failure | None = None
        self.broken: Failure | None = None
        self.aborting = False
        self.returned: deque[Controlled] = deque()
        self.away, self.dropped = 0, False
        self.border = _raw_lock()
        self.outside: list[str] = []
        self.strangers: set[int] = set()
        self.arrivals: dict[int, int] = {}
        self.over = _raw_lock()
        self.over.acquire()
        self.clock_reads, self.elements = 0, Elements()
        self.left: list[str] = []
        self.until: float | None = None
        self.gave_up, self.standstill = "", Standstill()
        self.at_exit: list[partial[object]] = []
        self.signals: dict[int, Callable[[], object]] = {}
        self.remarks, self.unasked = Remarks(), Unasked()
        self.hurried, self.hasty = False, hasty or (lambda _: False)
        self.one_order = True
        self.choose: Choose = FirstChoice(self, choose).choose
        self.heartbeat = Heartbeat(self)
        self._limit = LONGEST
        self._fair = False

    # What the program does

    def step(self, kind: Kind, place: int, name: str, site: Site | None) -> Controlled | None:
        """The running thread is about to do this; returns when it may. None if the caller is not under our control."""
        me = self.running
        if me.ident != _get_ident() or me.quiet:
            found = self.here()
            if found is None or found.quiet:
                if found is None and not self.aborting and _get_ident() not in self.by_ident:
                    self.strangers.add(_get_ident())
                return found
            me = found
        events = self.events
        if self.places.due <= len(events):
            self.places.sweep(len(events))
            if self.aborting:
                refuse(me)
        me.pending = event = _new(Event, (me.number, kind, place, name, site))
        ready = self.ready
        if len(ready) > 1 or self.returned:
            if self.returned:
                self.admit()
            chosen = self.choose(ready, me, self.threads)
            if chosen is not me:
                self._switched(me, chosen)
                self._hand_over(me, chosen)
        if self.signals:
            deliver(self, me)
        me.steps += 1
        events.append(event)
        if len(events) >= self._limit:
            self._at_limit(me)
        return me

    def note(self, me: Controlled, kind: Kind, place: int, name: str, site: Site | None) -> None:
        """`me` does this now: it is recorded and is no choice."""
        me.steps += 1
        self.events.append(_new(Event, (me.number, kind, place, name, site)))
        if len(self.events) >= self._limit:
            self._at_limit(me)

    def wait(self, me: Controlled, gate: Gate, pending: Event, seconds: float | None = None) -> bool:
        """`me` goes on when the gate is open and it is chosen; False if `seconds` of virtual time have passed instead.

        The caller records what has happened then.
        """
        if self.places.due <= len(self.events) and not me.quiet:
            self.places.sweep(len(self.events))
        if self.aborting:
            refuse(me)
        deliver(self, me)
        me.pending = pending
        chosen = me
        if gate.is_open and not self.returned:
            if len(self.ready) > 1:
                chosen = self.choose(self.ready, me, self.threads)
            if chosen is me:
                return True
        deadline = None if seconds is None else self.now + max(seconds, 0.0)
        in_time = self._await(me, gate, pending, deadline, chosen)
        while deliver(self, me) and in_time and not gate.is_open:  # it was only woken for that
            in_time = self._await(me, gate, pending, deadline, me)
        return in_time

    def _await(self, me: Controlled, gate: Gate, pending: Event, deadline: float | None, chosen: Controlled) -> bool:
        me.pending = pending
        me.timed_out = False
        me.deadline = deadline
        gate.wanting.append(me)
        me.gate = gate
        try:
            if chosen is not me:
                self._switched(me, chosen)
                self._hand_over(me, chosen)
                return not me.timed_out
            if not gate.is_open:
                self.unready(me)
                held_up(self, me, pending)
            self.pass_on(me)
        finally:
            me.gate = me.deadline = None
            gate.wanting.remove(me)
        return not me.timed_out

    def open(self, gate: Gate) -> None:
        """Those that want it can go on."""
        gate.is_open = True
        for waiting in gate.wanting:
            self.make_ready(waiting)

    def close(self, gate: Gate) -> None:
        """Those that want it must wait."""
        gate.is_open = False
        for waiting in gate.wanting:
            if not (waiting.timed_out or (self.signals and in_main(self, waiting))):
                self.unready(waiting)

    def here(self) -> Controlled | None:
        """The thread of control that calls; None if it is not ours.

        Raises:
            Abort: the execution is over.
        """
        me = self.running
        if me.ident == _get_ident():
            return me
        found = self.by_ident.get(_get_ident())
        if self.aborting:
            if found is not None:
                refuse(found)
            return None
        if found is None or found.outside:
            return None
        with self.border:
            pass  # until the watchdog has made up its mind about us
        if found.away:
            self.come_back(found)
        else:
            self.running = found
        return found

    # Threads of control

    def add(self, name: str, parent: Controlled | None, started: Site | None, *, daemon: bool = False) -> Controlled:
        """A new thread of control with the next number; it runs when it is launched."""
        me = Controlled(len(self.threads), name, -1 if parent is None else parent.number, started, daemon=daemon)
        self.threads.append(me)
        return me

    def launch(self, me: Controlled, body: Callable[[], object]) -> None:
        """`me` can go on, in a thread of its own, with `body`."""
        me.launched = True
        try:
            me.ident = REAL_THREADS.begin(partial(self._live, me, body), main=not me.number)
        except BaseException:
            me.launched = False
            raise
        self.make_ready(me)

    def run(self, main: Callable[[], object]) -> None:
        """Runs `main` as thread 0 and returns when all threads of control have ended; see `failure` and `left`."""
        self.launch(self.add("MainThread", None, None), main)
        try:
            self.running = self.threads[0]
            self.threads[0].baton.release()
            watch(self)
        finally:
            self.stop()
            self.left = unwind(self)

    def fail(self, failure: Failure) -> None:
        """The execution is over because of this, unless it was already."""
        if self.failure is None and not self.aborting:
            self.failure, self.gave_up = self.heartbeat.judged(failure)
        self.stop()

    def stop(self) -> None:
        """The execution is over; whoever is still in it will be unwound."""
        self.aborting = True
        self.running = self.nobody
        if self.over.locked():
            self.over.release()

    def _live(self, me: Controlled, body: Callable[[], object]) -> None:
        me.native = _native_id()
        me.ident = _get_ident()
        self.by_ident[me.ident] = me
        me.baton.acquire()
        try:
            if not self.aborting:
                body()
        except (Abort, SystemExit):
            pass  # the program of the main thread has looked at its SystemExit by then
        except BaseException as error:
            if not self.aborting:
                self.fail(uncaught(self, me, error))
        finally:
            self._ended(me)

    def _ended(self, me: Controlled) -> None:
        self.be_back()
        try:
            if not self.aborting:
                self.places.sweep(len(self.events))  # what was local to it goes before its end
            if not self.aborting:
                self.note(me, Kind.END, me.number, "", None)
            me.pending = None
            me.done = True
            if not self.aborting:
                self.unready(me)
                self.open(me.ended)
                if me.number:
                    self.pass_on(me)
                else:
                    self.stop()
        except Abort:
            pass
        finally:
            self.by_ident.pop(me.ident, None)
            me.gone.release()

    # The baton

    def pass_on(self, me: Controlled) -> None:
        """Somebody who is ready goes on; returns when `me` may, at once if it has ended."""
        ready = self.ready
        self.admit()
        while not ready:
            if not self._advance(me) and self._drop(me):
                return
            self.admit()  # who has come back just now
        running = me if me.ready else None
        chosen = self.choose(ready, running, self.threads) if len(ready) > 1 else ready[0]
        if chosen is not (running or ready[0]):
            self._switched(me, chosen)
        if chosen is not me:
            self._hand_over(me, chosen)

    def make_ready(self, waiting: Controlled) -> None:
        """It can go on."""
        if not waiting.ready:
            waiting.ready = True
            insort(self.ready, waiting, key=_number)

    def unready(self, waiting: Controlled) -> None:
        """It must wait."""
        if waiting.ready:
            waiting.ready = False
            self.ready.remove(waiting)

    def _hand_over(self, me: Controlled, chosen: Controlled) -> None:
        self.running = chosen
        if chosen.baton is not me.baton:
            chosen.baton.release()
            self._rest(me)

    def _rest(self, me: Controlled) -> None:
        if not (me.done or me.away):
            me.baton.acquire()
            if self.aborting:
                refuse(me)

    def _switched(self, me: Controlled, chosen: Controlled) -> None:
        self.switches.append((me.number, me.steps, me.pending, chosen.number, len(self.events)))

    def _at_limit(self, me: Controlled) -> None:
        if not self._fair:  # a scheduler may starve a thread that others wait for; nobody is to blame for that
            self._fair = True
            self._limit *= 2
            self.choose = Fair(self.events).choose
            return
        if only_time_helps(self):
            self._limit += LATELY if self._advance(me) or not self._drop(me) else BRIEFLY
            return
        if self.gave_up or not goes_on(self):
            at_limit(self, me)
            raise Abort
        self._limit += LONGEST

    # Time

    def _advance(self, me: Controlled) -> bool:
        """Nobody is ready: time goes on, or the program hangs. False if a call outside our control may end that."""
        if self.aborting:
            raise Abort
        if self.away:
            return False
        self.now, self.clock_reads = max(self.now, self.heartbeat.next_moment(me)), 0
        self.wake_sleepers()
        return True

    def wake_sleepers(self) -> None:
        """Those whose moment has come can go on."""
        for waiting in self.threads:
            if waiting.deadline is not None and waiting.deadline <= self.now and not waiting.ready:
                waiting.timed_out = True
                waiting.deadline = None
                self.make_ready(waiting)
