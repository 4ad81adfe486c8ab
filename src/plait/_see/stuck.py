"""Some threads or tasks that can never go on, while others of the process do: a deadlock in a server that answers."""

from __future__ import annotations

import sys
import threading
import time
from _thread import get_ident
from collections.abc import Iterator

from plait._core.awaits import awaited_frames
from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump
from plait._see.why.inside import look_inside, stack_of, tasks_of
from plait._see.why.known import Diagnosis
from plait._see.why.proc import run_time


class Stuck:
    """Looked at now and then, by one thread, which does not count itself.

    Looks closer only where somebody has not moved for long who was not among those of the last time, and not more often
    than that, for a look costs time where there are many tasks; and twice, since others run while it looks.
    """

    def __init__(self) -> None:
        self._since: dict[int, tuple[object, float]] = {}
        self._looked_at: frozenset[int] = frozenset()
        self._next_look = 0.0
        self._supposed: Diagnosis | None = None

    def found(self, seconds: float) -> Dump | None:
        """What the process does, once it is certain that some who have not moved for so long never will."""
        now = time.monotonic()
        was = self._since
        self._since = {who: (at, was[who][1] if was.get(who, (None,))[0] == at else now) for who, at in _places()}
        still = frozenset(who for who, (_, since) in self._since.items() if now - since >= seconds)
        if self._supposed is None and (still <= self._looked_at or now < self._next_look):
            self._looked_at &= still
            return None
        self._looked_at, self._next_look = still, now + seconds
        dump = look_inside()
        diagnosis = diagnose(dump)
        if diagnosis is None or not diagnosis.certain or not _are_among(diagnosis, dump, still):
            self._supposed = None
            return None
        if self._supposed != diagnosis:
            self._supposed = diagnosis
            return None
        self._supposed = None
        return dump


def _are_among(diagnosis: Diagnosis, dump: Dump, still: frozenset[int]) -> bool:
    """Whether nobody who is part of the finding has moved."""
    names = {step.who for step in diagnosis.steps}
    return all(thread.ident in still for thread in dump.threads if thread.name in names)


def _places() -> Iterator[tuple[int, object]]:
    """Where each thread and task is. Who waits for a lock is not woken, and so has not run for a nanosecond."""
    known = dict(threading._active)  # type: ignore[attr-defined]  # enumerate() takes a lock
    for ident, frame in sys._current_frames().items():
        if ident == get_ident():
            continue
        thread = known.get(ident)
        native = (thread.native_id if thread is not None else 0) or 0
        yield ident, (id(frame), frame.f_lasti, run_time("self", native))
        for task in tasks_of([*stack_of(frame)]):
            yield id(task), [(id(one), one.f_lasti) for one in awaited_frames(task.get_coro())]
