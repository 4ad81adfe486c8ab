"""Adds to an exception that ends a thread what others wait for after that: a lock that it keeps, an item not done."""

from __future__ import annotations

import ast

from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words, frame_site, innermost
from plait._check.record import Failure
from plait._core.event import Kind

_ALWAYS = "fails under"  # begins the kinds whose cause is the exception itself


def with_end(finding: Finding, history: History, failure: Failure, sources: Sources) -> Finding:
    """The finding, which says what the end of the thread does to others, where it does something."""
    if failure.kind != "exception" or not finding.kind.startswith(_ALWAYS):
        return finding
    words = Words(history, sources)
    for why, fix in (_keeps(history, failure, words), _owes(failure, words)):
        finding = finding._replace(why=finding.why + why, fix=finding.fix + fix)
    return finding


def _keeps(history: History, failure: Failure, words: Words) -> tuple[str, str]:
    """Of a lock that it has taken and not given back."""
    mine = history.of.get(failure.thread)
    if not mine:
        return "", ""
    last = history.events[mine[-1]]
    taken = [history.events[at] for at in history.held[mine[-1]]]
    taken += [last] if last.kind == Kind.ACQUIRE and last not in taken else []
    lost = [
        event
        for event in taken
        if event.site is not None
        and history.is_lock(event.place)
        and "acquire" in words.sources.line(event.site.file, event.site.line)
        and not (last.kind == Kind.RELEASE and last.place == event.place)
    ]
    if not lost:
        return "", ""
    lock, where, name = words.lock(lost[0].place), words.line(lost[0].site), words.thread(failure.thread)
    why = f" {name} ends by it, and keeps `{lock}`, taken in {where}: whoever wants that waits for ever."
    return why, f" And take the lock by `with {lock}:`, which gives it back whatever happens."


def _owes(failure: Failure, words: Words) -> tuple[str, str]:
    """Of an item of a queue that is to be marked as done further down."""
    site = frame_site(innermost(failure.stack))
    function = words.sources.function(site) if site is not None else None
    if site is None or function is None:
        return "", ""
    sure = [node for one in ast.walk(function) if isinstance(one, ast.Try) for node in one.finalbody]
    safe = {id(node) for one in sure for node in ast.walk(one)}
    calls = [one for one in ast.walk(function) if isinstance(one, ast.Call) and id(one) not in safe]
    done = [one.lineno for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr == "task_done"]
    line = next((line for line in sorted(done) if line > site.line), 0)
    if not line:
        return "", ""
    queue = receiver(words.sources.line(site.file, line), "task_done") or "queue"
    name = words.thread(failure.thread)
    why = f" {name} ends by it, before the `{queue}.task_done()` in line {line}: a `join()` of it waits for ever."
    return why, f" And put `{queue}.task_done()` into a `finally:`, within the loop."
