"""Half changed: a thread saw one of two parts after its change and the other before its own, and then it failed.

`torn` finds this where both changes were made. Here the second was still to come when the execution failed; that it
would have come is known from one that passed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from plait._check.reading.atomicity import one_call, overlap
from plait._check.reading.history import History
from plait._check.reading.ordering import Swap, label
from plait._check.reading.source import Sources
from plait._core.event import Event, Kind, Site

_NEAR = 40  # events of the writer between the two changes
_LOOKED_AT = 12  # reads of what others change, backwards from the failure


class Half(NamedTuple):
    """Two uses of parts that belong together.

    Attributes:
        change: index of the change that had been made when the execution failed.
        uses: indices there of the use of that part, and of the use of the other, which was to be changed next.
        site: where that would have been done.
        changes: indices of both changes in the execution that passed.
        guards: whether the first use is a test that says whether to go on to the other.
    """

    change: int
    uses: tuple[int, int]
    site: Site | None
    changes: tuple[int, int]
    guards: bool


def half(failing: History, passing: History, swap: Swap, sources: Sources) -> Half | None:
    """What was seen half changed at a use of one of the parts; None if nothing was."""
    written = [index for index in failing.of.get(swap.writer, []) if failing.events[index].kind == Kind.WRITE]
    here = {failing.events[index].site: index for index in written if index < swap.use}
    for first, second in _pairs(passing, swap.writer, sources):
        one, two = passing.events[first], passing.events[second]
        change = here.get(one.site, -1)
        if change < 0 or two.site in here or swap.site != (two.site if swap.late else one.site):
            continue
        for other in failing.of[failing.events[swap.use].thread]:
            seen, missed = (other, swap.use) if swap.late else (swap.use, other)
            parts = (failing.events[seen], failing.events[missed])
            if seen < change or missed < change or not overlap(parts[0], failing.events[change]):
                continue
            if _is(failing, parts[1], passing, two) and _belong(failing, seen, missed, one.place == two.place, sources):
                guards = seen < missed and _guards(parts[0].site, parts[1].site, sources)
                return Half(change, (seen, missed), two.site, (first, second), guards)
    return None


def half_read(failing: History, passing: History, reader: int, sources: Sources) -> Half | None:
    """What a thread had read half changed, of another one that was in the middle of it; None if it had read nothing so.

    The line that fails touches only what was made of it by then: a snapshot, for example.
    """
    changes = [event for event in failing.events if event.thread != reader and event.kind == Kind.WRITE]
    places = {event.place for event in changes}
    mine = (index for index in reversed(failing.of.get(reader, [])) if failing.events[index].kind == Kind.READ)
    for use in islice((index for index in mine if failing.events[index].place in places), _LOOKED_AT):
        made = (one for one in changes if overlap(one, failing.events[use]))
        for writer, site in dict.fromkeys((one.thread, one.site) for one in made):
            found = half(failing, passing, Swap(use, -1, site, writer, late=False), sources)
            if found is not None:
                return found
    return None


def _pairs(history: History, writer: int, sources: Sources) -> Iterator[tuple[int, int]]:
    """Two changes of different things that the thread makes in one call, the one soon after the other."""
    mine = history.of.get(writer, [])
    for at, first in enumerate(mine):
        if history.events[first].kind == Kind.WRITE:
            for second in mine[at + 1 : at + 1 + _NEAR]:
                event = history.events[second]
                if event.kind == Kind.WRITE and not overlap(event, history.events[first]):
                    if one_call(history, first, second) or of_one_caller(history, first, second, sources):
                        yield first, second


def of_one_caller(history: History, first: int, second: int, sources: Sources) -> bool:
    """Whether one call of a function has made the two calls in which the events are: a transfer takes, and gives."""
    mine = history.of[history.events[first].thread]
    names = {site.function.rpartition(".")[2] for site in history.sites(first, second) if site is not None}
    for index in reversed(mine[: history.steps[first]]):
        site = history.events[index].site
        if history.events[index].kind != Kind.ENTER or site is None:
            continue
        if (function := sources.function(site)) is not None and names <= _called(function):
            between = (history.events[at] for at in mine[history.steps[first] : history.steps[second]])
            return not any(event.kind == Kind.ENTER and event.site == site for event in between)
    return False


def _called(function: ast.AST) -> set[str]:
    """The last names of all that a function calls; of what is before a dot, which may be a property, too."""
    nodes = [*ast.walk(function)]
    names = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _is(failing: History, read: Event, passing: History, change: Event) -> bool:
    """Whether it reads what the change, of another execution, is of."""
    named = read.kind == Kind.READ and read.name == change.name
    return named and label(failing, read.place) == label(passing, change.place)


def _belong(failing: History, seen: int, missed: int, of_one: bool, sources: Sources) -> bool:
    """Whether the two uses are of parts of one object, or of one statement."""
    one, two = failing.events[seen], failing.events[missed]
    if one.kind != Kind.READ or one.site is None or two.site is None or overlap(one, two):
        return False
    if of_one != (one.place == two.place) or not one_call(failing, min(seen, missed), max(seen, missed)):
        return False
    return of_one or sources.statement(one.site) is sources.statement(two.site)


def _guards(one: Site | None, two: Site | None, sources: Sources) -> bool:
    """Whether a test of the one lets the thread come to the other."""
    return one is not None and two is not None and sources.in_test(one) and not sources.compared(one, two)
