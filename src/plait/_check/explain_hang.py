"""Says why nobody will wake a thread that waits, and what to change: one pair of sentences for each kind of hang."""

from __future__ import annotations

import ast

from plait._check.explain_deadlock import SELF, waits_at, what
from plait._check.findings import Finding, Moment, Side
from plait._check.hangs import Cause
from plait._check.history import History
from plait._check.record import Blocked, Failure
from plait._check.source import Sources
from plait._check.waits import receiver
from plait._check.words import Says, Words, listed, own

_METHODS = ("wait_for", "wait", "get", "put", "join", "acquire", "result", "exception", "shutdown")


def explain_hang(history: History, failure: Failure, cause: Cause, sources: Sources) -> Finding:
    """The finding for threads that wait for what nobody will do."""
    words = Words(history, sources)
    site = waits_at(cause.blocked)
    thing = _thing(cause, words, sources)
    waits = f"waits for {thing or what(cause.blocked, words, '')}, for ever"
    why, fix = _WORDS[_variant(cause, sources)]
    facts = _facts(history, failure, cause, words, sources)
    rows = [(call.at, words.moment(call.at, _did(call.method, thing))) for call in cause.calls]
    rows.append((cause.began, Moment(cause.blocked.thread, site, waits, _held(cause.blocked, words))))
    for other in failure.blocked:
        if other.thread != cause.blocked.thread and (other in cause.peers or len(rows) < 5):
            moment = Moment(other.thread, waits_at(other), f"waits for {what(other, words, '')}", _held(other, words))
            rows.append((len(history.events), moment))
    side = Side(cause.blocked.thread, words.thread(cause.blocked.thread), waits, site, own(cause.blocked.stack))
    return Finding(
        cause.kind,
        _TITLES[cause.kind] + (f": {thing}" if thing else ""),
        why.format_map(facts),
        fix.format_map(facts),
        (side, *(words.side(call.at) for call in cause.calls)),
        tuple(moment for _, moment in sorted(rows, key=lambda row: row[0])),
        certain=cause.kind != "hang",
    )


_TITLES = {
    "waits for itself": "A pool that waits for itself",
    "self-deadlock": "Deadlock with itself",
    "never released": "Never released",
    "notify too few": "notify() woke the wrong thread",
    "lost wake-up": "Lost wake-up",
    "missing task_done": "Missing task_done()",
    "barrier short of parties": "A barrier that is short of threads",
    "nobody sets it": "Nobody will wake it",
    "nothing comes": "Nothing will come",
    "check then act": "Checked, then changed by another thread",
    "hang": "Nobody can go on",
}

# Why, and the fix. `who` did the last call that explains it, in `where`; `name` waits in `here` for `thing`.
_WORDS = {
    "waits for itself": Says(
        "{name}, a worker of the pool, waits in {here} for a result of the same pool. Every worker waits so, and "
        "nobody is left to run what they wait for.",
        "Do not wait for a future inside a function that runs in the same pool: return it and wait outside, use a "
        "second pool for the inner calls, or call the inner function directly.",
    ),
    "self-deadlock": SELF,
    "never released": Says(
        "{name} waits for `{thing}` in {here}. {who} has taken it in {where} and never gave it back.",
        "Use `with {thing}:`, or release it in a `finally:`, so that an early return or an exception gives it back "
        "too.",
    ),
    "notify too few": Says(
        "{name} ({here}) and {peers} wait on `{thing}` for different things. The notify() of {who} in {where} woke one "
        "that had nothing to do and went back to wait; the one it was meant for sleeps on.",
        "Call `{thing}.notify_all()` in {where}, with each wait in a `while` that checks what it waits for; or use one "
        "Condition for each thing to wait for, on the same lock.",
    ),
    "lost wake-up": Says(
        "{who} notifies in {where} before {name} waits in {here}. A notify() wakes those that wait at that moment; it "
        "is not kept for later, so nobody will wake it.",
        "Keep it in a variable as well: set it under the lock before notify(), and wait with `while not ready: "
        "{thing}.wait()`, or `{thing}.wait_for(lambda: ready)`.",
    ),
    "lost wake-up, in a loop": Says(
        "{who} notifies in {where} before {name} waits in {here}, after it has looked and before it sleeps. A notify() "
        "wakes those that wait at that moment; it is not kept for later.",
        "The check and the wait must be under the same lock as the change and the notify().",
    ),
    "lost wake-up, cleared": Says(
        "`{thing}` was set, and {who} cleared it again in {where} before {name} looked. Now {name} waits for it in "
        "{here}, and nobody sets it again.",
        "Clear an Event only in the thread that waits for it, before it gives out the work that sets it; for work that "
        "comes again and again use a queue.Queue.",
    ),
    "missing task_done": Says(
        "{name} waits in {here} until every item of `{thing}` is done: {got} were taken, but task_done() was called "
        "{done}. {who} took one in {where} and did not say that it is done.",
        "Call task_done() once for each get(), in a `finally:`, so that an exception does not skip it.",
    ),
    "barrier short of parties": Says(
        "{there} at the barrier `{thing}` ({here}), which waits for more; no other thread will come.",
        "Give the Barrier the number of threads that really come, and call `abort()` when one of them fails.",
    ),
    "nobody sets it": Says(
        "{name} waits for `{thing}` in {here}, and nobody who is left {wakes}: every other thread has ended or waits "
        "too.{earlier}",
        "Make sure that whoever it waits for {wakes} on every way out, in a `finally:`; or wait with a timeout.",
    ),
    "nobody sets it, semaphore": Says(
        "{name} waits for `{thing}` in {here}; all its units are taken, and nobody who is left gives one back.",
        "Release it once for each acquire, with `with` or in a `finally:`; and start it with as many units as are "
        "needed.",
    ),
    "nothing comes": Says(
        "{name} waits for {wants} `{thing}` in {here}, but nobody who is left will act on that queue: every other "
        "thread has ended or waits too.",
        "Tell each consumer when to stop: put one sentinel for each of them, or use `queue.shutdown()` (3.13).",
    ),
    "check then act": Says(
        "{name} asks `{thing}.{asked}()` in {seen} and acts on the answer in {here}. In between {who} uses the queue "
        "in {where}, so the answer does not hold any more.",
        "Do not ask first: call `{thing}.get_nowait()` and catch queue.Empty (or put_nowait() and queue.Full).",
    ),
    "hang": Says(
        "Every thread that is left waits, and nothing can wake one of them: {all}.",
        "See what each of them waits for, and who should have done it.",
    ),
}


def _variant(cause: Cause, sources: Sources) -> str:
    """Which of the sentences of a kind fit."""
    site = waits_at(cause.blocked)
    if cause.kind == "lost wake-up":
        if cause.waiting.kind == "event":
            return "lost wake-up, cleared"
        return "lost wake-up, in a loop" if site and sources.enclosing(site, ast.While) else cause.kind
    if cause.kind == "nobody sets it" and cause.waiting.kind == "semaphore":
        return "nobody sets it, semaphore"
    return cause.kind


def _facts(history: History, failure: Failure, cause: Cause, words: Words, sources: Sources) -> dict[str, str]:
    """What the sentences are filled with."""
    site = waits_at(cause.blocked)
    kind = cause.waiting.kind
    calls = [(words.thread(call.thread), words.line(history.events[call.at].site, site)) for call in cause.calls]
    who, where = calls[-1] if calls else ("", "")
    together = 1 + len(cause.peers)
    done = cause.tally["task_done"]
    stuck = [
        f"{words.thread(blocked.thread)} waits for {what(blocked, words)} in {words.line(waits_at(blocked), site)}"
        for blocked in failure.blocked[:4]
    ]
    return {
        "name": words.thread(cause.blocked.thread),
        "here": words.line(site),
        "thing": _thing(cause, words, sources) or "it",
        "who": who,
        "where": where,
        "peers": listed([words.thread(peer.thread) for peer in cause.peers]),
        "got": str(cause.tally["get"] + cause.tally["get_nowait"]),
        "done": "once" if done == 1 else f"{done or 'no'} times",
        "there": "1 thread is" if together == 1 else f"{together} threads are",
        "wakes": "sets it" if kind == "event" else "notifies",
        "earlier": f" {who} did so in {where}, but not for this wait." if calls else "",
        "wants": {"queue put": "room in", "queue join": "all items to be done of"}.get(kind, "an item from"),
        "asked": cause.calls[0].method if calls else "",
        "seen": calls[0][1] if calls else "",
        "all": "; ".join(stuck),
    }


def _thing(cause: Cause, words: Words, sources: Sources) -> str:
    """What is waited for, as the line that waits calls it."""
    site = waits_at(cause.blocked)
    text = sources.line(site.file, site.line) if site is not None else ""
    found = next((name for method in _METHODS if (name := receiver(text, method))), "")
    return found or (words.lock(cause.blocked.pending.place) if cause.waiting.kind == "lock" else "")


def _did(method: str, thing: str) -> str:
    """A call in the timeline, in words."""
    thing = thing or "it"
    return {"acquire": f"takes {thing}", "get": f"gets an item from {thing}"}.get(method, f"calls {thing}.{method}()")


def _held(blocked: Blocked, words: Words) -> tuple[str, ...]:
    return tuple(words.lock(place) for place, site in blocked.held if site is not None)
