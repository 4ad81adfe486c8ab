"""Says of an attribute that is not there that another thread is still making the object, and others can find it."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from plait._check.findings import Finding, Moment, Side
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words, frame_site, innermost
from plait._check.record import Failure
from plait._core.event import Kind, Site

_MAKES = ("__init__", "__new__", "__post_init__")


class Unmade(NamedTuple):
    """Where it was read, the last doing of the thread that makes the object, and the line that sets the attribute."""

    site: Site
    making: int
    line: int


def explain_unmade(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for ``'Bar' object has no attribute 'position'``, where a thread is in ``Bar.__init__``; else None.

    An object that puts itself into a list of its class, or starts a thread, before it is whole can be used half made.
    """
    error = failure.exception
    if not isinstance(error, AttributeError) or not error.name or error.obj is None:
        return None
    found = _unmade(history, failure, error.name, {made.__qualname__ for made in type(error.obj).__mro__}, sources)
    if found is None:
        return None
    words, event = Words(history, sources), history.events[found.making]
    user, maker = words.thread(failure.thread), words.thread(event.thread)
    thing = _called(sources.line(found.site.file, found.site.line), error.name)
    late = event.site.at_line(found.line) if event.site is not None else None
    where = words.line(late, found.site)
    return Finding(
        "used before ready",
        f"Used before it is ready: {thing}",
        f"{user} reads `{thing}` in {words.line(found.site)}, of an object that {maker} is still making: it sets that "
        f"in {where}, and others can find the object before.",
        f"Make it whole first: put it where others find it only after {where}, as the last thing.",
        (Side(failure.thread, user, f"reads {thing}", found.site), words.side(found.making)),
        (
            words.moment(found.making),
            Moment(failure.thread, found.site, f"reads {thing}, too early"),
            Moment(event.thread, late, "would set it, but has not come so far"),
        ),
        gil=True,
        reason="functions are called before it is whole",
    )


def _unmade(history: History, failure: Failure, name: str, classes: set[str], sources: Sources) -> Unmade | None:
    site = frame_site(innermost(failure.stack))
    for making in range(len(history.events) - 1, -1, -1) if site is not None else ():
        event = history.events[making]
        if event.thread == failure.thread or event.site is None or not _makes(event.site, classes):
            continue
        if (event.kind, event.place) == (Kind.START, failure.thread):
            return None  # it is started too early, rather than found
        line = _set_in(event.site, name, sources)
        if site is not None and line and not _has_come_to(history, making, line):
            return Unmade(site, making, line)
    return None


def _called(text: str, name: str) -> str:
    """What a line calls the attribute of this name: ``bar.position``."""
    found = re.search(rf"[\w.]+\.{re.escape(name)}\b", text)
    return found[0] if found is not None else name


def _makes(site: Site, classes: set[str]) -> bool:
    owner, _, method = site.function.rpartition(".")
    return method in _MAKES and owner in classes


def _set_in(site: Site, name: str, sources: Sources) -> int:
    """The first line in the class around a site that gives an attribute of this name its value; 0 if none does."""
    around = sources.class_around(site)
    nodes = list(ast.walk(around)) if around is not None else []
    changed = {id(node.target) for node in nodes if isinstance(node, ast.AugAssign)}
    given = (node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    return min((node.lineno for node in given if node.attr == name and id(node) not in changed), default=0)


def _has_come_to(history: History, making: int, line: int) -> bool:
    """Whether the thread that makes the object has set the attribute, as far as can be seen."""
    mine = history.of[history.events[making].thread]
    return any(
        history.line(index) == line and history.events[index].kind == Kind.WRITE
        for index in mine[history.steps[making] :]
    )
