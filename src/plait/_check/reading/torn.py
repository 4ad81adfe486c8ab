"""Two parts that belong together, one seen from before a change and the other from after it.

::

    writer  writes x          writes y          reader  reads x                     reads y
    reader            x  y                      writer           writes x  writes y

This is the fallback for values that are wrong where no single part was split: any two writes of a thread look like this
when another reads both in between, so it is asked only for an execution whose result is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait._check.reading.atomicity import one_call, overlap, updates, waits_between
from plait._check.reading.half import of_one_caller
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._core.event import Event, Kind

_NEAR = 40  # accesses of the other thread that are looked at
_MANY = 300


class Torn(NamedTuple):
    """The two steps of the thread that is split, and the two of the other in between; the latter may be one."""

    first: int
    between: tuple[int, int]
    second: int


def torn(history: History, sources: Sources) -> Torn | None:
    """The pair that lies closest together, None if there is none."""
    return min(_all(history, sources), key=lambda one: (one.second - one.first, one.first), default=None)


def _all(history: History, sources: Sources) -> Iterator[Torn]:
    events = history.events
    accesses = [
        index
        for index, event in enumerate(events)
        if event.kind in (Kind.READ, Kind.WRITE) and event.place >= 0 and event.site is not None
    ][-_MANY:]
    for thread in history.of:
        mine = [index for index in accesses if events[index].thread == thread]
        for at, second in enumerate(mine):
            for first in reversed(mine[max(0, at - _NEAR) : at]):
                others = [index for index in accesses if first < index < second and events[index].thread != thread]
                found = _between(history, first, others[:_NEAR], second, sources) if others else None
                if found is not None and not any(history.in_order(first, one, second) for one in found.between):
                    yield found
                    break


def _makes(event: Event) -> bool:
    """Whether it gives a new object its first values."""
    return event.site is not None and event.site.function.rpartition(".")[2] in ("__init__", "__new__", "<module>")


def _between(history: History, first: int, others: list[int], second: int, sources: Sources) -> Torn | None:
    one, two = history.events[first], history.events[second]
    if one.kind != two.kind or overlap(one, two) or waits_between(history, first, second):
        return None
    if not one_call(history, first, second):
        if _makes(one) or (one.kind == Kind.READ and not of_one_caller(history, first, second, sources)):
            return None
    if one.kind == Kind.READ and updates(history, first) and updates(history, second):
        return None
    kind = Kind.READ if one.kind == Kind.WRITE else Kind.WRITE
    touching = [index for index in others if history.events[index].kind == kind and not updates(history, index)]
    for former in touching:
        for latter in touching:
            same = former == latter or history.events[former].thread == history.events[latter].thread
            if same and overlap(history.events[former], one) and overlap(history.events[latter], two):
                pair = (min(former, latter), max(former, latter))
                if kind == Kind.WRITE or former == latter or one_call(history, *pair):
                    return Torn(first, pair, second)
    return None
