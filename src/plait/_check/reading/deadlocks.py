"""Deadlocks: who waits for whom when nobody can go on, and lock orders that can come to that, from a run that passed.

A prediction is a cycle in the graph of lock orders ("held A while it took B") with an edge of a different thread each,
no *gate* that two of them hold, and no order by start and join between them (Goodlock, Havelund 2000). It also comes
with the switches that make it happen: only an execution that deadlocks confirms it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from plait._check.reading.history import History
from plait._check.reading.steer import steer
from plait._check.reading.waits import waiting
from plait._check.record import Blocked, Failure, Switch
from plait._core.event import Kind

_LONGEST = 5  # locks in a predicted cycle
_MOST = 2000  # edges that are looked at: beyond, a program takes the same locks over and over


class Edge(NamedTuple):
    """A thread took lock `wanted` at event `at` while it held lock `held`, acquired at event `since`."""

    held: int
    wanted: int
    thread: int
    since: int
    at: int
    gates: frozenset[int]


class Cycle(NamedTuple):
    """Edges that together can block for ever, and the switches that make it happen."""

    edges: tuple[Edge, ...]
    switches: tuple[Switch, ...]


def predicted(history: History) -> list[Cycle]:
    """The cycles of lock orders in an execution that passed, one for each set of locks."""
    edges = _edges(history)
    by_held: dict[int, list[Edge]] = {}
    for edge in edges:
        by_held.setdefault(edge.held, []).append(edge)
    found: dict[frozenset[object], Cycle] = {}
    for edge in edges:
        for cycle in _cycles(history, by_held, (edge,)):
            key = frozenset((history.events[one.since].site, history.events[one.at].site) for one in cycle)
            switches = _switches(history, cycle) if key not in found else None
            if switches is not None:
                found[key] = Cycle(cycle, switches)
    return list(found.values())


def waiting_cycle(failure: Failure) -> tuple[Blocked, ...]:
    """The threads that wait for each other in a circle, each for the next; empty when there is no circle."""
    # What a thread waits on inside a Condition is a lock that it took itself: no circle.
    by_thread = {blocked.thread: blocked for blocked in failure.blocked if waiting(blocked).kind in ("lock", "join")}
    return tuple(by_thread[one] for one in circle({thread: one.holder for thread, one in by_thread.items()}))


def circle(waits: Mapping[int, int]) -> tuple[int, ...]:
    """Threads that wait for each other in a circle, the lowest number first, when each waits for one; empty without.

    >>> circle({0: 3, 2: 3, 3: 2})
    (2, 3)
    """
    for start in sorted(waits):
        path, at = [start], waits[start]
        while at in waits and at not in path:
            path.append(at)
            at = waits[at]
        if at == start:
            return tuple(path)
    return ()


def _edges(history: History) -> list[Edge]:
    """Each different edge once for each thread and pair of places in the source."""
    found: dict[tuple[object, ...], Edge] = {}
    for index, event in enumerate(history.events):
        held = history.locks(index)
        if event.kind != Kind.ACQUIRE or event.name or event.place in held or not history.is_lock(event.place):
            continue  # with a name it was an attempt, which would not have waited
        if event.place in history.mutexes.places:
            continue  # to give a semaphore back takes the lock inside, too
        for since in history.held[index]:
            lock = history.events[since].place
            key = lock, event.place, event.thread, history.events[since].site, event.site, held
            if history.is_lock(lock) and lock not in history.mutexes.places and key not in found:
                found[key] = Edge(lock, event.place, event.thread, since, index, held - {lock})
        if len(found) > _MOST:
            break
    return list(found.values())


def _cycles(history: History, by_held: dict[int, list[Edge]], way: tuple[Edge, ...]) -> Iterator[tuple[Edge, ...]]:
    """Ways that return to their beginning, each found once: it begins with its lowest lock."""
    for edge in by_held.get(way[-1].wanted, []):
        if edge.held < way[0].held or not all(_apart(history, edge, other) for other in way):
            continue
        if edge.wanted == way[0].held:
            yield (*way, edge)
        elif len(way) + 1 < _LONGEST and all(edge.wanted != other.held for other in way):
            yield from _cycles(history, by_held, (*way, edge))


def _apart(history: History, one: Edge, other: Edge) -> bool:
    """Whether two edges can be halfway at the same time."""
    if one.thread == other.thread or one.held == other.held:
        return False
    if (one.gates | {one.held}) & (other.gates | {other.held}):
        return False
    first, second = sorted((one, other), key=lambda edge: edge.at)
    return not history.must(first.at, second.since)


def _switches(history: History, cycle: tuple[Edge, ...]) -> tuple[Switch, ...] | None:
    ordered = sorted(cycle, key=lambda edge: edge.since)
    return steer(history, ordered[0].since, [edge.since for edge in ordered], ordered[0].thread)
