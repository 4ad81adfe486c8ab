"""Says that a weak reference was asked twice: it gave the object for the check, and None for the use."""

from __future__ import annotations

from typing import NamedTuple

from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words, frame_site, innermost, line_of
from plait._check.record import Failure
from plait._core.event import Kind

_LABELS = ("weakref", "ReferenceType", "WeakMethod", "KeyedRef")  # what such references are called by their types
_GONE = "'NoneType' object"  # how Python's errors call what a dead reference gives


class _Asked(NamedTuple):
    """The reads of the reference that gave the object and None; and who let go in between, -1 where nobody is seen."""

    first: int
    second: int
    other: int


def explain_weakref(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for a thread that uses what a weak reference gives as if it were still there; None if none does."""
    asked = _asked(history, failure) if _GONE in str(failure.exception) else None
    if asked is None:
        return None
    words = Words(history, sources)
    one = words.thread(history.events[asked.first].thread)
    sites = history.sites(*asked[:2])
    thing = words.thing(asked.first)
    thing = thing if thing.endswith(")") else f"{thing}()"
    then = words.line(sites[1], sites[0]) if sites[1] != sites[0] else "the same line"
    why = (
        f"{one} asks the weak reference twice: `{thing}` gave the object in {words.line(sites[0])}, and None in {then}."
    )
    sides, moments = [words.side(asked.first)], [words.moment(asked.first, f"{thing} gives the object")]
    if asked.other >= 0:
        event = history.events[asked.other]
        why += f" In between {words.thread(event.thread)} lets go of it in {words.line(event.site, sites[0])}; a weak "
        why += "reference keeps nothing alive."
        sides.append(words.side(asked.other))
        moments.append(words.moment(asked.other))
    moments.append(words.moment(asked.second, f"{thing} gives None"))
    gil, reason = on_gil_builds(history, asked.first, asked.second, sources)
    return Finding(
        "used after the end",
        f"A weak reference that is asked twice: {thing}",
        why,
        f"Ask once and hold the answer, which keeps the object alive: `found = {thing}`, then `if found is not None:` "
        "and go on with `found`.",
        tuple(sides),
        tuple(moments),
        gil=gil,
        reason=reason,
    )


def _asked(history: History, failure: Failure) -> _Asked | None:
    """The last two reads of one weak reference, the second in the line that failed."""
    site = frame_site(innermost(failure.stack))
    reads = [
        index
        for index in history.of.get(failure.thread, [])
        if history.events[index].kind == Kind.READ and _is_weak(history, index)
    ]
    if site is None or not reads:
        return None
    second = history.events[reads[-1]]
    earlier = [index for index in reads[:-1] if history.events[index].place == second.place]
    if not earlier or line_of(second.site) != line_of(site):
        return None
    first = earlier[-1]
    between = [
        index
        for index in range(first + 1, reads[-1])
        if history.events[index].thread != failure.thread and history.events[index].site is not None
    ]
    writes = [index for index in between if history.events[index].kind == Kind.WRITE]
    return _Asked(first, reads[-1], (writes or between or [-1])[-1])


def _is_weak(history: History, index: int) -> bool:
    place = history.record.places.get(history.events[index].place)
    return place is not None and place.label in _LABELS
