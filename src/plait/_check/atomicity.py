"""Two accesses of one thread that belong together and another thread's access between them: atomicity violations.

In one execution they explain a failure: `splits`. In one that passed they are predicted, and `candidates` gives the
switches that make them happen, since only an execution that fails confirms one.

The patterns that no serial order of the two threads can give are those of AVIO (Lu et al., ASPLOS 2006)::

    first  other  second
    read   write  write     a lost update, or an act on a check that no longer holds
    read   write  read      a read that cannot be repeated
    write  write  read      what is read back is somebody else's
    write  read   write     a state in between is seen
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait._check.history import History
from plait._check.record import Switch
from plait._check.steer import steer
from plait._core.event import Event, Kind, conflict

_READ, _WRITE = Kind.READ, Kind.WRITE
_KINDS = {
    (_READ, _WRITE, _WRITE): "lost update",
    (_READ, _WRITE, _READ): "non-repeatable read",
    (_WRITE, _WRITE, _READ): "non-repeatable read",
    (_WRITE, _READ, _WRITE): "broken invariant",
}
_MANY = 32  # accesses of others that are looked at between two of one thread
_CANDIDATES = 24


class Split(NamedTuple):
    """The indices of three events: two of one thread and, in between or to be brought there, one of another."""

    kind: str
    first: int
    other: int
    second: int


class Candidate(NamedTuple):
    """A split that an execution which passed makes likely, and the switches that would make it happen."""

    split: Split
    switches: tuple[Switch, ...]


def splits(history: History) -> list[Split]:
    """Every unserialisable triple that happened, in the order of the second access."""
    found = []
    for accesses in by_place(history).values():
        for at, first, second in _pairs(history, accesses):
            for other in accesses[at + 1 : at + 1 + _MANY]:
                if other >= second:
                    break
                kind = _kind(history, first, other, second)
                if kind:
                    found.append(Split(kind, first, other, second))
    return sorted(found, key=lambda split: (split.second, split.first, split.other))


def candidates(history: History) -> list[Candidate]:
    """What could be split and was not: one for each three places in the source, the likeliest first."""
    found: dict[tuple[object, ...], Candidate] = {}
    for accesses in by_place(history).values():
        if len({history.events[index].thread for index in accesses}) < 2:
            continue
        for _, first, second in _pairs(history, accesses):
            if history.events[first].site is None or not _one_call(history, first, second):
                continue
            for other in accesses:
                split = _possible(history, first, other, second)
                key = split and (split.kind, *(history.events[index].site for index in split[1:]))
                if split is None or key is None or key in found:
                    continue
                switches = steer(history, (first, other), history.events[first].thread)
                if switches is not None:
                    found[key] = Candidate(split, switches)
                    if len(found) >= 4 * _CANDIDATES:
                        break
    return sorted(found.values(), key=_likelihood)[:_CANDIDATES]


def by_place(history: History) -> dict[int, list[int]]:
    """The reads and writes of each object, by index."""
    accesses: dict[int, list[int]] = {}
    for index, event in enumerate(history.events):
        if event.kind in (_READ, _WRITE) and event.place >= 0:
            accesses.setdefault(event.place, []).append(index)
    return accesses


def overlap(one: Event, other: Event) -> bool:
    """Whether the two touch the same part of the same object, whatever they do with it."""
    return conflict(one._replace(kind=_WRITE), other._replace(kind=_WRITE))


def _pairs(history: History, accesses: list[int]) -> Iterator[tuple[int, int, int]]:
    """Position of the first, first, second: neighbours among one thread's accesses to overlapping parts."""
    last: dict[tuple[int, str], int] = {}
    for position, index in enumerate(accesses):
        event = history.events[index]
        names = {event.name} if event.name[:1] != "[" or event.name == "[]" else {event.name, "[]"}
        if event.name == "[]":
            names |= {name for thread, name in last if thread == event.thread and name[:1] == "["}
        for at in sorted({last[event.thread, name] for name in names if (event.thread, name) in last}):
            yield at, accesses[at], index
        last[event.thread, event.name] = position


def _kind(history: History, first: int, other: int, second: int) -> str:
    """The kind of a triple, "" when it is harmless."""
    one, middle, two = history.events[first], history.events[other], history.events[second]
    if middle.thread == one.thread or not (overlap(one, middle) and overlap(middle, two)):
        return ""
    kind = _KINDS.get((one.kind, middle.kind, two.kind), "")
    if kind and history.locks(first) & history.locks(second) and not history.held_over(first, second):
        return "lock released in between"
    return kind


def _possible(history: History, first: int, other: int, second: int) -> Split | None:
    """Whether another execution could bring `other` between the two."""
    kind = _kind(history, first, other, second)
    if not kind or first < other < second:
        return None
    if history.held_over(first, second) & history.locks(other):
        return None
    if history.must(other, first) or history.must(second, other):
        return None
    return Split(kind, first, other, second)


def _one_call(history: History, first: int, second: int) -> bool:
    """Whether the two are likely to be of the same call: of one function that was not entered again in between."""
    one, two = history.events[first].site, history.events[second].site
    if one is None or two is None or one.function != two.function:
        return False
    mine = history.of[history.events[first].thread]
    between = (history.events[index] for index in mine[history.steps[first] + 1 : history.steps[second]])
    return not any(
        event.kind == Kind.ENTER and event.site is not None and event.site.function == one.function for event in between
    )


def _likelihood(candidate: Candidate) -> tuple[int, int]:
    order = ("lost update", "lock released in between", "non-repeatable read", "broken invariant")
    return order.index(candidate.split.kind), len(candidate.switches)
