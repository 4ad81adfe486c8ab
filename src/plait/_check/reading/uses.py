"""What the program has done to a lock, and so to what is built of it: the calls in the user's lines, in their order."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.touched import calls_of, last_word
from plait._check.reading.waits import receiver
from plait._check.record import Blocked
from plait._core.event import Kind, Site

_CALLS = ("notify_all", "notify", "set", "clear", "put_nowait", "put", "get_nowait", "get", "task_done", "release",
          "acquire", "wait", "empty", "qsize", "full", "locked", "is_set")  # fmt: skip


class Call(NamedTuple):
    """Something done to what is waited for: by a thread, at an event, `method` as the user's line has it."""

    at: int
    thread: int
    method: str


def calls_on(history: History, lock: int, sources: Sources, known: tuple[str, ...] = _CALLS) -> Iterator[Call]:
    """What was done under the lock, in order: one call for each time it was taken, or several under a `with`."""
    for index, event in enumerate(history.events):
        if event.place != lock or event.kind != Kind.ACQUIRE or event.site is None or is_wake_up(history, index):
            continue
        line = sources.line(event.site.file, event.site.line)
        methods = [method for method in known if receiver(line, method)][:1]
        if methods == ["acquire"]:
            methods = list(_notifying(event.site, sources)) or methods
        if not methods:
            block = sources.enclosing(event.site, (ast.With, ast.AsyncWith))
            methods = list(_methods(block)) if block is not None else []
            methods = methods or ["with" if re.match(r"(async\s+)?with\b", line) else "acquire"]
        for method in methods:
            yield Call(index, event.thread, method)


def settled(calls: Sequence[Call], waiters: Sequence[Blocked]) -> list[Call]:
    """The calls without the last one of each of those who wait, which has not come back."""
    waits = {one.thread for one in waiters}
    pending = {call.thread: call for call in calls if call.thread in waits}
    return [call for call in calls if pending.get(call.thread) is not call]


def is_wake_up(history: History, index: int) -> bool:
    """Whether the lock is taken again at the end of a wait, which belongs to the call that began before it."""
    step = history.steps[index]
    if not step:
        return False
    before = history.events[history.of[history.events[index].thread][step - 1]]
    return before.kind == Kind.ACQUIRE and before.place in history.signals


def _methods(block: ast.AST) -> Iterator[str]:
    """The calls in a `with` block that have to do with waiting; all of them may have been made."""
    for node in ast.walk(block):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS[:4]:
            yield node.func.attr


def _notifying(site: Site, sources: Sources) -> Iterator[str]:
    """The methods by which a condition wakes others between its ``acquire()`` here and the next ``release()``."""
    name = receiver(sources.line(site.file, site.line), "acquire").rpartition(".")[2]
    ends = [line for line in sources.callers(site.file, name, "release") if name and line > site.line]
    for method in ("notify_all", "notify"):
        if any(site.line < line < min(ends, default=0) for line in sources.callers(site.file, name, method)):
            yield method


def hands_on(history: History, calls: Sequence[Call], sources: Sources) -> bool:
    """Whether what the last of these calls has taken is given back by another function than the one that takes it."""
    site = history.events[calls[-1].at].site if calls else None
    if site is None or not receiver(sources.line(site.file, site.line), "acquire"):
        return False
    return not gives_back(site, sources)


def gives_back(site: Site, sources: Sources) -> bool:
    """Whether a release of what is taken here stands further down in the same function, as that of a lock does."""
    function = sources.function(site)
    name = receiver(sources.line(site.file, site.line), "acquire")
    if function is None or not name:
        return function is None
    return any(line > site.line for line in calls_of(function, last_word(name), "release")) and not is_turnstile(
        site, sources
    )


def is_turnstile(site: Site, sources: Sources) -> bool:
    """Whether the statement behind the acquire() releases the same: each who comes through lets the next one in."""
    following = sources.behind(site)
    name = receiver(sources.line(site.file, site.line), "acquire")
    return (
        bool(name)
        and isinstance(following, ast.Expr)
        and following.lineno in calls_of(following, last_word(name), "release")
    )
