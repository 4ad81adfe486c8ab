"""What the sentences of `hang_words` are filled with: who waits, for what and for whom, by the names used there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from plait._check.explain.deadlock import waits_at, what
from plait._check.reading.awaited import kept_around, ring
from plait._check.reading.hangs import Cause, cleared, undone
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.unreached import unreached
from plait._check.reading.unset import Overlooked, overlooked, set_in
from plait._check.reading.untold import changed_since, changes_of, judged, looked_at, without
from plait._check.reading.uses import Call
from plait._check.reading.waits import entered, receiver, waiting
from plait._check.reading.way_out import way_out
from plait._check.reading.words import Words, listed, numbered
from plait._check.record import Blocked, Failure
from plait._core.event import Kind, Site

_METHODS = ("wait_for", "wait", "get", "put", "aget", "aput", "join", "acquire", "result", "exception", "shutdown")


def facts_of(history: History, failure: Failure, cause: Cause, words: Words, sources: Sources) -> dict[str, str]:
    """What the sentences are filled with."""
    return {
        **_of_wait(history, cause, words, sources),
        **_of_calls(history, failure, cause, words, sources),
        **_of_change(history, cause, words, sources),
        **_of_others(history, failure, cause, words, sources),
    }


def _of_wait(history: History, cause: Cause, words: Words, sources: Sources) -> dict[str, str]:
    """What the thread waits for, where, and who has it."""
    site = waits_at(cause.blocked)
    return {
        "name": words.thread(cause.blocked.thread),
        "here": words.line(site),
        "thing": thing_of(cause, words, sources) or ("channel" if "channel" in cause.waiting.kind else "it"),
        "wakes": "sets it" if cause.waiting.kind == "event" else "notifies",
        "checked": f"line {checked_outside(cause, sources)}",
        "cleared": f"line {cleared(cause.blocked, sources)}",
        "holder": _who(history, cause, cause.blocked.holder, words),
        "since": words.line(cause.blocked.since, site),
        "outside": "",
    }


def _of_calls(history: History, failure: Failure, cause: Cause, words: Words, sources: Sources) -> dict[str, str]:
    """The calls that could have ended the wait, and have not."""
    site = waits_at(cause.blocked)
    calls = [
        (_who(history, cause, call.thread, words), words.line(place_of(history, cause, call), site))
        for call in cause.calls
    ]
    who, where = calls[-1] if calls else ("", "")
    done = cause.tally["task_done"]
    lines = set_in(cause.blocked, sources) if cause.waiting.kind == "event" else ()
    sets, come = numbered(lines), any(history.line(at) in lines for at in range(len(history.events)))
    earlier = f" It is set in {sets}, {'but not this one' if come else 'where nobody has come'}." if sets else ""
    return {
        "who": who,
        "where": where,
        "asked": cause.calls[0].method if calls else "",
        "last": calls[0][1] if calls else "",
        "ended": _last_use(history, failure, cause, words) if calls else "",
        "earlier": f" {who} did so in {where}, but not for this wait." if calls else earlier,
        "sets": sets,
        "got": str(cause.tally["get"] + cause.tally["get_nowait"]),
        "done": "once" if done == 1 else f"{done or 'no'} times",
    }


def _of_change(history: History, cause: Cause, words: Words, sources: Sources) -> dict[str, str]:
    """The change that nobody was told of, or that the last call was for."""
    site = waits_at(cause.blocked)
    unasked = overlooked_by_last(history, cause, sources)
    change = change_of(history, cause, sources) if unasked is None else unasked.change
    if unasked is None and change < 0 and cause.waiting.kind == "condition":
        change = last_change(history, cause)
    judge = judged(history, change, sources) if change >= 0 else -1
    ended = [words.thread(one) for one in without(history, change)] if judge >= 0 else []
    return {
        "back": numbered(unreached(history, change, cause.waiting, sources)),
        "loop": f"line {unasked.loop}" if unasked is not None else "",
        "changer": words.thread(history.events[change].thread) if change >= 0 else "",
        "changed": words.thing(change) if change >= 0 else "",
        "change": words.line(history.events[change].site, site) if change >= 0 else "",
        "judged": words.line(history.events[judge].site, site) if judge >= 0 else "",
        "without": f" {listed(ended)} ended without coming to it." if ended else "",
    }


def _of_others(history: History, failure: Failure, cause: Cause, words: Words, sources: Sources) -> dict[str, str]:
    """What the others do, and whom they wait for."""
    site = waits_at(cause.blocked)
    together = 1 + len(cause.peers)
    stuck = [
        f"{words.thread(blocked.thread)} waits for {what(blocked, words)} in {words.line(waits_at(blocked), site)}"
        for blocked in told(failure)[:4]
    ]
    return {
        "peers": listed([words.thread(peer.thread) for peer in cause.peers]),
        "all_wait": "both wait" if together == 2 else "all wait",
        "there": "1 thread is" if together == 1 else f"{together} threads are",
        "all": "; ".join(stuck),
        "rest": rest(failure, cause, words),
        "circle": "; ".join(keeping(failure, words, sources)),
        "ring": "; ".join(_ring(failure, cause, words)),
        "left": _left(history, failure, cause, sources),
        "for": _for(failure, cause, words),
    }


def _last_use(history: History, failure: Failure, cause: Cause, words: Words) -> str:
    """What became of the one who did last what is waited for."""
    call = cause.calls[-1]
    who, where = words.thread(call.thread), words.line(place_of(history, cause, call), waits_at(cause.blocked))
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
        holder, since = cause.calls[-1].thread, place_of(history, cause, cause.calls[-1])
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


def keeping(failure: Failure, words: Words, sources: Sources) -> Iterator[str]:
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


def change_of(history: History, cause: Cause, sources: Sources) -> int:
    """The change of what is waited for that explains the hang, or -1: nobody was told of it, or it came too early."""
    if cause.kind == "nobody sets it":
        return unnotified(history, cause, sources) if cause.waiting.kind not in ("future", "futures") else -1
    found = undone(history, cause.blocked, cause.began, sources) if cause.kind == "lost wake-up" else None
    return found.change if found is not None else -1


def unnotified(history: History, cause: Cause, sources: Sources) -> int:
    return changed_since(history, cause.blocked, cause.began, sources)


def last_change(history: History, cause: Cause) -> int:
    """The last change of what a thread waits for, if whoever made it has ended; else -1."""
    looked = looked_at(history, cause.blocked.thread, cause.began)
    among = range(cause.began - 1, -1, -1)
    change = next(changes_of(history, cause.blocked.thread, looked, among), -1)
    return change if change >= 0 and history.ended(history.events[change].thread) else -1


def overlooked_by_last(history: History, cause: Cause, sources: Sources) -> Overlooked | None:
    """What the last notify was for, where that does not end the wait on a condition."""
    is_one = cause.kind == "nobody sets it" and cause.waiting.kind == "condition"
    return overlooked(history, cause.blocked, cause.calls, sources) if is_one else None


def checked_outside(cause: Cause, sources: Sources) -> int:
    """The line of the check around the wait that stands outside the `with` of the lock; 0 if there is none."""
    site = waits_at(cause.blocked)
    check = sources.enclosing(site, (ast.If, ast.While)) if site is not None else None
    block = sources.enclosing(site, ast.With) if site is not None else None
    outside = isinstance(check, ast.If | ast.While) and isinstance(block, ast.With) and check.lineno < block.lineno
    return check.lineno if outside and isinstance(check, ast.If | ast.While) else 0


def place_of(history: History, cause: Cause, call: Call) -> Site | None:
    """Where a call is; of a lock that was taken several times, the time that was not given back."""
    since = cause.blocked.since if call.method == "acquire" and cause.waiting.kind == "lock" else None
    return since or history.events[call.at].site


def thing_of(cause: Cause, words: Words, sources: Sources) -> str:
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


def told(failure: Failure) -> list[Blocked]:
    """Those who are worth a row: no event loop, all of whose tasks wait, and nobody who only waits to be asked."""
    return [one for one in failure.blocked if waiting(one).kind not in ("loop", "idle")] or list(failure.blocked)
