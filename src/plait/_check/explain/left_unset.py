"""Says of an event that nobody sets who was to: it was in the function that does, and has left it without."""

from __future__ import annotations

from typing import NamedTuple

from plait._check.explain.deadlock import waits_at
from plait._check.explain.hang import explain_hang
from plait._check.findings import Finding
from plait._check.reading.hangs import Cause
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.unset import set_in
from plait._check.reading.words import Words
from plait._check.record import Failure
from plait._core.event import Kind, Site

_EVENTS = ("event", "await event")


class Left(NamedTuple):
    """Where a thread has entered the function, by index, and the line of the set() there."""

    entered: int
    line: int


def explain_left_unset(history: History, failure: Failure, cause: Cause, sources: Sources) -> Finding | None:
    """The finding for such an event; None where nobody has left so."""
    site = waits_at(cause.blocked)
    if cause.kind != "nobody sets it" or cause.waiting.kind not in _EVENTS or site is None:
        return None
    found = max(_left(history, failure, cause, site, sources), default=None)
    if found is None:
        return None
    words = Words(history, sources)
    event = history.events[found.entered]
    name, who = words.thread(cause.blocked.thread), words.thread(event.thread)
    function = event.site
    called = function.function.rpartition(".")[2] if function is not None else ""
    finding = explain_hang(history, failure, cause._replace(calls=()), sources)
    thing = finding.title.partition(": ")[2] or "it"
    here, line = words.line(site), f"line {found.line}"
    return finding._replace(
        why=f"{name} waits for `{thing}` in {here}. {who} was to set it, in {line}; but it has left `{called}` "
        "before it came there, by an exception or a `return`.",
        fix=f"Set it on every way out: begin a `try:` where `{thing}` is made known to others, and put {line} into its "
        "`finally:`. Who was woken looks then whether there is what it waited for.",
        sides=(*finding.sides, words.side(found.entered)),
        moments=(words.moment(found.entered, f"begins {called}, and leaves it without {line}"), *finding.moments),
    )


def _left(history: History, failure: Failure, cause: Cause, site: Site, sources: Sources) -> list[Left]:
    """Those who have left, each once; not who has waited there itself, or is inside yet."""
    stuck = {(one.thread, frame.function) for one in failure.blocked for frame in one.stack if frame.mine}
    found = []
    for line in set_in(cause.blocked, sources):
        for thread, mine in history.of.items():
            entered = next((at for at in reversed(mine) if _enters(history, at, line, site, sources)), -1)
            function = history.events[entered].site if entered >= 0 else None
            if function is None or thread == cause.blocked.thread or (thread, function.function) in stuck:
                continue
            lines = {history.line(at) for at in mine if at >= entered and _is_in(history.events[at].site, function)}
            if not {line, site.line} & lines:
                found.append(Left(entered, line))
    return found


def _enters(history: History, index: int, line: int, site: Site, sources: Sources) -> bool:
    """Whether it enters the innermost function around the line."""
    event = history.events[index]
    if event.kind is not Kind.ENTER or event.site is None or event.site.file != site.file:
        return False
    around = [one for one in sources.functions(site.file) if one.lineno <= line <= (one.end_lineno or 0)]
    inner = max(around, key=lambda one: one.lineno, default=None)
    return inner is not None and inner is sources.function(event.site)


def _is_in(site: Site | None, function: Site) -> bool:
    return site is not None and (site.file, site.function) == (function.file, function.function)
