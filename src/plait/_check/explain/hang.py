"""Says why nobody will wake a thread that waits, and what to change: one pair of sentences for each kind of hang."""

from __future__ import annotations

import ast

from plait._check.explain.deadlock import waits_at, what
from plait._check.explain.hang_facts import (
    change_of,
    checked_outside,
    facts_of,
    keeping,
    last_change,
    overlooked_by_last,
    place_of,
    thing_of,
    told,
    unnotified,
)
from plait._check.explain.hang_words import TITLES, WORDS
from plait._check.explain.hang_words_async import ASYNC_TITLES, ASYNC_WORDS
from plait._check.findings import Finding, Moment, Side
from plait._check.reading.hangs import Cause
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.unreached import unreached
from plait._check.reading.unset import keep_from_each_other, waits_for_itself
from plait._check.reading.untold import judged
from plait._check.reading.uses import Call, hands_on
from plait._check.reading.waits import in_pool, waiting
from plait._check.reading.words import Words, frame_site, headline, innermost, own
from plait._check.record import Blocked, Failure
from plait._core.event import Kind


def explain_hang(history: History, failure: Failure, cause: Cause, sources: Sources) -> Finding:
    """The finding for threads that wait for what nobody will do."""
    words = Words(history, sources)
    site = waits_at(cause.blocked)
    thing = thing_of(cause, words, sources)
    waits = f"waits for {thing or what(cause.blocked, words, '')}, for ever"
    variant = _variant(history, failure, cause, sources)
    if variant.endswith(", judged"):
        cause = cause._replace(calls=())  # those that stand there behind an `if` were not made
    why, fix = (ASYNC_WORDS if variant in ASYNC_WORDS else WORDS)[variant]
    facts = facts_of(history, failure, cause, words, sources)
    why, fix = why.format_map(facts), fix.format_map(facts)
    rows = [(call.at, _called(history, cause, call, words, thing)) for call in cause.calls]
    if cause.blocked.since is not None and not cause.calls:
        rows.append((cause.began - 1, Moment(cause.blocked.holder, cause.blocked.since, _did("acquire", thing))))
    change = change_of(history, cause, sources)
    if change >= 0:
        silent = " and does not wake it" if cause.waiting.kind == "await" else " and does not notify"
        silent = ": not enough to notify" if judged(history, change, sources) >= 0 else silent
        end = silent if cause.kind == "nobody sets it" else ": not what it was when it notified"
        rows.append((change, words.moment(change, words.does(change) + end)))
    rows.append((cause.began, Moment(cause.blocked.thread, site, waits, words.holds(cause.blocked))))
    for other in sorted(told(failure), key=lambda one: one.pending.kind == Kind.JOIN):
        if other.thread != cause.blocked.thread and (other in cause.peers or len(rows) < 5):
            moment = Moment(other.thread, waits_at(other), f"waits for {what(other, words, '')}", words.holds(other))
            rows.append((len(history.events), moment))
    if (ended := _ended(failure)) is not None:
        rows.append((-1, ended))
        if not facts["left"]:
            why = f"{why} In {words.line(ended.site, site)} {words.thread(ended.thread)} has {ended.does}."
        fix = f"See to that error first; and let whoever may end so hand it on to those who wait. {fix}"
    side = Side(cause.blocked.thread, words.thread(cause.blocked.thread), waits, site, own(cause.blocked.stack))
    return Finding(
        cause.kind,
        ASYNC_TITLES.get(variant, TITLES[cause.kind]) + (f": {thing}" if thing else ""),
        why,
        fix,
        (side, *(words.side(call.at)._replace(site=place_of(history, cause, call)) for call in cause.calls)),
        tuple(moment for _, moment in sorted(rows, key=lambda row: row[0])),
        certain=cause.kind != "hang",
    )


def _ended(failure: Failure) -> Moment | None:
    """The end of a task by an exception, of one that held something or for which nobody has asked; None if none did."""
    cause = failure.cause
    site = frame_site(innermost(cause.stack)) if cause is not None else None
    if cause is None or site is None:
        return None
    is_holder = any(one.holder == cause.thread for one in failure.blocked)
    return Moment(
        cause.thread, site, f"ended with {headline(cause)}{'' if is_holder else ', for which nobody has asked'}"
    )


def _called(history: History, cause: Cause, call: Call, words: Words, thing: str) -> Moment:
    """The row for a call."""
    return words.moment(call.at, _did(call.method, thing))._replace(site=place_of(history, cause, call))


def _variant(history: History, failure: Failure, cause: Cause, sources: Sources) -> str:
    """Which of the sentences of a kind fit."""
    kind = cause.waiting.kind
    if f"{cause.kind}, {kind}" in ASYNC_WORDS:
        changed = ", changed" if change_of(history, cause, sources) >= 0 else ""
        if kind == "await condition" and keep_from_each_other(history, (cause.blocked, *cause.peers)):
            changed = ", each other"
        variant = f"{cause.kind}, {kind}{changed or _holding(history, failure, cause, sources)}"
        return variant if variant in ASYNC_WORDS else f"{cause.kind}, {kind}"
    if (cause.kind, in_pool(cause.blocked)) == ("waits for itself", False):
        return "waits for itself, loop"
    if cause.kind == "lost wake-up":
        return _lost(history, cause, sources)
    if cause.kind == "deadlock" and kind == "semaphore":
        return _crossing(failure, cause)
    if cause.kind == "never released" and hands_on(history, cause.calls, sources):
        return "never released, elsewhere"
    if cause.kind == "notify too few" and not _peers_differ(cause):
        return "notify too few, alone"
    if cause.kind == "nobody sets it" and (variant := _unset(history, cause, sources)):
        return variant
    variant = f"{cause.kind}, {_ENDINGS.get(kind, '')}"
    return variant if variant in WORDS else cause.kind


def _unset(history: History, cause: Cause, sources: Sources) -> str:
    """Which of the sentences of `nobody sets it` fit a condition; "" for the general ones."""
    change = unnotified(history, cause, sources) if cause.waiting.kind == "condition" else -1
    last = last_change(history, cause) if cause.waiting.kind == "condition" and change < 0 else change
    if unreached(history, last, cause.waiting, sources):
        return "nobody sets it, not reached"
    if change >= 0:
        return f"nobody sets it, {'judged' if judged(history, change, sources) >= 0 else 'changed'}"
    if cause.waiting.kind == "event" and waits_for_itself(cause.blocked, sources):
        return "nobody sets it, itself"
    if overlooked_by_last(history, cause, sources) is not None:
        return "nobody sets it, overlooked"
    if cause.waiting.kind == "condition" and last_change(history, cause) >= 0:
        return "nobody sets it, over"
    if cause.waiting.kind == "condition" and cause.peers:
        return "nobody sets it, each other"
    return ""


def _crossing(failure: Failure, cause: Cause) -> str:
    """Which sentences fit a semaphore that is kept by a thread that waits itself."""
    stuck = next((one for one in failure.blocked if one.thread == cause.calls[-1].thread), cause.blocked)
    if waiting(stuck).kind == "barrier":
        return "deadlock, barrier"
    here, there = waits_at(cause.blocked), waits_at(stuck)
    return "deadlock, in line" if here is not None and there is not None and here.line == there.line else "deadlock"


def _is_pulse(history: History, cause: Cause) -> bool:
    """Whether an event is cleared by the function that has just set it."""
    sets, clears = (history.events[call.at] for call in (cause.calls[0], cause.calls[-1]))
    if sets.thread != clears.thread or sets.site is None or clears.site is None:
        return False
    return sets.site.function == clears.site.function and 0 <= clears.site.line - sets.site.line <= 1


def _lost(history: History, cause: Cause, sources: Sources) -> str:
    """Which of the sentences of `lost wake-up` fit."""
    if cause.waiting.kind == "event" and _is_pulse(history, cause):
        return "lost wake-up, pulse"
    if cause.waiting.kind == "event":
        mine = cause.calls[-1].thread == cause.blocked.thread
        return "lost wake-up, cleared too late" if mine else "lost wake-up, cleared"
    if change_of(history, cause, sources) >= 0:
        return "lost wake-up, undone"
    return "lost wake-up, checked outside" if checked_outside(cause, sources) else cause.kind


def _holding(history: History, failure: Failure, cause: Cause, sources: Sources) -> str:
    """The end of a variant's name that says what is known of who has the lock of asyncio; "" if it is not."""
    if cause.waiting.kind not in ("await lock", "await semaphore") or cause.blocked.holder < 0:
        return ""
    if cause.kind == "self-deadlock":
        return ", left" if _in_generator(cause.blocked, sources) else ""
    if cause.kind == "never released":
        return ", held"
    if cause.waiting.kind == "await semaphore":
        return ""
    circle = len({*keeping(failure, Words(history, sources), sources)}) > 1
    return "" if circle else ", kept"


def _in_generator(blocked: Blocked, sources: Sources) -> bool:
    """Whether what a task waits for was taken in a generator that it is not in any more."""
    function = sources.function(blocked.since) if blocked.since is not None else None
    gives = function is not None and any(isinstance(node, ast.Yield) for node in ast.walk(function))
    inside = {(frame.file, frame.function) for frame in blocked.stack}
    return gives and blocked.since is not None and (blocked.since.file, blocked.since.function) not in inside


_ENDINGS = {
    "semaphore": "semaphore",
    "future": "future",
    "queue put": "full",
    "queue join": "not done",
    "channel get": "channel",
    "channel put": "channel full",
    "await channel get": "channel",
    "await channel put": "channel full",
}


def _peers_differ(cause: Cause) -> bool:
    """Whether others wait for the same elsewhere in the source, so for something else."""
    here = waits_at(cause.blocked)
    return any((site := waits_at(peer)) and here and site.line != here.line for peer in cause.peers)


def _did(method: str, thing: str) -> str:
    """A call in the timeline, in words."""
    thing = thing or "it"
    words = {"acquire": f"takes {thing}", "with": f"takes {thing}", "get": f"gets an item from {thing}"}
    return words.get(method, f"calls {thing}.{method}()")
