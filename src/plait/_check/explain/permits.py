"""Says of a semaphore that others release, as a signal or a turnstile, who gives its units, and why none is left.

A semaphore that is taken and given back in one function is a lock: what is wrong then is the way out of that function.
Any other one hands on: what is wrong is how many units come, and from where.
"""

from __future__ import annotations

from typing import NamedTuple

from plait._check.explain.deadlock import waits_at
from plait._check.explain.hang import explain_hang
from plait._check.explain.hang_facts import rest
from plait._check.findings import Finding
from plait._check.reading.hangs import Cause, inner_lock
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.uses import Call, calls_on, gives_back, is_turnstile, settled
from plait._check.reading.waits import receiver
from plait._check.reading.words import Says, Words, numbered
from plait._check.record import Failure
from plait._core.event import Site


class _Uses(NamedTuple):
    """What was done to a semaphore: all `taken` and `given`, and the `lines` of the source that release it."""

    taken: tuple[Call, ...]
    given: tuple[Call, ...]
    lines: tuple[int, ...]


def explain_permits(history: History, failure: Failure, cause: Cause, sources: Sources) -> Finding | None:
    """The finding for a thread that waits for a unit of such a semaphore; None for another one, and for a lock."""
    site = waits_at(cause.blocked)
    if cause.waiting.kind != "semaphore" or cause.kind not in ("never released", "nobody sets it") or site is None:
        return None
    uses = _uses(history, cause, site, sources)
    last = uses.taken[-1] if uses.taken else None
    taker = history.events[last.at].site if last is not None else None
    if any(call.method == "with" for call in uses.taken) or (taker is not None and gives_back(taker, sources)):
        return None
    words = Words(history, sources)
    finding = explain_hang(history, failure, cause._replace(kind="nobody sets it", calls=()), sources)
    thing = finding.title.partition(": ")[2] or "it"
    here, name = words.line(site), words.thread(cause.blocked.thread)
    only = f"It is released in {numbered(uses.lines)} only" if uses.lines else ""
    given = uses.given[-1] if uses.given else None
    facts = {
        "name": name,
        "thing": thing,
        "here": here,
        "only": only,
        "lines": numbered(uses.lines),
        "taken": _taken(history, uses, words, site),
        "who": words.thread(last.thread) if last is not None else "",
        "where": words.line(taker, site),
        "giver": words.thread(given.thread) if given is not None else "",
        "gave": words.line(history.events[given.at].site, site) if given is not None else "",
        "times": _went_on(len(uses.taken), words.thread(last.thread) if last is not None else ""),
        "rest": rest(failure, cause, words),
    }
    says = _WORDS[_variant(history, cause, uses, taker, sources)]
    rows = [call for call in (last, given) if call is not None]
    rows.sort(key=lambda call: call.at)
    moments = [words.moment(call.at, f"{_DOES[call == given]} {thing}") for call in rows]
    return finding._replace(
        why=says.why.format_map(facts), fix=says.fix.format_map(facts), moments=(*moments, *finding.moments)
    )


_DOES = ("takes", "releases")
_WORDS = {
    "never given": Says(
        "{name} waits for `{thing}` in {here}. {taken} {only}, and nobody has come there: {rest}.",
        "See to it that {lines} is reached on every way, once for each acquire(), also after an exception "
        "(`finally:`); or let it begin with as many units as may pass without: `Semaphore(n)`.",
    ),
    "released nowhere": Says(
        "{name} waits for `{thing}` in {here}. {taken} Only a release() gives a unit, and there is none: {rest}.",
        "Call `{thing}.release()` where what {name} waits for has happened, once for each acquire(); or let it begin "
        "with as many units as may pass without: `Semaphore(n)`.",
    ),
    "too few": Says(
        "{name} waits for `{thing}` in {here}, and no unit is left. Each unit lets one acquire() go on: {times}. "
        "{giver} made the last release() in {gave}, and nobody who is left makes another: "
        "{rest}.",
        "Give one unit for each thread that comes to {here}: `{thing}.release(n)` for n of them; or let each that has "
        "got through let the next one in, by a `{thing}.release()` right behind the acquire().",
    ),
    "shut": Says(
        "{name} has yet to come through `{thing}` in {here} when {who} takes its unit in {where}: that shuts it for "
        "all who are still on their way, and nobody who is left opens it again: {rest}.",
        "Let nobody begin the next round before all have left this one: each round needs two such turnstiles, the "
        "second one open while the first one is shut; `threading.Barrier` does all of it.",
    ),
    "all taken": Says(
        "{name} waits for `{thing}` in {here}, and no unit is left. {taken} {only}, and nobody who is left comes "
        "there: {rest}.",
        "See to it that {lines} is reached on every way out, in a `finally:`, once for each acquire(); or wait with a "
        "timeout.",
    ),
}


def _variant(history: History, cause: Cause, uses: _Uses, taker: Site | None, sources: Sources) -> str:
    """Which sentences fit."""
    site = waits_at(cause.blocked)
    if site is None or not uses.given:
        return "never given" if uses.lines else "released nowhere"
    if taker is not None and taker.line != site.line and is_turnstile(site, sources):
        return "shut"
    at = [call.thread for call in uses.taken if history.line(call.at) == site.line]
    givers = {call.thread for call in uses.given}
    others = at and cause.blocked.thread not in at and len(at) == len({*at})
    return "too few" if others and len(givers) == 1 else "all taken"


def _uses(history: History, cause: Cause, site: Site, sources: Sources) -> _Uses:
    """All calls that have come back, and the lines that release what has one of the names of the semaphore."""
    lock = inner_lock(history, cause.blocked)[1]
    calls = list(calls_on(history, lock, sources)) if lock >= 0 else []
    calls = settled(calls, [cause.blocked, *cause.peers])
    given = tuple(call for call in calls if call.method == "release")
    lines = {history.line(call.at) for call in given}
    if name := receiver(sources.line(site.file, site.line), "acquire").rpartition(".")[2]:
        lines.update(sources.callers(site.file, name, "release"))
    taken = tuple(call for call in calls if call.method in ("acquire", "with"))
    return _Uses(taken, given, tuple(sorted(lines - {0})))


def _taken(history: History, uses: _Uses, words: Words, site: Site) -> str:
    """Who took the last unit, if it had one."""
    if not uses.taken:
        return "It began with no unit, and has never had one."
    last = uses.taken[-1]
    who, where = words.thread(last.thread), words.line(history.events[last.at].site, site)
    if len(uses.taken) <= len(uses.given):
        return f"It began with no unit, and {who} took the last one that was released, in {where}."
    return f"{who} took its last unit in {where}."


def _went_on(count: int, last: str) -> str:
    return f"that of {last} did" if count == 1 else f"{count} did, that of {last} as the last one"
