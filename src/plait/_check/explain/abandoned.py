"""Says that a lock was to be released by another thread than the one that took it, which has ended without doing so."""

from __future__ import annotations

import ast

from plait._check.explain.deadlock import waits_at
from plait._check.findings import Finding, Moment, Side
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.touched import calls_of, last_word
from plait._check.reading.uses import gives_back
from plait._check.reading.waits import receiver
from plait._check.reading.way_out import Span, left
from plait._check.reading.words import Words, numbered, own
from plait._check.record import Blocked, Failure
from plait._core.event import Site


def explain_abandoned(history: History, failure: Failure, blocked: Blocked, sources: Sources) -> Finding | None:
    """The finding for a thread that takes again what another one was to release; None if nobody was to."""
    taken = history.owners.get(blocked.pending.place, -1)
    since = history.events[taken].site if taken >= 0 else None
    site = waits_at(blocked)
    if since is None or site is None:
        return None
    thing = receiver(sources.line(since.file, since.line), "acquire")
    if _keeps(since, last_word(thing), sources):
        return None
    for giver, lines in _givers(since, last_word(thing), sources):
        thread = _came(history, taken, giver, blocked.thread)
        if thread < 0 or not thing:
            continue
        words = Words(history, sources)
        name, who = words.thread(blocked.thread), words.thread(thread)
        where, given = words.line(since, site), numbered(lines)
        how = left(history, failure, thread, since, Span(giver, giver.lineno, lines))
        side = Side(blocked.thread, name, f"waits for {thing}, for ever", site, own(blocked.stack))
        last = next(index for index in reversed(history.of[thread]) if history.events[index].site is not None)
        return Finding(
            "never released",
            f"Never released: {thing}",
            f"{name} waits for `{thing}` in {words.line(site)}. It has been taken in {where}, and was to be released "
            f"by `{giver.name}`, in {given}; but {who}, which was in that, has ended without doing so.{how}",
            f"See to it that {given} of `{giver.name}` {'is' if len(lines) == 1 else 'are'} reached on every way out: "
            "put all of it into a `try:`, and the release into its `finally:`.",
            (side, words.side(last)),
            (
                Moment(history.events[taken].thread, since, f"takes {thing}"),
                words.moment(last)._replace(does="is here last, and ends"),
                Moment(blocked.thread, site, f"waits for {thing}, for ever"),
            ),
        )
    return None


def _keeps(since: Site, name: str, sources: Sources) -> bool:
    """Whether what is taken there is released by the same function, or in a module outside of functions."""
    if sources.function(since) is not None:
        return gives_back(since, sources)
    inside = {line for _, lines in _givers(since, name, sources) for line in lines}
    return any(line not in inside for line in sources.callers(since.file, name, "release"))


def _givers(
    since: Site, name: str, sources: Sources
) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef, tuple[int, ...]]]:
    """The functions of the file that release what has this name, and the lines in which they do."""
    found = ((one, tuple(sorted(calls_of(one, name, "release")))) for one in sources.functions(since.file))
    return [(one, lines) for one, lines in found if lines and one.name != since.function.rpartition(".")[2]]


def _came(history: History, taken: int, giver: ast.FunctionDef | ast.AsyncFunctionDef, waits: int) -> int:
    """A thread that has ended, and was in this function after the lock had been taken; -1 if none was."""
    for index in range(len(history.events) - 1, taken, -1):
        event = history.events[index]
        if event.thread == waits or event.site is None or not history.ended(event.thread):
            continue
        if giver.lineno <= event.site.line <= (giver.end_lineno or 0):
            return event.thread
    return -1
