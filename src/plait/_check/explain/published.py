"""Says that a thread lets others see a new object before it has made it ready: `shared = New(); shared.load()`."""

from __future__ import annotations

import ast
from typing import NamedTuple

from plait._check.findings import Finding
from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._core.event import Kind, Site


class Published(NamedTuple):
    """The write that lets others see it, the read of one that does, and what comes too late in the source."""

    write: int
    read: int
    rest: ast.stmt


def explain_published(history: History, writer: int, user: int, sources: Sources) -> Finding | None:
    """The finding for what one thread has made visible before another used it; None if it was ready then."""
    found = _published(history, writer, user, sources)
    if found is None:
        return None
    words = Words(history, sources)
    one, other = words.thread(writer), words.thread(user)
    sites = history.sites(found.write, found.read)
    thing, late = words.thing(found.write), f"line {found.rest.lineno}"
    calls = any(isinstance(node, ast.Call) for node in ast.walk(found.rest))
    return Finding(
        "used before ready",
        f"Used before it is ready: {thing}",
        f"{one} lets others see `{thing}` in {words.line(sites[0])} and makes it ready only then, in {late}. In "
        f"between {other} finds it in {words.line(sites[1], sites[0])} and uses it as it is.",
        f"Make it ready first: keep the new one in a local name, do with that what {late} does, and store it in "
        f"`{thing}` last.",
        (words.side(found.read), words.side(found.write)),
        (
            words.moment(found.write, f"writes {thing}, which is not ready"),
            words.moment(found.read, f"reads {thing}, too early"),
        ),
        gil=calls,
        reason=f"it may switch threads at the call in {late}" if calls else "",
    )


def _published(history: History, writer: int, user: int, sources: Sources) -> Published | None:
    for write in reversed(history.of.get(writer, [])):
        event = history.events[write]
        rest = _rest(event.site, sources) if event.kind == Kind.WRITE and event.site is not None else None
        if rest is None:
            continue
        for read in history.of.get(user, []):
            other = history.events[read]
            seen = read > write and other.kind == Kind.READ and overlap(other, event)
            if seen and not _is_over(history, write, read, rest):
                return Published(write, read, rest)
    return None


def _rest(site: Site, sources: Sources) -> ast.stmt | None:
    """The statement behind that of the site which goes on with the object that is made and stored there."""
    made = sources.statement(site)
    if not isinstance(made, ast.Assign) or not isinstance(made.value, ast.Call | ast.Dict | ast.List | ast.Set):
        return None
    target = ast.unparse(made.targets[0])
    behind = sources.behind(site)
    return behind if behind is not None and _goes_on(behind, target) else None


def _goes_on(statement: ast.stmt, target: str) -> bool:
    """Whether it calls a method of what has this name, or stores something in it."""
    owners = [
        node.value
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute | ast.Subscript)
        if isinstance(node.ctx, ast.Store) or isinstance(statement, ast.Expr)
    ]
    return any(ast.unparse(owner) == target for owner in owners)


def _is_over(history: History, write: int, read: int, rest: ast.stmt) -> bool:
    """Whether the writer had done the rest before the read: it was further in its function, or had left it."""
    site = history.events[write].site
    mine = history.of[history.events[write].thread]
    between = [history.events[index] for index in mine[history.steps[write] + 1 :] if index < read]
    return any(
        event.kind in (Kind.END, Kind.RELEASE)
        or (
            site is not None
            and event.site is not None
            and event.site.function == site.function
            and event.site.line > (rest.end_lineno or rest.lineno)
        )
        for event in between
    )
