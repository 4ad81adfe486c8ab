"""Why nobody will wake a thread that waits: lost wake-up, too few woken, missing task_done, what is never released.

The standard library's Condition, Queue, Semaphore and so on run as they are, so an execution shows the locks inside
them: what belongs to one of them is what was done under its lock, at lines of the user's that say `notify` or `put`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from plait._check.history import History
from plait._check.record import Blocked, Failure
from plait._check.source import Sources
from plait._check.waits import Waiting, receiver, waiting
from plait._core.event import Kind

_CALLS = ("notify_all", "notify", "set", "clear", "put_nowait", "put", "get_nowait", "get", "task_done", "release",
          "acquire", "wait", "empty", "qsize", "full", "locked", "is_set")  # fmt: skip


class Call(NamedTuple):
    """Something done to what is waited for: by a thread, at an event, `method` as the user's line has it."""

    at: int
    thread: int
    method: str


class Cause(NamedTuple):
    """Why one thread waits for ever.

    Attributes:
        kind: of the finding.
        blocked, waiting: the thread, and what it waits for.
        calls: what was done to it by whom, in order, as far as it explains the hang.
        peers: other threads that wait for the same.
        began: index of the event by which the waiting began; the number of events when it is not known.
        tally: how often each method was called on what is waited for.
    """

    kind: str
    blocked: Blocked
    waiting: Waiting
    calls: tuple[Call, ...]
    peers: tuple[Blocked, ...]
    began: int
    tally: Counter[str]


def cause(history: History, failure: Failure, sources: Sources) -> Cause | None:
    """The one cause that explains the most: not of a thread that merely waits for others that are stuck."""
    stuck = [_cause(history, failure, blocked, sources) for blocked in failure.blocked]
    stuck.sort(key=lambda one: (_RANK.get(one.kind, len(_RANK)), one.blocked.thread))
    return stuck[0] if stuck else None


# The deeper a cause the earlier: a join waits because what is joined waits.
_RANK = {
    kind: rank
    for rank, kind in enumerate(
        ("waits for itself", "self-deadlock", "never released", "notify too few", "lost wake-up", "missing task_done",
         "barrier short of parties", "nobody sets it", "nothing comes", "hang")
    )
}  # fmt: skip


def _cause(history: History, failure: Failure, blocked: Blocked, sources: Sources) -> Cause:
    what = waiting(blocked)
    began, lock = _inner_lock(history, blocked)
    calls = tuple(_calls(history, lock, sources)) if lock >= 0 else ()
    others = (other for other in failure.blocked if other.thread != blocked.thread)
    peers = tuple(
        other for other in others if (waiting(other).kind, _inner_lock(history, other)[1]) == (what.kind, lock)
    )
    tally = Counter(call.method for call in calls)
    rule = _RULES.get(what.kind)
    kind = "barrier short of parties" if what.kind == "barrier" else "hang"
    kind, calls = rule(_Case(history, blocked, calls, peers, began)) if rule else (kind, ())
    return Cause(kind, blocked, what, calls, peers, began, tally)


class _Case(NamedTuple):
    """What a rule looks at; it answers with the kind and the calls that explain it."""

    history: History
    blocked: Blocked
    calls: tuple[Call, ...]
    peers: tuple[Blocked, ...]
    began: int


_Answer = tuple[str, tuple[Call, ...]]


def _lock(case: _Case) -> _Answer:
    acquired = case.history.owners.get(case.blocked.pending.place)
    if acquired is None:
        return "hang", ()
    owner = case.history.events[acquired].thread
    taken = (Call(acquired, owner, "acquire"),)
    if owner == case.blocked.thread:
        return "self-deadlock", taken
    return ("never released" if _ended(case.history, owner) else "hang"), taken


def _condition(case: _Case) -> _Answer:
    woken = [
        call for call in case.calls if call.method in ("notify", "notify_all") and call.thread != case.blocked.thread
    ]
    if case.peers and any(call.method == "notify" for call in case.calls):
        return "notify too few", tuple(call for call in case.calls if call.method == "notify")[-1:]
    if woken and woken[-1].at < case.began:
        return "lost wake-up", tuple(woken[-1:])
    return ("nobody sets it", ()) if not woken else ("hang", tuple(woken[-1:]))


def _event(case: _Case) -> _Answer:
    sets = [call for call in case.calls if call.method == "set"]
    clears = [call for call in case.calls if call.method == "clear"]
    if sets and clears and sets[-1].at < clears[-1].at:
        return "lost wake-up", (sets[-1], clears[-1])
    return "nobody sets it", tuple(sets[-1:])


def _semaphore(case: _Case) -> _Answer:
    open_calls: dict[int, list[Call]] = {}
    for call in case.calls:
        mine = open_calls.setdefault(call.thread, [])
        if call.method == "acquire":
            mine.append(call)
        elif call.method == "release" and mine:
            mine.pop()
    left = [
        call for thread, mine in open_calls.items() for call in mine if thread != case.blocked.thread or len(mine) > 1
    ]
    return ("never released", tuple(left[:1])) if left else ("nobody sets it", ())


def _queue_join(case: _Case) -> _Answer:
    done = Counter(call.thread for call in case.calls if call.method == "task_done")
    gets = [call for call in case.calls if call.method in ("get", "get_nowait")]
    got = Counter(call.thread for call in gets)
    short = [call for call in gets if got[call.thread] > done[call.thread]]
    return ("missing task_done", tuple(short[-1:])) if short else ("nothing comes", ())


def _queue(case: _Case) -> _Answer:
    checks = [
        call for call in case.calls if call.method in ("empty", "qsize", "full") and call.thread == case.blocked.thread
    ]
    if checks:
        since = [call for call in case.calls if call.at > checks[-1].at and call.thread != case.blocked.thread]
        taking = [call for call in since if call.method in ("get", "get_nowait", "put", "put_nowait")]
        if taking:
            return "check then act", (checks[-1], taking[-1])
    return "nothing comes", ()


def _future(case: _Case) -> _Answer:
    in_pool = any(
        frame.file.endswith("thread.py") and frame.function.endswith("_worker") for frame in case.blocked.stack
    )
    return ("waits for itself" if in_pool else "hang"), ()


_RULES = {
    "lock": _lock,
    "condition": _condition,
    "event": _event,
    "semaphore": _semaphore,
    "queue join": _queue_join,
    "queue get": _queue,
    "queue put": _queue,
    "future": _future,
    "futures": _future,
}


def _inner_lock(history: History, blocked: Blocked) -> tuple[int, int]:
    """By which event the waiting began, and the place of the lock inside what is waited for; -1 when there is none.

    A Condition's `wait` acquires a lock of its own making, releases the Condition's and acquires its own again.
    """
    mine = history.of.get(blocked.thread, [])
    if len(mine) >= 2:
        released, own = history.events[mine[-1]], history.events[mine[-2]]
        if released.kind == Kind.RELEASE and own.kind == Kind.ACQUIRE and own.place == blocked.pending.place:
            return mine[-2], released.place
    return len(history.events), -1


def _calls(history: History, lock: int, sources: Sources) -> Iterator[Call]:
    """What was done under the lock, in order: one call for each time it was taken, or several under a `with`."""
    for index, event in enumerate(history.events):
        if event.place != lock or index not in history.taken or event.kind != Kind.ACQUIRE or event.site is None:
            continue
        line = sources.line(event.site.file, event.site.line)
        methods = [method for method in _CALLS if receiver(line, method)][:1]
        if not methods:
            block = sources.enclosing(event.site, (ast.With, ast.AsyncWith))
            methods = list(_methods(block)) if block is not None else ["acquire"]
        for method in methods:
            yield Call(index, event.thread, method)


def _methods(block: ast.AST) -> Iterator[str]:
    """The calls in a `with` block that have to do with waiting; all of them may have been made."""
    for node in ast.walk(block):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS[:4]:
            yield node.func.attr


def _ended(history: History, thread: int) -> bool:
    mine = history.of.get(thread, [])
    return bool(mine) and history.events[mine[-1]].kind == Kind.END
