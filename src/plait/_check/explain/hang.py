"""Says why nobody will wake a thread that waits, and what to change: one pair of sentences for each kind of hang."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from plait._check.explain.deadlock import waits_at, what
from plait._check.explain.hang_words import TITLES, WORDS
from plait._check.explain.hang_words_async import ASYNC_TITLES, ASYNC_WORDS
from plait._check.findings import Finding, Moment, Side
from plait._check.reading.awaited import kept_around, ring
from plait._check.reading.hangs import Cause, cleared, undone
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.unreached import unreached
from plait._check.reading.unset import Overlooked, keep_from_each_other, overlooked, set_in, waits_for_itself
from plait._check.reading.untold import changed_since, changes_of, judged, looked_at, without
from plait._check.reading.uses import Call, hands_on
from plait._check.reading.waits import entered, in_pool, receiver, waiting
from plait._check.reading.way_out import way_out
from plait._check.reading.words import Words, frame_site, headline, innermost, listed, numbered, own
from plait._check.record import Blocked, Failure
from plait._core.event import Kind, Site

_METHODS = ("wait_for", "wait", "get", "put", "aget", "aput", "join", "acquire", "result", "exception", "shutdown")


def explain_hang(history: History, failure: Failure, cause: Cause, sources: Sources) -> Finding:
    """The finding for threads that wait for what nobody will do."""
    words = Words(history, sources)
    site = waits_at(cause.blocked)
    thing = _thing(cause, words, sources)
    waits = f"waits for {thing or what(cause.blocked, words, '')}, for ever"
    variant = _variant(history, failure, cause, sources)
    if variant.endswith(", judged"):
        cause = cause._replace(calls=())  # those that stand there behind an `if` were not made
    why, fix = (ASYNC_WORDS if variant in ASYNC_WORDS else WORDS)[variant]
    facts = _facts(history, failure, cause, words, sources)
    why, fix = why.format_map(facts), fix.format_map(facts)
    rows = [(call.at, _called(history, cause, call, words, thing)) for call in cause.calls]
    if cause.blocked.since is not None and not cause.calls:
        rows.append((cause.began - 1, Moment(cause.blocked.holder, cause.blocked.since, _did("acquire", thing))))
    change = _change(history, cause, sources)
    if change >= 0:
        silent = " and does not wake it" if cause.waiting.kind == "await" else " and does not notify"
        silent = ": not enough to notify" if judged(history, change, sources) >= 0 else silent
        end = silent if cause.kind == "nobody sets it" else ": not what it was when it notified"
        rows.append((change, words.moment(change, words.does(change) + end)))
    rows.append((cause.began, Moment(cause.blocked.thread, site, waits, words.holds(cause.blocked))))
    for other in sorted(_told(failure), key=lambda one: one.pending.kind == Kind.JOIN):
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
        (side, *(words.side(call.at)._replace(site=_place(history, cause, call)) for call in cause.calls)),
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
    return words.moment(call.at, _did(call.method, thing))._replace(site=_place(history, cause, call))


def _place(history: History, cause: Cause, call: Call) -> Site | None:
    """Where a call is; of a lock that was taken several times, the time that was not given back."""
    since = cause.blocked.since if call.method == "acquire" and cause.waiting.kind == "lock" else None
    return since or history.events[call.at].site


def _told(failure: Failure) -> list[Blocked]:
    """Those who are worth a row: no event loop, all of whose tasks wait, and nobody who only waits to be asked."""
    return [one for one in failure.blocked if waiting(one).kind not in ("loop", "idle")] or list(failure.blocked)


def _variant(history: History, failure: Failure, cause: Cause, sources: Sources) -> str:
    """Which of the sentences of a kind fit."""
    kind = cause.waiting.kind
    if f"{cause.kind}, {kind}" in ASYNC_WORDS:
        changed = ", changed" if _change(history, cause, sources) >= 0 else ""
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
    change = _unnotified(history, cause, sources) if cause.waiting.kind == "condition" else -1
    last = _over(history, cause) if cause.waiting.kind == "condition" and change < 0 else change
    if unreached(history, last, cause.waiting, sources):
        return "nobody sets it, not reached"
    if change >= 0:
        return f"nobody sets it, {'judged' if judged(history, change, sources) >= 0 else 'changed'}"
    if cause.waiting.kind == "event" and waits_for_itself(cause.blocked, sources):
        return "nobody sets it, itself"
    if _overlooked(history, cause, sources) is not None:
        return "nobody sets it, overlooked"
    if cause.waiting.kind == "condition" and _over(history, cause) >= 0:
        return "nobody sets it, over"
    if cause.waiting.kind == "condition" and cause.peers:
        return "nobody sets it, each other"
    return ""


def _overlooked(history: History, cause: Cause, sources: Sources) -> Overlooked | None:
    """What the last notify was for, where that does not end the wait on a condition."""
    is_one = cause.kind == "nobody sets it" and cause.waiting.kind == "condition"
    return overlooked(history, cause.blocked, cause.calls, sources) if is_one else None


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
    if _change(history, cause, sources) >= 0:
        return "lost wake-up, undone"
    return "lost wake-up, checked outside" if _checked_outside(cause, sources) else cause.kind


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
    circle = len({*_keeping(failure, Words(history, sources), sources)}) > 1
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


def _facts(history: History, failure: Failure, cause: Cause, words: Words, sources: Sources) -> dict[str, str]:
    """What the sentences are filled with."""
    site = waits_at(cause.blocked)
    calls = [
        (_who(history, cause, call.thread, words), words.line(_place(history, cause, call), site))
        for call in cause.calls
    ]
    who, where = calls[-1] if calls else ("", "")
    together = 1 + len(cause.peers)
    done = cause.tally["task_done"]
    stuck = [
        f"{words.thread(blocked.thread)} waits for {what(blocked, words)} in {words.line(waits_at(blocked), site)}"
        for blocked in _told(failure)[:4]
    ]
    change = _change(history, cause, sources)
    over = _over(history, cause) if cause.waiting.kind == "condition" else -1
    change = over if change < 0 else change
    unasked = _overlooked(history, cause, sources)
    sets = numbered(set_in(cause.blocked, sources)) if cause.waiting.kind == "event" else ""
    change = unasked.change if unasked is not None else change
    judge = judged(history, change, sources) if change >= 0 else -1
    ended = [words.thread(one) for one in without(history, change)] if judge >= 0 else []
    return {
        "name": words.thread(cause.blocked.thread),
        "here": words.line(site),
        "thing": _thing(cause, words, sources) or ("channel" if "channel" in cause.waiting.kind else "it"),
        "who": who,
        "where": where,
        "all_wait": "both wait" if together == 2 else "all wait",
        "peers": listed([words.thread(peer.thread) for peer in cause.peers]),
        "got": str(cause.tally["get"] + cause.tally["get_nowait"]),
        "done": "once" if done == 1 else f"{done or 'no'} times",
        "there": "1 thread is" if together == 1 else f"{together} threads are",
        "wakes": "sets it" if cause.waiting.kind == "event" else "notifies",
        "earlier": f" {who} did so in {where}, but not for this wait."
        if calls
        else f" It is set in {sets}, where nobody has come."
        if sets
        else "",
        "ended": _last_use(history, failure, cause, words) if calls else "",
        "sets": sets,
        "back": numbered(unreached(history, change, cause.waiting, sources)),
        "loop": f"line {unasked.loop}" if unasked is not None else "",
        "asked": cause.calls[0].method if calls else "",
        "last": calls[0][1] if calls else "",
        "checked": f"line {_checked_outside(cause, sources)}",
        "changer": words.thread(history.events[change].thread) if change >= 0 else "",
        "changed": words.thing(change) if change >= 0 else "",
        "change": words.line(history.events[change].site, site) if change >= 0 else "",
        "judged": words.line(history.events[judge].site, site) if judge >= 0 else "",
        "without": f" {listed(ended)} ended without coming to it." if ended else "",
        "all": "; ".join(stuck),
        "rest": rest(failure, cause, words),
        "cleared": f"line {cleared(cause.blocked, sources)}",
        "circle": "; ".join(_keeping(failure, words, sources)),
        "ring": "; ".join(_ring(failure, cause, words)),
        "left": _left(history, failure, cause, sources),
        "holder": _who(history, cause, cause.blocked.holder, words),
        "since": words.line(cause.blocked.since, site),
        "for": _for(failure, cause, words),
        "outside": "",
    }


def _last_use(history: History, failure: Failure, cause: Cause, words: Words) -> str:
    """What became of the one who did last what is waited for."""
    call = cause.calls[-1]
    who, where = words.thread(call.thread), words.line(_place(history, cause, call), waits_at(cause.blocked))
    stuck = next((one for one in failure.blocked if one.thread == call.thread), None)
    if stuck is None:
        return f" {who}, last at it in {where}, has ended."
    return f" {who}, last at it in {where}, waits for {what(stuck, words)} in {words.line(waits_at(stuck))}."


def _who(history: History, cause: Cause, thread: int, words: Words) -> str:
    """The name of who has taken something; of the one who waits for it, that it is the same."""
    if (cause.kind, thread) != ("never released", cause.blocked.thread):
        return words.thread(thread)
    return "The same task" if history.is_task(thread) else "The same thread"


def _left(history: History, failure: Failure, cause: Cause, sources: Sources) -> str:
    """How the one who has taken it left without giving it back; "" if that is not the matter, or cannot be told."""
    if cause.kind != "never released":
        return ""
    holder, since = cause.blocked.holder, cause.blocked.since
    if cause.calls:
        holder, since = cause.calls[-1].thread, _place(history, cause, cause.calls[-1])
    return way_out(history, failure, holder, since, sources) if since is not None else ""


def rest(failure: Failure, cause: Cause, words: Words) -> str:
    """What the other threads do, apart from those that wait for the end of the one in question."""
    mine = cause.blocked.thread
    others = [one for one in failure.blocked if one.thread != mine and waiting(one).kind not in ("idle", "loop")]
    others = [one for one in others if one.pending.kind != Kind.JOIN or one.pending.place != mine]
    if not others:
        return (
            "every other thread has ended"
            if len(failure.blocked) < 2
            else "every other thread has ended or waits for it"
        )
    waits = [
        f"{words.thread(one.thread)} waits for {what(one, words)} in {words.line(waits_at(one))}" for one in others[:2]
    ]
    return f"{listed(waits)}, and the rest has ended or waits too" if len(others) > 2 else listed(waits)


def _ring(failure: Failure, cause: Cause, words: Words) -> Iterator[str]:
    """Whom each task of a ring awaits."""
    numbers = ring(failure, cause.blocked.thread)
    sites = {one.thread: waits_at(one) for one in failure.blocked}
    for one, other in zip(numbers, (*numbers[1:], *numbers[:1]), strict=True):
        yield f"{words.thread(one)} awaits {words.thread(other)} in {words.line(sites.get(one))}"


def _keeping(failure: Failure, words: Words, sources: Sources) -> Iterator[str]:
    """What each task keeps while it waits for another thing."""
    for blocked in failure.blocked:
        site, mine = waits_at(blocked), kept_around(blocked, sources)
        if site is not None and mine and waiting(blocked).kind in ("await lock", "await semaphore"):
            wants = entered(sources.line(site.file, site.line)) or what(blocked, words, "")
            yield f"{words.thread(blocked.thread)} keeps `{mine}` and waits for `{wants}` in {words.line(site)}"


def _for(failure: Failure, cause: Cause, words: Words) -> str:
    """What the thread that keeps a semaphore waits for."""
    keeps = cause.calls[-1].thread if cause.calls else cause.blocked.holder
    stuck = next((one for one in failure.blocked if one.thread == keeps), None)
    return f", for {what(stuck, words)} in {words.line(waits_at(stuck))}" if stuck is not None else ""


def _change(history: History, cause: Cause, sources: Sources) -> int:
    """The change of what is waited for that explains the hang, or -1: nobody was told of it, or it came too early."""
    if cause.kind == "nobody sets it":
        return _unnotified(history, cause, sources) if cause.waiting.kind not in ("future", "futures") else -1
    found = undone(history, cause.blocked, cause.began, sources) if cause.kind == "lost wake-up" else None
    return found.change if found is not None else -1


def _unnotified(history: History, cause: Cause, sources: Sources) -> int:
    return changed_since(history, cause.blocked, cause.began, sources)


def _over(history: History, cause: Cause) -> int:
    """The last change of what a thread waits for, if whoever made it has ended; else -1."""
    looked = looked_at(history, cause.blocked.thread, cause.began)
    among = range(cause.began - 1, -1, -1)
    change = next(changes_of(history, cause.blocked.thread, looked, among), -1)
    return change if change >= 0 and history.ended(history.events[change].thread) else -1


def _checked_outside(cause: Cause, sources: Sources) -> int:
    """The line of the check around the wait that stands outside the `with` of the lock; 0 if there is none."""
    site = waits_at(cause.blocked)
    check = sources.enclosing(site, (ast.If, ast.While)) if site is not None else None
    block = sources.enclosing(site, ast.With) if site is not None else None
    outside = isinstance(check, ast.If | ast.While) and isinstance(block, ast.With) and check.lineno < block.lineno
    return check.lineno if outside and isinstance(check, ast.If | ast.While) else 0


def _peers_differ(cause: Cause) -> bool:
    """Whether others wait for the same elsewhere in the source, so for something else."""
    here = waits_at(cause.blocked)
    return any((site := waits_at(peer)) and here and site.line != here.line for peer in cause.peers)


def _thing(cause: Cause, words: Words, sources: Sources) -> str:
    """What is waited for, as the line that waits calls it."""
    site = waits_at(cause.blocked)
    text = sources.line(site.file, site.line) if site is not None else ""
    found = next((name for method in _METHODS if (name := receiver(text, method))), "")
    found = found or entered(text) or _iterated(text)
    return found or (words.lock(cause.blocked.pending.place) if cause.waiting.kind == "lock" else "")


def _iterated(text: str) -> str:
    """What a line loops over, if that is a name: `items` in ``for item in items:``."""
    found = re.search(r"\bfor\s+.+?\s+in\s+([A-Za-z_][\w.]*)\s*[:\])}]", text)
    return found[1] if found else ""


def _did(method: str, thing: str) -> str:
    """A call in the timeline, in words."""
    thing = thing or "it"
    words = {"acquire": f"takes {thing}", "with": f"takes {thing}", "get": f"gets an item from {thing}"}
    return words.get(method, f"calls {thing}.{method}()")
