"""Why nobody will wake a thread that waits: lost wake-up, too few woken, missing task_done, what is never released.

What is done to a Condition, a Queue or a Semaphore is what is done under its lock, in lines that say `notify` or `put`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from plait._check.reading.atomicity import overlap
from plait._check.reading.awaited import keeper, kept_around, ring, waits_for_work
from plait._check.reading.history import History
from plait._check.reading.notified import used_up
from plait._check.reading.source import Sources
from plait._check.reading.untold import untold
from plait._check.reading.uses import Call, calls_on, is_wake_up, settled
from plait._check.reading.waits import Waiting, condition_of, in_pool, receiver, waiting, waits_inside
from plait._check.reading.way_out import is_left
from plait._check.record import Blocked, Failure
from plait._core.event import Kind


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
    root = _root(failure)
    stuck = [one for one in stuck if not _is_idle(one, stuck, sources)]
    return min(stuck, key=lambda one: _doubt(history, one, root, sources), default=None)


def _doubt(history: History, one: Cause, root: int, sources: Sources) -> tuple[bool | int, ...]:
    """The less, the surer: who waits for itself needs nobody else for that."""
    likely = _is_untold(history, one, sources) or _is_starved(history, one)
    notify = one.calls[-1].at if one.kind == "notify too few" and one.calls else -1
    certain = one.kind in _CERTAIN and not (notify >= 0 and used_up(history, notify, one.blocked.thread, one.began))
    rank = 0 if one.kind == "self-deadlock" else 1 if certain else 2 if likely else 3
    return rank, one.kind == "hang", one.blocked.thread != root, one.blocked.thread


def _is_idle(one: Cause, others: Sequence[Cause], sources: Sources) -> bool:
    """Whether it is a worker that waits for work, whose end nobody awaits, and a result is awaited besides."""
    if not waits_for_work(one.blocked, sources) or one.blocked.thread in sum((o.blocked.awaited for o in others), ()):
        return False
    return any(other.waiting.kind == "await" and not other.blocked.awaited for other in others)


def _is_untold(history: History, one: Cause, sources: Sources) -> bool:
    """Whether it waits on a condition for what has come, and nobody has said so."""
    waits = (one.kind, one.waiting.kind) == ("nobody sets it", "condition")
    return waits and untold(history, one.blocked, one.began, inner_lock(history, one.blocked)[1], sources)


def _is_starved(history: History, one: Cause) -> bool:
    """Whether it waits for a unit of a semaphore where others have got one: there were too few for all who come."""
    lock, site = inner_lock(history, one.blocked)[1], one.blocked.pending.site
    if one.waiting.kind != "semaphore" or site is None:
        return False
    came = Counter(e.thread for e in history.events if (e.kind, e.place, e.site) == (Kind.ACQUIRE, lock, site))
    stuck = {one.blocked.thread, *(peer.thread for peer in one.peers)}
    return came[one.blocked.thread] == 1 and not came.keys() <= stuck


# These are defects wherever they are; of the others the one that the main thread waits for in the end is told.
_CERTAIN = ("deadlock", "waits for itself", "self-deadlock", "never released", "notify too few", "missing task_done")


def _root(failure: Failure) -> int:
    """Whom the first thread waits for in the end, through joins."""
    by_thread = {blocked.thread: blocked for blocked in failure.blocked}
    thread, seen = min(by_thread, default=-1), set[int]()
    while thread in by_thread and by_thread[thread].pending.kind == Kind.JOIN and thread not in seen:
        seen.add(thread)
        thread = by_thread[thread].pending.place
    return thread


def _cause(history: History, failure: Failure, blocked: Blocked, sources: Sources) -> Cause:
    what = _waiting(history, blocked)
    began, lock = inner_lock(history, blocked)
    calls = tuple(calls_on(history, lock, sources)) if lock >= 0 else ()
    calls = tuple(call for call in calls if not _of_another(call, history, what, sources))
    others = (other for other in failure.blocked if other.thread != blocked.thread)
    mine = what.kind, lock, condition_of(what, sources)
    peers = tuple(
        other
        for other in others
        if mine == ((it := waiting(other)).kind, inner_lock(history, other)[1], condition_of(it, sources))
    )
    tally = Counter(call.method for call in calls)
    for other in failure.blocked:  # a call that has not come back has not done anything yet
        if inner_lock(history, other)[1] == lock >= 0:
            tally.subtract([one.method for one in calls if one.thread == other.thread][-1:])
    rule = _RULES.get(what.kind)
    kind = "barrier short of parties" if what.kind.endswith("barrier") else "hang"
    kind, calls = rule(_Case(history, blocked, calls, peers, began, failure, sources)) if rule else (kind, ())
    return Cause(kind, blocked, what, calls, peers, began, tally)


def _waiting(history: History, blocked: Blocked) -> Waiting:
    """What it waits for; a `SimpleQueue`, which is no Python code, looks like a lock on the stack."""
    what, place = waiting(blocked), history.record.places.get(blocked.pending.place)
    is_queue = what.kind == "lock" and place is not None and place.label == "SimpleQueue"
    return what._replace(kind="queue get") if is_queue else what


class _Case(NamedTuple):
    """What a rule looks at; it answers with the kind and the calls that explain it."""

    history: History
    blocked: Blocked
    calls: tuple[Call, ...]
    peers: tuple[Blocked, ...]
    began: int
    failure: Failure
    sources: Sources


_Answer = tuple[str, tuple[Call, ...]]


def _lock(case: _Case) -> _Answer:
    acquired = case.history.owners.get(case.blocked.pending.place)
    if acquired is None:
        return "hang", ()
    owner = case.history.events[acquired].thread
    taken = (Call(acquired, owner, "acquire"),)
    if owner == case.blocked.thread:
        if waits_inside(case.blocked, since := case.history.events[acquired].site):
            return "hang", ()
        left = is_left(case.blocked, since, case.sources)
        return "never released" if left else "self-deadlock", taken
    return ("never released" if case.history.ended(owner) else "hang"), taken


def _condition(case: _Case) -> _Answer:
    woken = [
        call for call in case.calls if call.method in ("notify", "notify_all") and call.thread != case.blocked.thread
    ]
    lock, blocked = inner_lock(case.history, case.blocked)[1], case.failure.blocked
    waiters = [one for one in blocked if inner_lock(case.history, one)[1] == lock]
    single = [call for call in settled(woken, waiters) if call.method == "notify"]
    if single and (case.peers or single[-1].at > case.began):
        return "notify too few", tuple(single[-1:])
    if woken and woken[-1].at < case.began and not _guarded(case.blocked, case.sources):
        return "lost wake-up", tuple(woken[-1:])
    late = undone(case.history, case.blocked, case.began, case.sources)
    if late is not None:
        at = late.notify
        return "lost wake-up", tuple(call for call in case.calls if call.at <= at and call.thread == late.thread)[-1:]
    return "nobody sets it", tuple(woken[-1:])


class Undone(NamedTuple):
    """A notify by a thread, and the change because of which whoever it woke waits again: the indices of both."""

    notify: int
    thread: int
    change: int


def undone(history: History, blocked: Blocked, began: int, sources: Sources) -> Undone | None:
    """What a thread was woken for last, and what has undone that before it looked; None if nothing has.

    The change is that of somebody who comes to wait, too: a barrier that is used again, before all have left it. What
    is taken behind the wait, as an item is, was never meant for everybody.
    """
    events, site = history.events, blocked.pending.site
    mine = [index for index in history.of[blocked.thread] if index < began]
    woken = [step for step, index in enumerate(mine) if step and is_wake_up(history, index)]
    loop = sources.enclosing(site, ast.While) if site is not None else None
    if not woken or site is None or not isinstance(loop, ast.While):
        return None
    back, signal = mine[woken[-1]], events[mine[woken[-1] - 1]].place
    ends = (Kind.RELEASE, signal)
    notify = next((index for index in range(back, -1, -1) if (events[index].kind, events[index].place) == ends), -1)
    looked = [events[index] for index in mine if index > back and events[index].kind == Kind.READ]
    for index in range(back - 1, notify, -1) if notify >= 0 else ():
        event = events[index]
        if event.kind == Kind.WRITE and event.site is not None and any(overlap(event, read) for read in looked):
            if event.site.function == site.function and event.site.line < loop.lineno:
                return Undone(notify, events[notify].thread, index)
    return None


def _event(case: _Case) -> _Answer:
    sets = [call for call in case.calls if call.method == "set"]
    clears = [call for call in case.calls if call.method == "clear"]
    if sets and clears and sets[-1].at < clears[-1].at:
        return "lost wake-up", (sets[-1], clears[-1])
    return "nobody sets it", tuple(sets[-1:])


def _semaphore(case: _Case) -> _Answer:
    taken: dict[int, list[Call]] = {}
    for call in settled(case.calls, [case.blocked, *case.peers]):
        mine = taken.setdefault(call.thread, [])
        site = case.history.events[call.at].site
        if call.method == "release" and not mine:
            return "nobody sets it", ()  # who releases has taken nothing: it hands on
        leaves = any(one.method == "with" and case.history.events[one.at].site == site for one in mine)
        if mine and (call.method == "release" or (call.method == "with" and leaves)):
            mine.pop()
        elif call.method in ("acquire", "with"):
            mine.append(call)
    stuck = {blocked.thread for blocked in case.failure.blocked}
    others = [call for thread, mine in taken.items() for call in mine if thread != case.blocked.thread]
    ended = [call for call in others if call.thread not in stuck]
    if ended or not others:
        return ("never released", tuple(ended[:1])) if ended else ("nobody sets it", ())
    return "deadlock", tuple(others[:1])


def _queue_join(case: _Case) -> _Answer:
    done = Counter(call.thread for call in case.calls if call.method == "task_done")
    stuck = {blocked.thread for blocked in case.failure.blocked if waiting(blocked).kind == "queue get"}
    gets = [call for call in case.calls if call.method in ("get", "get_nowait")]
    for thread in stuck:  # the last call has not come back
        last = next((call for call in reversed(gets) if call.thread == thread), None)
        gets = [call for call in gets if call is not last]
    got = Counter(call.thread for call in gets)
    short = [call for call in gets if got[call.thread] > done[call.thread]]
    return ("missing task_done", tuple(short[-1:])) if short else ("nothing comes", _left(case))


def _queue(case: _Case) -> _Answer:
    checks = [
        call for call in case.calls if call.method in ("empty", "qsize", "full") and call.thread == case.blocked.thread
    ]
    if checks:
        since = [call for call in case.calls if call.at > checks[-1].at and call.thread != case.blocked.thread]
        taking = [call for call in since if call.method in ("get", "get_nowait", "put", "put_nowait")]
        if taking:
            return "check then act", (checks[-1], taking[-1])
    return "nothing comes", _left(case)


def _guarded(blocked: Blocked, sources: Sources) -> bool:
    """Whether the wait stands in a loop that checks under the lock: no notify can be missed then."""
    site = blocked.pending.site
    loop, block = (sources.enclosing(site, kind) if site is not None else None for kind in (ast.While, ast.With))
    return isinstance(loop, ast.While) and isinstance(block, ast.With) and block.lineno < loop.lineno


def _left(case: _Case) -> tuple[Call, ...]:
    """The last call of another thread that did what is waited for: that took an item, or put one."""
    wanted = ("put", "put_nowait") if waiting(case.blocked).kind == "queue get" else ("get", "get_nowait")
    return tuple([call for call in settled(case.calls, (case.blocked, *case.peers)) if _is(call, case, wanted)][-1:])


def _is(call: Call, case: _Case, wanted: tuple[str, ...]) -> bool:
    return call.method in wanted and call.thread != case.blocked.thread


def _future(case: _Case) -> _Answer:
    if case.history.is_task(case.blocked.thread):  # it waits as a thread does, and the loop with it
        return "waits for itself", ()
    if in_pool(case.blocked) and not _has_idle(case):
        return "waits for itself", ()
    others = [one for one in case.failure.blocked if one is not case.blocked]
    return ("hang" if any(map(in_pool, others)) else "nobody sets it"), ()


def _has_idle(case: _Case) -> bool:
    """Whether a worker of the same pool has nothing to do: what is waited for is nothing that the pool is to run."""
    pool = case.history.name(case.blocked.thread).rpartition("_")[0]
    idle = (one.thread for one in case.failure.blocked if waiting(one).kind == "idle")
    return any(case.history.name(thread).rpartition("_")[0] == pool for thread in idle)


def _result(case: _Case) -> _Answer:
    """A task that awaits a future, or another task."""
    merely = ("await", "await tasks", "loop", "idle")  # who waits for something else says more
    if ring(case.failure, case.blocked.thread):
        return "deadlock", ()
    others = [one for one in case.failure.blocked if waiting(one).kind not in merely]
    if case.blocked.awaited or any(waiting(one).kind != "await queue get" for one in others):
        return "hang", ()
    return ("nobody sets it" if case.history.is_task(case.blocked.thread) else "hang"), ()


def _async_event(case: _Case) -> _Answer:
    return ("lost wake-up" if cleared(case.blocked, case.sources) else "nobody sets it"), ()


def _async_lock(case: _Case) -> _Answer:
    rivals = [one for one in case.failure.blocked if waiting(one).kind in ("await lock", "await semaphore")]
    keep = [one for one in rivals if kept_around(one, case.sources)]
    if case.blocked.holder == case.blocked.thread:
        left = is_left(case.blocked, case.blocked.since, case.sources)
        return "never released" if left else "self-deadlock", ()
    circle = len(keep) > 1 and case.blocked in keep
    return ("deadlock" if circle or keeper(case.blocked, case.failure) is not None else "never released"), ()


def _async_condition(case: _Case) -> _Answer:
    others = [one for one in case.failure.blocked if waiting(one).kind == "await condition" and one is not case.blocked]
    here, name = _awaits_on(case.blocked, case.sources)
    elsewhere = [line for line, other in (_awaits_on(one, case.sources) for one in others) if other == name]
    frame = waiting(case.blocked).frame
    single = frame is not None and name and case.sources.calling(frame.file, name, "notify")
    return ("notify too few" if single and any(line != here for line in elsewhere) else "nobody sets it"), ()


def _awaits_on(blocked: Blocked, sources: Sources) -> tuple[int, str]:
    """The line in which a task waits on a condition, and the last name of that."""
    frame = waiting(blocked).frame
    line = sources.line(frame.file, frame.line) if frame is not None else ""
    name = receiver(line, "wait_for") or receiver(line, "wait")
    return frame.line if frame is not None else 0, name.rpartition(".")[2]


def _async_join(case: _Case) -> _Answer:
    empty = any(waiting(one).kind == "await queue get" for one in case.failure.blocked)
    return ("missing task_done" if empty else "nothing comes"), ()


def cleared(blocked: Blocked, sources: Sources) -> int:
    """The line where the event that a task awaits is cleared; 0 if there is none."""
    frame = waiting(blocked).frame
    name = receiver(sources.line(frame.file, frame.line), "wait").rpartition(".")[2] if frame is not None else ""
    return sources.calling(frame.file, name, "clear") if frame is not None and name else 0


_COMES = ("channel get", "channel put", "queue get", "queue put", "data", "room")
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
    "await": _result,
    "await event": _async_event,
    "await lock": _async_lock,
    "await semaphore": _async_lock,
    "await condition": _async_condition,
    **dict.fromkeys(  # their locks do not tell who has come and gone
        ("channel get", "channel put", *(f"await {one}" for one in _COMES)), lambda _: ("nothing comes", ())
    ),
    "await queue join": _async_join,
}


def inner_lock(history: History, blocked: Blocked) -> tuple[int, int]:
    """By which event the waiting began, and the place of the lock inside what is waited for; -1 when there is none.

    A Condition's `wait` acquires a lock of its own making, releases the Condition's and acquires its own again.
    """
    mine = history.of.get(blocked.thread, [])
    if len(mine) >= 2:
        released, own = history.events[mine[-1]], history.events[mine[-2]]
        if released.kind == Kind.RELEASE and own.kind == Kind.ACQUIRE and own.place == blocked.pending.place:
            return mine[-2], released.place
    return mine[-1] if mine and blocked.pending.kind == Kind.WAIT else len(history.events), -1


def _of_another(call: Call, history: History, what: Waiting, sources: Sources) -> bool:
    """Whether it notifies another condition, of the same lock, for which others wait."""
    site = history.events[call.at].site
    if what.kind != "condition" or what.frame is None or site is None or not call.method.startswith("notify"):
        return False
    mine = condition_of(what, sources)
    block = sources.enclosing(site, (ast.With, ast.AsyncWith))
    names = set(_receivers(block, call.method)) if block is not None else set()
    waited = [name for name in names if any(sources.calling(site.file, name, way) for way in ("wait", "wait_for"))]
    return bool(mine and names) and mine not in names and len(waited) == len(names)


def _receivers(block: ast.AST, method: str) -> Iterator[str]:
    """The last names of what a method is called on in a block."""
    for node in ast.walk(block):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
            yield ast.unparse(node.func.value).rpartition(".")[2]
