"""Says that each of two threads has missed what the other one did, where nobody asks.

``past = list(log)`` and then ``readers.append(me)``: what another thread writes to the log in between, and hands to the
readers that there are, goes to nobody. No access is undone by another here, so it is only told of a failed assertion
for which nothing else is to blame.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from plait._check.atomicity import called_within, contents, one_call, overlap
from plait._check.findings import Finding
from plait._check.history import History
from plait._check.source import Sources
from plait._check.window import on_gil_builds
from plait._check.words import Words, numbered
from plait._core.event import Event, Kind

_NEAR = 8  # events of a thread, one after the other, among which a call of the same function is looked for
_MOST = 300  # accesses that are looked at, the last ones
_FEW = 8  # of the same kind behind one access


class Between(NamedTuple):
    """A thread's look and later change; in between another one's change of the first thing, look at the second."""

    first: int
    second: int
    other_first: int
    other_second: int


def explain_between(history: History, before: History | None, sources: Sources) -> Finding | None:
    """The finding for the last of them that an execution which passed does not have; None if there is none."""
    usual = {_sites(before, one) for one in _all(before)} if before is not None else set()
    found = max((one for one in _all(history) if _sites(history, one) not in usual), default=None)
    if found is None:
        return None
    words, events = Words(history, sources), history.events
    first, second, other_first, other_second = history.sites(*found)
    one, other = (words.thread(events[index].thread) for index in (found.first, found.other_first))
    things = [words.thing(index) for index in found]
    there = {site for site in (other_first, other_second) if site is not None}
    alike = len({site.file for site in there}) == 1
    apart = f"{words.line(other_first, first)} and {words.line(other_second, first)}"
    where = numbered(sorted({site.line for site in there})) if alike else apart
    gil, reason = on_gil_builds(history, found.first, found.second, sources)
    return Finding(
        "broken invariant",
        f"Each has missed what the other did: {things[0]} and {things[1]}",
        f"{one} looks at `{things[0]}` in {words.line(first)} and changes `{things[1]}` after that, in "
        f"{words.line(second, first)}. In between {other} changes `{things[2]}` in {words.line(other_first, first)} "
        f"and looks at `{things[3]}` in {words.line(other_second, first)}. So neither knows of the other.",
        f"Hold one lock over {words.block((first, second))}, without letting go of it in between; and over {where}.",
        (words.side(found.first), words.side(found.other_first)),
        tuple(words.moment(index) for index in sorted(found)),
        gil=gil,
        reason=reason,
    )


def _sites(history: History, found: Between) -> tuple[object, ...]:
    return tuple(history.sites(*found))


def _all(history: History) -> Iterator[Between]:
    seen, users = contents(history), dict[int, set[int]]()
    for event in history.events:
        users.setdefault(event.place, set()).add(event.thread)
    touches: dict[int, Event] = {
        index: seen.get(index, event)
        for index, event in enumerate(history.events)
        if event.kind in (Kind.READ, Kind.WRITE) and event.site is not None and len(users[event.place]) > 1
    }
    last = list(touches)[-_MOST:]
    for first in (at for at in last if touches[at].kind == Kind.READ):
        event = touches[first]
        others = [at for at in last if at > first and touches[at].thread != event.thread]
        answers = [at for at in others if touches[at].kind == Kind.WRITE and overlap(event, touches[at])]
        mine = (at for at in last if answers and at > answers[0] and touches[at].thread == event.thread)
        differ = (at for at in mine if touches[at].kind == Kind.WRITE and not overlap(event, touches[at]))
        for second in islice((at for at in differ if one_call(history, first, at)), _FEW):
            yield from _answered(history, (first, second), answers[:_FEW], others, touches)


def _answered(
    history: History, mine: tuple[int, int], answers: list[int], others: list[int], touches: dict[int, Event]
) -> Iterator[Between]:
    first, second = mine
    for answer in (at for at in answers if at < second):
        for at in others:
            event = touches[at]
            if at >= second or (event.thread, event.kind) != (touches[answer].thread, Kind.READ):
                continue
            if overlap(event, touches[second]) and _same_work(history, min(answer, at), max(answer, at)):
                yield Between(first, second, answer, at)


def _same_work(history: History, one: int, two: int) -> bool:
    """Whether two events of a thread are of one call, or of what that calls."""
    if one_call(history, one, two) or called_within(history, one, two):
        return True
    step = history.steps[one]
    mine = history.of[history.events[one].thread]
    return any(one_call(history, index, two) for index in mine[max(0, step - _NEAR) : step])
