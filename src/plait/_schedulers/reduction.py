"""Which pairs of events of an execution could have come the other way round, and would matter: a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from plait._core.event import Event, Kind, conflict


class Race(NamedTuple):
    """The event at index `first` conflicts with a later one of `thread`, and nothing makes it come first."""

    first: int
    thread: int


Clock = dict[int, int]


def races(executed: Sequence[Event], pending: Iterable[Event] = ()) -> list[Race]:
    """All of them; `pending` are events that threads were about to execute at the end.

    >>> write, read = Event(0, Kind.WRITE, 7, "n", None), Event(1, Kind.READ, 7, "n", None)
    >>> races([write, read])
    [Race(first=0, thread=1)]
    """
    return _Analysis(executed).run(pending)


class _Seen(NamedTuple):
    at: int
    nth: int  # which event of its thread it is
    event: Event
    clock: Clock


class _Analysis:
    """Vector clocks over the events, what happens before what: program order, starts, ends, and all conflicts."""

    def __init__(self, executed: Sequence[Event]) -> None:
        self._executed = executed
        self._clocks: dict[int, Clock] = {}
        self._last: dict[int, dict[tuple[int, Kind, str], _Seen]] = {}
        self._found: dict[Race, None] = {}

    def run(self, pending: Iterable[Event]) -> list[Race]:
        for index, event in enumerate(self._executed):
            clock = self._clocks.setdefault(event.thread, {})
            self._look_for_races(event, clock)
            self._advance(index, event, clock)
        for event in pending:
            self._look_for_races(event, self._clocks.get(event.thread, {}))
        return list(self._found)

    def _look_for_races(self, event: Event, clock: Clock) -> None:
        for seen in self._last.get(event.place, {}).values():
            other = seen.event
            if other.thread == event.thread or clock.get(other.thread, 0) >= seen.nth:
                continue
            if conflict(other, event) and not _gives_way(other, event):
                self._found[Race(seen.at, event.thread)] = None

    def _advance(self, index: int, event: Event, clock: Clock) -> None:
        count = clock[event.thread] = clock.get(event.thread, 0) + 1
        if event.kind is Kind.START:
            self._clocks[event.place] = dict(clock)
        elif event.kind is Kind.JOIN:
            _merge(clock, self._clocks.get(event.place, {}))
        elif event.place >= 0 and event.kind is not Kind.END:
            last = self._last.setdefault(event.place, {})
            for seen in last.values():
                if conflict(seen.event, event):
                    _merge(clock, seen.clock)
            last[event.thread, event.kind, event.name] = _Seen(index, count, event, dict(clock))


def _gives_way(first: Event, then: Event) -> bool:
    """Whether the second could only come after the first: nobody acquires what has not been released."""
    return first.kind is Kind.RELEASE and then.kind is Kind.ACQUIRE


def _merge(clock: Clock, other: Clock) -> None:
    for thread, count in other.items():
        if clock.get(thread, 0) < count:
            clock[thread] = count
