"""Watch: stops single items on threads, timed out or revoked: tell the function, inject an exception, give it up."""

from __future__ import annotations

import math
import time

from plait._core.batch import Batch
from plait._engines.crew import Crew
from plait._engines.halting import Alarm, Seat
from plait._engines.injection import prepare_injection
from plait._engines.patience import AGAIN, GRACE, HELD_UP, LOOKS, UNWIND


class Watch:
    """Keeps the timeout, if there is one, and stops what is revoked: call `look` now and then; `due` says when."""

    def __init__(self, crew: Crew, timeout: float | None) -> None:
        self._crew = crew
        self._timeout = math.inf if timeout is None else timeout
        self._revoking = False

    def revoke(self, index: int, now: float) -> None:
        """The item is not wanted any more, whether it waits or runs."""
        crew = self._crew
        if crew.feed.withdraw(index):
            return
        told: Seat | None = None
        with crew.lock:
            for seat in crew.seats:
                batch = seat.batch
                if batch is None or not batch.base <= index < batch.end:
                    continue
                crew.take_rest(seat)
                if index < batch.end and (alarm := seat.revoke(batch, index - batch.base, now)) is not None:
                    alarm.due = now + GRACE
                    self._revoking = True
                    told = seat
        if told is not None:
            told.rouse()
            prepare_injection()

    def look(self, now: float) -> int:
        """Take the next step with every item that is not to go on; how many threads were given up."""
        lost = 0
        self._revoking = False
        for seat in list(self._crew.seats):
            alarm = seat.alarm
            if alarm is None:
                if seat.began and (alarm := seat.raise_alarm(self._timeout, now)) is not None:
                    alarm.due = now + GRACE
                    seat.rouse()
                    prepare_injection()
                    with self._crew.lock:
                        self._crew.take_rest(seat)
                continue
            self._revoking = self._revoking or alarm.timeout is None
            if now >= alarm.due:
                lost += self._press(seat, alarm, now)
        return lost

    @property
    def needed(self) -> bool:
        """Whether there is anything to look for."""
        return self._revoking or self._timeout < math.inf

    def due(self, now: float) -> float:
        """Seconds until the next step, if nothing begins or ends before."""
        soonest = self._timeout
        for seat in self._crew.seats:
            alarm, began = seat.alarm, seat.began
            if alarm is not None:
                soonest = min(soonest, alarm.due - now)
            elif began:
                soonest = min(soonest, began + self._timeout - now)
        return max(0.001, soonest)

    def _press(self, seat: Seat, alarm: Alarm, now: float) -> bool:
        if not seat.injected:
            first = not alarm.last
            seat.inject(alarm)
            if first or seat.injected or now - alarm.raised < GRACE + UNWIND:
                return self._wait_for(seat, alarm, now)
        alarm.looks += 1
        alarm.late = max(alarm.late, now - alarm.due)
        latest = alarm.raised + HELD_UP
        if now < alarm.last or alarm.looks < LOOKS or (seat.is_sheltered() and now < latest):
            alarm.due = now + AGAIN
            return False
        if not alarm.rounds or now >= latest or not seat.kept_waiting(alarm.late):
            return self._give_up(seat, alarm)
        alarm.rounds -= 1
        return self._wait_for(seat, alarm, now)

    def _wait_for(self, seat: Seat, alarm: Alarm, now: float) -> bool:
        """Give it the time for one step; it is not given up."""
        seat.kept_waiting()
        alarm.looks, alarm.late, alarm.last, alarm.due = 0, 0.0, now + UNWIND, now + AGAIN
        return False

    def _give_up(self, seat: Seat, alarm: Alarm) -> bool:
        batch = seat.batch
        if not seat.abandon(alarm) or batch is None:
            return False
        self._crew.lose(seat)
        offset = alarm.offset
        self._crew.release(seat, batch, offset)
        known = Batch(batch.base + offset, batch.items[offset : offset + 1], batch.attempt)
        note = "; its thread could not be stopped and was left behind"
        known.values.append(None)
        known.failures[0] = alarm.error(batch, seat.name, note)
        known.worker, known.started, known.ended = seat.name, alarm.began, time.perf_counter()
        known.spans.append((alarm.began, known.ended))
        self._crew.finished.append(known)
        return True
