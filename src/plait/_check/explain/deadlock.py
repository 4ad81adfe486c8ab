"""Says who waits for whom in a deadlock, one that happened or one that is predicted, and what to change."""

from __future__ import annotations

import os
from itertools import pairwise

from plait._check.findings import Finding, Moment, Side
from plait._check.reading.deadlocks import Cycle
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.waits import entered, receiver, waiting
from plait._check.reading.words import Says, Words, frame_site, innermost, listed, own
from plait._check.record import Blocked, Failure, Frame
from plait._core.event import Kind, Site

_WAY = 6  # calls that are told of the way from one taking of a lock to the next

SELF = Says(
    "{name} takes `{thing}` in {here}, but holds it already, since {where}. A Lock does not ask who holds it: "
    "the thread waits for itself.",
    "Use threading.RLock, which its holder may take again; or move what needs the lock into a function that "
    "expects it to be held.{outside}",
)

HANDLER = Says(
    "A signal stops {name} while it holds `{thing}`, since {where}, and has it run the handler, which takes `{thing}` "
    "in {here}: what the handler waits for is what it has stopped. A Lock does not ask who holds it.",
    "Take no lock in a handler of a signal: let it only note that the signal came, in a variable or by `put()` of a "
    "`queue.SimpleQueue`, and do the rest where the program looks at that. With an RLock it would see what is half "
    "changed.",
)

FINALIZER = Says(
    "{name} takes `{thing}` in {here}, but holds it already, since {where}. A finalizer takes it: that runs in the "
    "middle of whatever lets go of the last reference, or has the garbage collector run, and in the same thread. Here "
    "it waits for what it has stopped.",
    "Take no lock in a finalizer that may be held where objects go: let it only note what is to be done, by `put()` "
    "of a `queue.SimpleQueue` or `append()` of a deque, and have the rest done later. With threading.RLock it goes "
    "on, and sees what is half changed.",
)

CALLBACK = Says(
    "{name} calls others while it holds `{thing}`, since {where}, and one of them takes `{thing}` again in {here}. A "
    "Lock does not ask who holds it: the thread waits for itself.",
    "Call nobody while you hold it: make a copy under the lock (`with {thing}: current = list(...)`), and go through "
    "that when it is free. With an RLock the loop would go through what they change.",
)

SIGNAL = Says(
    "{name} takes `{thing}` a second time in {here}, and has not let go of it since {where}: it waits until another "
    "thread releases it, and nobody who is left will.",
    "If `{thing}` is a signal, see to it that the other thread releases it in every order; with a threading.Event that "
    "is plain. If it guards something, release it before it is taken again, or take it with `with`.",
)


def explain_cycle(history: History, circle: tuple[Blocked, ...], sources: Sources) -> Finding:
    """The finding for threads that wait for each other in a circle."""
    words = Words(history, sources)
    if len(circle) == 1:
        return _self_deadlock(history, circle[0], words)
    parts, rows, sides = [], [], []
    locks: list[str] = []
    for blocked in circle:
        name = words.thread(blocked.thread)
        site = waits_at(blocked)
        needed = [since for since in _held(history, blocked) if _wanted_by(circle, since[0])]
        held = [words.lock(place) for place, _ in needed]
        has = "".join(f"holds `{words.lock(place)}` since {words.line(since)} and " for place, since in needed)
        parts.append(f"{name} {has}waits for {what(blocked, words)} in {words.line(site)}")
        for place, since in needed:
            rows.append((_acquired(history, place), Moment(blocked.thread, since, f"takes {words.lock(place)}", ())))
        does = f"waits for {what(blocked, words, '')}"
        rows.append((len(history.events) + len(rows), Moment(blocked.thread, site, does)))
        sides.append(Side(blocked.thread, name, does, site, own(blocked.stack)))
        locks.extend(held)
    joins = [blocked for blocked in circle if blocked.pending.kind == Kind.JOIN]
    return Finding(
        "deadlock",
        f"Deadlock of {listed([words.thread(blocked.thread) for blocked in circle])}",
        "; ".join(parts) + f". {'Neither' if len(circle) == 2 else 'None of them'} can ever go on.",
        _one_order(locks, _same_lines(circle)) if not joins else _before_join(joins[0], words, locks),
        tuple(sides),
        tuple(moment for _, moment in sorted(rows, key=lambda row: row[0])),
    )


def explain_nested(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for a thread that waits, and keeps a lock that another needs who could wake it; None if none does."""
    words = Words(history, sources)
    for blocked in failure.blocked:
        if waiting(blocked).kind in ("lock", "join"):
            continue
        for place, since in _held(history, blocked):
            wants = [
                other for other in failure.blocked if other.pending.place == place and waiting(other).kind == "lock"
            ]
            if wants and since is not None and history.is_lock(place):
                return _nested(blocked, since, wants[0], words)
    return None


def _nested(blocked: Blocked, since: Site, other: Blocked, words: Words) -> Finding:
    lock, name, who = words.lock(other.pending.place), words.thread(blocked.thread), words.thread(other.thread)
    here, there = waits_at(blocked), waits_at(other)
    waits, wants = f"waits for {what(blocked, words, '')}", f"waits for {lock}"
    return Finding(
        "deadlock",
        f"Deadlock: {name} waits and keeps {lock}",
        f"{name} {waits} in {words.line(here)} and holds `{lock}` meanwhile, since {words.line(since)}. {who}, which "
        f"could end that, waits for `{lock}` in {words.line(there, here)}. Neither can ever go on.",
        f"Let go of `{lock}` before you wait: move {words.line(here)} out of the `with` block of {words.line(since)}.",
        (
            Side(blocked.thread, name, waits, here, own(blocked.stack)),
            Side(other.thread, who, wants, there, own(other.stack)),
        ),
        (
            Moment(blocked.thread, since, f"takes {lock}"),
            Moment(blocked.thread, here, waits),
            Moment(other.thread, there, wants),
        ),
    )


def explain_prediction(history: History, cycle: Cycle, sources: Sources) -> Finding:
    """The finding for lock orders that can come to a deadlock, as far as one execution shows; not confirmed."""
    words = Words(history, sources)
    events = history.events
    edges = sorted(cycle.edges, key=lambda edge: edge.since)
    parts = [
        f"{words.thread(edge.thread)} takes `{words.lock(edge.wanted)}` in {words.line(events[edge.at].site)} while it "
        f"holds `{words.lock(edge.held)}`, taken in {words.line(events[edge.since].site)}"
        for edge in edges
    ]
    moments = [Moment(edge.thread, events[edge.since].site, f"takes {words.lock(edge.held)}") for edge in edges]
    moments += [
        Moment(edge.thread, events[edge.at].site, f"would wait for {words.lock(edge.wanted)}", (words.lock(edge.held),))
        for edge in edges
    ]
    same = len({(events[edge.since].site, events[edge.at].site) for edge in edges}) == 1
    return Finding(
        "deadlock",
        f"Taken in different orders: {listed([words.lock(edge.held) for edge in edges])}",
        "; ".join(parts) + ". When they come to it at the same time, none of them can ever go on.",
        _one_order([words.lock(edge.held) for edge in edges], same),
        tuple(
            Side(edge.thread, words.thread(edge.thread), f"takes {words.lock(edge.wanted)}", events[edge.at].site)
            for edge in edges
        ),
        tuple(moments),
        confirmed=False,
    )


def _self_deadlock(history: History, blocked: Blocked, words: Words) -> Finding:
    site = waits_at(blocked)
    name, lock = words.thread(blocked.thread), words.lock(blocked.pending.place)
    since = next((since for place, since in _held(history, blocked) if place == blocked.pending.place), None)
    side = Side(blocked.thread, name, f"waits for {lock}", site, own(blocked.stack))
    signal = _is_signal(since, site)
    says = SIGNAL if signal else _how_again(blocked, since, words.sources)
    way = () if signal else _way(blocked, since)
    return Finding(
        "self-deadlock",
        f"Nobody releases {lock}" if signal else f"Deadlock with itself: {lock}",
        says.why.format(name=name, thing=lock, here=words.line(site), where=words.line(since)),
        says.fix.format(thing=lock, outside=_outside(way, words)),
        (side,),
        (
            Moment(blocked.thread, since, f"takes {lock}"),
            *(
                Moment(blocked.thread, frame_site(frame), f"comes to {called.function.rpartition('.')[2]}")
                for frame, called in pairwise(way)
            ),
            Moment(blocked.thread, site, f"waits for {lock}, for ever", (lock,)),
        ),
    )


def _outside(way: tuple[Frame, ...], words: Words) -> str:
    """The advice not to call under the lock what leads to it again; "" where nothing is called."""
    if len(way) < 2:
        return ""
    return f" Or let go of it first: do what {words.line(frame_site(way[0]))} calls when the lock is free."


def _way(blocked: Blocked, since: Site | None) -> tuple[Frame, ...]:
    """The user's frames from the one that holds the lock to the one that wants it; () where that is the same one."""
    frames = own(blocked.stack)
    if since is None:
        return ()
    holding = [at for at, frame in enumerate(frames) if (frame.file, frame.function) == (since.file, since.function)]
    way = frames[holding[0] :] if holding else ()
    return tuple(way[: _WAY - 1]) + tuple(way[-1:]) if len(way) > _WAY else tuple(way)


def _in_finalizer(blocked: Blocked, since: Site | None, sources: Sources) -> bool:
    """Whether the way from the one to the other leads through `__del__`, or what `weakref` calls for an object."""
    way = _way(blocked, since)
    if any(_finalizes(frame, sources) for frame in way[1:]):
        return True
    inner = blocked.stack[blocked.stack.index(way[0]) :] if way else ()
    return any(os.path.basename(frame.file) == "weakref.py" for frame in inner)


def _finalizes(frame: Frame, sources: Sources) -> bool:
    name = frame.function.rpartition(".")[2]
    return name == "__del__" or not sources.weak_callbacks(frame.file).isdisjoint((name, str(frame.line)))


def _how_again(blocked: Blocked, since: Site | None, sources: Sources) -> Says:
    """The sentences on how a thread has come to take what it holds."""
    frames = own(blocked.stack)
    if any(frame.function.rpartition(".")[2] in sources.signal_handlers(frame.file) for frame in frames):
        return HANDLER
    if _in_finalizer(blocked, since, sources):
        return FINALIZER
    inside = [frame.line for frame in frames if since is not None and frame.function == since.function]
    calls = since is not None and any(sources.calls_each(since, line) for line in inside)
    return CALLBACK if calls else SELF


def _is_signal(since: Site | None, site: Site | None) -> bool:
    """Whether one function takes a lock in one place and again in another, without `with`: it wants somebody else."""
    if since is None or site is None or since.function != site.function or since.line == site.line:
        return False
    return since.file == site.file and all(".acquire(" in each.text for each in (since, site))


def waits_at(blocked: Blocked) -> Site | None:
    """Where in the user's source a thread is stuck."""
    return blocked.pending.site or frame_site(innermost(blocked.stack))


def side_of(blocked: Blocked, words: Words, does: str) -> Side:
    """The side of a finding for a thread that is stuck, which does this."""
    return Side(blocked.thread, words.thread(blocked.thread), does, waits_at(blocked), own(blocked.stack))


def what(blocked: Blocked, words: Words, quote: str = "`") -> str:
    """What a stuck thread waits for."""
    kind = waiting(blocked).kind
    if kind == "join":
        return f"the end of {words.thread(blocked.holder if blocked.holder >= 0 else blocked.pending.place)}"
    if kind == "lock":
        return f"{quote}{words.lock(blocked.pending.place)}{quote}"
    if kind == "outside":
        return blocked.pending.name
    site = waits_at(blocked)
    if kind == "semaphore" and site is not None:
        text = words.sources.line(site.file, site.line)
        name = receiver(text, "acquire") or entered(text)
        return f"{quote}{name}{quote}" if name else _THINGS[kind]
    return _THINGS.get(kind, kind)


_THINGS = {
    "condition": "a notify()",
    "event": "an Event to be set",
    "queue get": "an item in a queue",
    "queue put": "room in a queue",
    "queue join": "a queue to be done",
    "semaphore": "a semaphore",
    "barrier": "others at a barrier",
    "future": "a result",
    "futures": "results",
    "executor": "the end of a pool",
    "channel get": "an item in a channel",
    "channel put": "room in a channel",
    "await channel get": "an item in a channel",
    "await channel put": "room in a channel",
    "scope": "the tasks of a scope",
    "map": "the results of a map",
    "idle": "work in a pool",
    "await": "a result",
    "await event": "an asyncio.Event to be set",
    "await lock": "an asyncio.Lock",
    "await semaphore": "an asyncio.Semaphore",
    "await condition": "a notify()",
    "await barrier": "others at a barrier",
    "await queue get": "an item in a queue",
    "await data": "data from a stream",
    "await room": "room in a stream",
    "await queue put": "room in a queue",
    "await queue join": "a queue to be done",
    "await tasks": "other tasks",
    "loop": "the tasks of its event loop",
}


def _held(history: History, blocked: Blocked) -> list[tuple[int, Site | None]]:
    """The locks that a stuck thread holds, with the places where it took them."""
    taken = [(place, history.events[index]) for place, index in history.owners.items()]
    mine = [(place, event.site) for place, event in taken if event.thread == blocked.thread]
    return mine or list(blocked.held)


def _wanted_by(circle: tuple[Blocked, ...], place: int) -> bool:
    return any(blocked.pending.place == place and blocked.pending.kind != Kind.JOIN for blocked in circle)


def _acquired(history: History, place: int) -> int:
    return history.owners.get(place, len(history.events))


def _same_lines(circle: tuple[Blocked, ...]) -> bool:
    return len({site.line if (site := waits_at(blocked)) else 0 for blocked in circle}) == 1


def _one_order(locks: list[str], same_lines: bool) -> str:
    if same_lines:
        return (
            "Take the locks in one order, whoever comes: sort them first by something that never changes (a number, "
            "`id()`), and take them in that order."
        )
    order = " before ".join(f"`{lock}`" for lock in dict.fromkeys(locks))
    return f"Take the locks in one order everywhere: {order}. Or hold one lock around both."


def _before_join(join: Blocked, words: Words, locks: list[str]) -> str:
    what = f"`{locks[0]}`" if locks else "the lock"
    where = words.line(waits_at(join))
    return f"Let go of {what} before waiting for the thread in {where}: move the join out of the `with` block."
