"""Who would have ended a wait: where an event is set, what a notify was for, what tasks keep from each other."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.uses import Call
from plait._check.reading.waits import receiver, waiting
from plait._check.record import Blocked
from plait._core.event import Kind, Site

_LATELY = 24  # events of a waiting thread in which it looks at what it waits for
_CHANGED = 64  # events under a lock, up to the notify


def set_in(blocked: Blocked, sources: Sources) -> tuple[int, ...]:
    """The lines in the file of the wait that set the event which is waited for."""
    frame = waiting(blocked).frame
    name = receiver(sources.line(frame.file, frame.line), "wait").rpartition(".")[2] if frame is not None else ""
    return tuple(sorted(sources.callers(frame.file, name, "set"))) if frame is not None and name else ()


def waits_for_itself(blocked: Blocked, sources: Sources) -> bool:
    """Whether all that set the event stand further down in functions that are on the stack of the waiting thread."""
    lines = set_in(blocked, sources)
    frames = [frame for frame in blocked.stack if frame.mine]
    return bool(lines) and all(
        any(_is_ahead(frame.file, frame.line, line, sources) for frame in frames) for line in lines
    )


def _is_ahead(file: str, line: int, other: int, sources: Sources) -> bool:
    """Whether the other line comes behind this one in the function that both are in."""
    around = [one for one in sources.functions(file) if one.lineno <= line <= (one.end_lineno or 0)]
    inner = max(around, key=lambda one: one.lineno, default=None)
    return inner is not None and line < other <= (inner.end_lineno or 0)


class Overlooked(NamedTuple):
    """A change that was notified, and the line of the loop of a wait that does not ask for it."""

    change: int
    loop: int


def overlooked(history: History, blocked: Blocked, calls: Sequence[Call], sources: Sources) -> Overlooked | None:
    """What the last notify was for, if the thread that waits asks for other things only; None if that is not so."""
    site = blocked.pending.site
    loop = sources.enclosing(site, ast.While) if site is not None else None
    if site is None or not isinstance(loop, ast.While) or not calls or calls[-1].thread == blocked.thread:
        return None
    asked = [
        history.events[index] for index in history.of[blocked.thread][-_LATELY:] if _asks(history, index, loop, site)
    ]
    changes = _under_the_lock(history, calls[-1].at)
    names = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(loop.test)}
    if names <= {""} or not changes or any(history.events[change].name in names for change in changes):
        return None
    if any(overlap(history.events[change], one) for change in changes for one in asked):
        return None
    return Overlooked(changes[-1], loop.lineno)


def _asks(history: History, index: int, loop: ast.While, site: Site) -> bool:
    """Whether an event is a read in the test of the loop."""
    event = history.events[index]
    if event.kind != Kind.READ or event.site is None or event.site.file != site.file:
        return False
    return loop.test.lineno <= event.site.line <= (loop.test.end_lineno or 0)


def _under_the_lock(history: History, taken: int) -> list[int]:
    """What a thread changes in objects that others know, from where it takes a lock to where it lets go of it."""
    events, place = history.events, history.events[taken].place
    found = []
    for index in history.of[events[taken].thread][history.steps[taken] + 1 :][:_CHANGED]:
        if (events[index].kind, events[index].place) == (Kind.RELEASE, place):
            break
        if events[index].kind == Kind.WRITE and events[index].place >= 0:
            found.append(index)
    return found


def keep_from_each_other(history: History, waiters: Sequence[Blocked]) -> bool:
    """Whether each of those who wait has last looked at what another one of them has changed."""
    numbers = {one.thread for one in waiters}
    changes = [event for event in history.events if event.kind == Kind.WRITE and event.thread in numbers]
    return len(numbers) > 1 and all(
        any(
            change.thread != number and overlap(change, history.events[index])
            for index in history.of[number][-_LATELY:]
            if history.events[index].kind == Kind.READ
            for change in changes
        )
        for number in numbers
    )
