"""The thread that started an execution looks after it: a thread that blocks outside our control is let go."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from plait._check.closed_world import ClosedWorld
from plait._check.controlled import Abort, Controlled
from plait._check.diagnosis import stuck
from plait._check.record import IF_IT_HANGS, TIME_IS_UP, Standstill
from plait._draw.timeline import short_name

if TYPE_CHECKING:
    from plait._check.execution import Execution

_TICK = 0.025  # seconds between two looks
_BRIEF = 0.005  # the same while all wait for calls outside our control
_RESTLESS = 0.25  # seconds without any event of a thread that sleeps and wakes, after which it is let go all the same
_DOUBT = 0.001  # seconds in which a thread that has just woken would show it
_NOTICED = 1.0  # seconds without any event that are told
_GRACE = 3.0  # seconds for an execution that has begun in time
_PATIENCE = 10.0  # seconds of real time without any event after which the execution is given up


def watch(execution: Execution) -> None:
    """Returns when the execution is over."""
    watching = _Watch(execution)
    while not execution.over.acquire(True, _BRIEF if execution.dropped else _TICK):
        watching.look()


class _Watch:
    """What was seen at the last look, to compare with."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.events = -1
        self.signs: object = None
        self.moved = self.looked = now = monotonic()
        until = execution.until  # whoever is the first has as long again, since nothing can be said without one
        self.world: ClosedWorld | None = None
        self.end = float("inf") if until is None else max(until + _GRACE, 2 * until - now)

    def look(self) -> None:
        execution = self.execution
        now = monotonic()
        elapsed, self.looked = now - self.looked, now
        if len(execution.events) != self.events:
            self.events, self.moved, self.signs = len(execution.events), now, None
        if execution.dropped:
            self._wait_outside(elapsed)
        elif not execution.aborting:
            self._suspect(execution.running)
        if now > self.end and not execution.aborting:
            execution.gave_up = TIME_IS_UP
            execution.standstill = self._standstill(now)
            execution.stop()
        elif now - self.moved > _PATIENCE and not execution.aborting:
            self._give_up()

    def _wait_outside(self, elapsed: float) -> None:
        """Everybody waits for a call outside our control: virtual time goes on as real time does."""
        execution = self.execution
        with execution.border:
            if execution.dropped and not (execution.aborting or execution.returned):
                execution.now += elapsed
                self.world = self.world or ClosedWorld(execution)
                if self.world.stuck() and not execution.returned:
                    self._go_on_by_time(self.world)
                if not execution.aborting:
                    execution.wake_sleepers()
                    execution.pick_up()

    def _go_on_by_time(self, world: ClosedWorld) -> None:
        """Nobody outside our control ends a wait: so time does, or the program hangs."""
        execution, moment = self.execution, world.next_moment()
        if moment is None:
            execution.fail(stuck(execution, execution.threads[0]))
            return
        with suppress(Abort):
            moment = execution.heartbeat.next_outside(moment, alone=world.hangs)
            execution.now = max(execution.now, moment)

    def _suspect(self, running: Controlled) -> None:
        """If it has not moved since the last look and sleeps, it is let go.

        At once where it was before, as in a loop in C that has called something of Python in between.
        """
        execution = self.execution
        signs = _signs(running)
        restless = self.looked - self.moved > _RESTLESS
        if signs is None or (signs != self.signs and _place(running) != running.blocked and not restless):
            self.signs = signs
            return
        with execution.border:
            if execution.running is not running:
                return
            events, pending = len(execution.events), running.pending
            execution.running = execution.nobody
            sleep(_DOUBT)  # without the GIL: a thread that waited for it is ready to run now, or has run
            moved = _signs(running) != signs
            if (
                moved
                or len(execution.events) != events
                or running.pending is not pending
                or running.done
                or running.away
            ):
                if execution.running is execution.nobody and not execution.aborting:
                    execution.running = running
                return
            running.away = True
            running.blocked = _place(running)
            execution.away += 1
            execution.tell_outside(f"{running.name} blocked at {self._line(running)}")
            execution.unready(running)
            execution.pick_up()

    def _give_up(self) -> None:
        execution = self.execution
        standstill = self._standstill(self.moved + _PATIENCE)
        execution.gave_up = f"{standstill.doing}; {IF_IT_HANGS}" if standstill.outside else standstill.doing
        execution.stop()

    def _standstill(self, now: float) -> Standstill:
        """What it does that is not seen; nothing if there was an event a moment ago."""
        execution = self.execution
        seconds = now - self.moved
        if seconds < _NOTICED:
            return Standstill()
        outside = execution.dropped or execution.running is execution.nobody
        if outside:
            calls = [f"{thread.name} at {self._line(thread)}" for thread in execution.threads if thread.away]
            doing = f"for {seconds:.0f} s everything waited for calls outside our control: {' and '.join(calls)}"
        else:
            running = execution.running
            doing = f"{running.name} has been running for {seconds:.0f} s without a step at {self._line(running)}"
        return Standstill(seconds, doing, outside)

    def _line(self, thread: Controlled) -> str:
        """The line of the user's that a thread is in."""
        stack = self.execution.sites.stack(sys._current_frames().get(thread.ident))
        mine = [frame for frame in stack if frame.mine]
        return f"{short_name(mine[-1].file)}:{mine[-1].line}" if mine else "a place that is not yours"


def _place(me: Controlled) -> object:
    """The innermost place in Python where a thread is."""
    frame = sys._current_frames().get(me.ident)
    return None if frame is None else (id(frame), frame.f_lasti)


def _signs(me: Controlled) -> object:
    """What changes when a thread runs, None if it does run now: how often it has slept, or where it is."""
    if not me.native:
        return None  # it has not even begun
    try:
        text = Path(f"/proc/self/task/{me.native}/status").read_bytes()
    except OSError:
        frame = sys._current_frames().get(me.ident)
        return (me.ident, None) if frame is None else (me.ident, id(frame), frame.f_lasti)
    if b"\nState:\tS" not in text and b"\nState:\tD" not in text:
        return None
    return me.ident, text[text.find(b"\nvoluntary_ctxt_switches") :]
