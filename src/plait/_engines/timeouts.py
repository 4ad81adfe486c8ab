"""Watch: keeps the per-item timeout of a run on threads: tell the function, inject an exception, give it up."""

from __future__ import annotations

import time

from plait._core.batch import Batch
from plait._engines.crew import Crew
from plait._engines.halting import Alarm, Seat, prepare_injection, timeout_error

GRACE = 0.05  # seconds in which a task that polls ``current().cancelled`` can end by itself
AGAIN = 0.02  # seconds until the exception is offered again to a thread that could not take it
UNWIND = 0.12  # seconds that an injected exception has to get a function out of its code


class Watch:
    """Keeps one timeout: call `look` now and then; `due` says when."""

    def __init__(self, crew: Crew, timeout: float) -> None:
        self._crew = crew
        self._timeout = timeout

    def look(self, now: float) -> int:
        """Take the next step with every item that is over its time; how many threads were given up."""
        lost = 0
        for seat in list(self._crew.seats):
            alarm = seat.alarm
            if alarm is None:
                if seat.began and (alarm := seat.raise_alarm(self._timeout, now)) is not None:
                    alarm.due = now + GRACE
                    prepare_injection()
                    with self._crew.lock:
                        self._crew.take_rest(seat)
            elif now >= alarm.due:
                lost += self._press(seat, alarm, now)
        return lost

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
        if seat.injected or now - alarm.raised >= GRACE + UNWIND:
            return self._give_up(seat, alarm)
        seat.inject(alarm)
        alarm.due = now + (UNWIND if seat.injected else AGAIN)
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
        known.failures[0] = timeout_error(batch, offset, seat.name, self._timeout, note)
        known.worker, known.started, known.ended = seat.name, alarm.began, time.perf_counter()
        known.spans.append((alarm.began, known.ended))
        self._crew.finished.append(known)
        return True
