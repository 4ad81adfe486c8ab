"""Says of a use that failed that the thread which let it go on had yet to do its part: it came a line too early."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from plait._check.explain.swap import TELLING, explain_swap
from plait._check.findings import Finding
from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.ordering import Swap
from plait._check.reading.source import Sources
from plait._check.reading.touched import last_name, last_word
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words
from plait._core.event import Kind, Site

_LOOKED_AT = 6  # accesses of the failing thread, backwards from the failure
_PUTS = ("append", "appendleft", "add", "insert", "extend", "put", "put_nowait", "update", "setdefault")


def explain_early(history: History, suspects: list[int], sources: Sources) -> Finding | None:
    """The finding for a use of what another thread puts in place only after it has let the user go on; else None."""
    words = Words(history, sources)
    for use in suspects[:_LOOKED_AT]:
        name = last_word(words.thing(use))
        for release in _releases(history, use, sources) if name else ():
            site = history.events[release].site
            line = next(_puts(site, name, sources), 0) if site is not None else 0
            if site is not None and line and not _is_past(history, release, use, line):
                writer = history.events[release].thread
                later = (index for index in history.of[writer] if index > use and history.line(index) == line)
                swap = Swap(use, next(later, -1), site.at_line(line), writer, late=True)
                return explain_swap(history, swap, sources)
    return None


def _releases(history: History, use: int, sources: Sources) -> Iterator[int]:
    """The events by which other threads have let this one go on, the last one of each, in lines that say so."""
    user, seen = history.events[use].thread, set[int]()
    for index in range(use - 1, -1, -1):
        event = history.events[index]
        if event.thread == user or event.thread in seen or event.kind != Kind.RELEASE or event.site is None:
            continue
        text = sources.line(event.site.file, event.site.line)
        if history.before(index, use) and any(receiver(text, method) for method in TELLING):
            seen.add(event.thread)
            yield index


def _puts(site: Site, name: str, sources: Sources) -> Iterator[int]:
    """The lines further down in the function that put something into what has this last name, from the top."""
    function = sources.function(site)
    nodes = ast.walk(function) if function is not None else ()
    lines = (node.lineno for node in nodes if isinstance(node, ast.Call | ast.stmt) and _is_put(node, name))
    yield from sorted(line for line in lines if line > site.line)


def _is_put(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in _PUTS and last_name(node.func.value) == name
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(target, ast.Subscript) and last_name(target) == name for target in targets)
    return False


def _is_past(history: History, release: int, use: int, line: int) -> bool:
    """Whether the thread has come past the line after its release, before the use; or has changed what is used."""
    writer, after = history.events[release].thread, range(release + 1, use)
    mine = [index for index in history.of[writer] if index in after]
    writes = (history.events[index] for index in mine if history.events[index].kind == Kind.WRITE)
    passed = any(history.line(index) > line for index in mine)
    return passed or any(overlap(event, history.events[use]) for event in writes)
