"""Who waits for whom, and which threads can go on by themselves."""

from __future__ import annotations

import re
from functools import partial

from plait._see.why import source
from plait._see.why.dump import Dump, Thread
from plait._see.why.keys import Holding, is_own
from plait._see.why.known import Known, Step, is_thread, step
from plait._see.why.leaves import leavers
from plait._see.why.task_wait import awaits_thread, primitive
from plait._see.why.teams import awaits_all, drives_processes
from plait._see.why.trees import nodes_around
from plait._see.why.wait import Wait, shows_windows

FOR_EVER = ("lock", "join", "condition", "event", "semaphore", "barrier", "queue get", "queue put", "queue join",
            "channel get", "channel put")  # fmt: skip
RESULTS = ("future", "futures")
NOT_TOLD = ("idle", "plait", "service", "feeder")
_OTHERS = ("import", "work", "exit", "window call")
BOUND = (*FOR_EVER, *RESULTS, *NOT_TOLD, *_OTHERS)  # who waits so does not go on by itself


def with_held(members: list[Known], everybody: list[Known]) -> list[Step]:
    steps = []
    wanted = {key for other in everybody for key in other.wait.keys}
    for_owners = [other for other in everybody if other.wait.owner and other.wait.kind == "lock"]
    for known in members:
        held = [one for one in known.held if one.key in wanted]
        steps += [taken(known, one) for one in held]
        owned = [other for other in for_owners if _owns(known, other)]
        if owned and not held:
            steps.append(_owning(known, owned[0]))
        steps.append(step(known))
    return steps


def _owning(known: Known, other: Known) -> Step:
    """That a thread has an RLock, as that says, for which another one waits; where it has taken it in the same way.

    A function that takes a lock for its caller, as context managers do, is no longer on the stack of who has it.
    """
    function = other.wait.deep.name if other.wait.deep is not None else ""
    found = [
        frame._replace(line=one.line)
        for frame in known.thread.frames
        if function and is_own(frame)
        for one in source.held(frame.file, frame.line, frame.column)
        if re.search(rf"\b{re.escape(function)}\(", one.expression)
    ]
    has = f"has {other.wait.what}, as the lock itself says"
    if not found:
        return Step(known.thread.name, has, "", "")
    return Step(known.thread.name, f"{has}, taken", found[0].place, source.text(found[0].file, found[0].line))


def taken(known: Known, held: Holding) -> Step:
    """That a thread has something, with the line of the user's own that took it."""
    own = held.frame._replace(line=held.line) if held.own in (None, held.frame) else held.own
    assert own is not None
    where = "" if held.own in (None, held.frame) else f" ({held.place})"
    return Step(known.thread.name, f"has {held.expression}{where}, taken", own.place, source.text(own.file, own.line))


def _owns(known: Known, other: Known) -> bool:
    """Whether the RLock for which another one waits says that this one has it, and that may be so.

    It says the number of a thread, which the system gives to a new one as soon as the thread that had it has ended.
    """
    named = bool(other.wait.owner) and other.wait.owner == known.thread.ident and known is not other
    return named and (_has(known, other.wait) or not _may_be_left(known, other))


def _has(known: Known, wait: Wait) -> bool:
    return any(held.expression == wait.what or held.key in wait.keys for held in known.held)


def _may_be_left(known: Known, other: Known) -> bool:
    """Whether functions leave taken what another one waits for, and this thread is in none that calls one of these."""
    names = {one.who.removesuffix("()") for one in leavers(other)}
    own = [frame for frame in known.thread.frames if is_own(frame)]
    nodes = [node for frame in own for node in nodes_around(frame.file, frame.line)]
    called = {getattr(node, "id", getattr(node, "attr", "")) for node in nodes} | {frame.name for frame in own}
    return bool(names) and names.isdisjoint(called)


def _permitted(everybody: list[Known], known: Known) -> list[int]:
    """Who has a permit of a semaphore, where nobody lets go for others."""
    files = {frame.file for other in everybody for frame in other.thread.frames if is_own(frame)}
    if any(map(source.releases_for_others, files)):
        return []
    return [at for at, other in enumerate(everybody) if any(held.key in known.wait.keys for held in other.held)]


def awaited(everybody: list[Known], at: int) -> int | None:
    """Whom a thread waits for: who has the lock, whom it joins, who imports the module, who works for its result."""
    known = everybody[at]
    wait = known.wait
    if wait.limited or (known.thread.task and primitive(known.thread) == "semaphore"):
        return None  # of a semaphore others have permits, too
    others = enumerate(everybody)
    if wait.kind == "semaphore" or known.crews:
        only = _permitted(everybody, known) if wait.kind == "semaphore" else _workers(everybody, known)
        return only[0] if len(only) == 1 else None
    if wait.owner:
        return next((n for n, other in others if _owns(other, known)), None)
    if wait.keys and (wait.kind != "condition" or all(other.wait.kind in BOUND for other in everybody)):
        holders = (pair for pair in others if pair[1].held)  # there may be thousands of tasks that have nothing
        return next((n for n, other in holders if any(held.key in wait.keys for held in other.held)), None)
    if wait.kind == "join" and wait.address:
        return next((n for n, other in others if is_thread(other.thread, wait.address)), None)
    if wait.kind in ("import", "window call"):
        does = partial(_imports, _module(known.thread)) if wait.kind == "import" else shows_windows
        return next((n for n, other in others if n != at and does(other.thread)), None)
    if wait.kind in RESULTS and not any(
        other.wait.kind in ("runs", "C code", "sleep", "system") for other in everybody
    ):
        return next((n for n, other in others if n != at and other.wait.pooled and other.wait.kind == "import"), None)
    return None


def _imports(module: str, thread: Thread) -> bool:
    return module in _importing(thread)


def needed(dump: Dump, everybody: list[Known]) -> list[list[int]]:
    """Of each thread those without whom it cannot go on: each of them alone keeps it from that.

    A map goes on with whatever comes first, and so needs its workers only where none of them can go on.
    """
    single = [awaited(everybody, at) for at in range(len(everybody))]
    found = [
        _workers(everybody, known)
        if known.crews
        else _tasks(everybody, known) or [other for other in (single[at],) if other is not None]
        for at, known in enumerate(everybody)
    ]
    free = _free(dump, everybody, found)
    return [[] if at in free and _takes_first(known) else found[at] for at, known in enumerate(everybody)]


def _takes_first(known: Known) -> bool:
    """Whether who needs others goes on with the first of them that does."""
    return known.thread.first or awaits_thread(known.thread) or (bool(known.crews) and not awaits_all(known.thread))


def _tasks(everybody: list[Known], known: Known) -> list[int]:
    """The tasks that a task awaits, or the threads of pools one of which does what it awaits."""
    if known.wait.limited:
        return []
    if awaits_thread(known.thread):
        return [n for n, other in enumerate(everybody) if other.wait.pooled and other.wait.kind not in NOT_TOLD]
    awaits = known.thread.awaits
    return [n for n, other in enumerate(everybody) if other.thread.task and other.thread.ident in awaits]


def _free(dump: Dump, everybody: list[Known], needed: list[list[int]]) -> set[int]:
    """The threads that may go on: by themselves, or because those may whom they wait for."""
    free = {at for at, known in enumerate(everybody) if not needed[at] and may_go_on(dump, known)}
    free |= {at for at, known in enumerate(everybody) if known.wait.limited}
    while True:
        more = {at for at in range(len(everybody)) if at not in free and _freed(everybody[at], needed[at], free)}
        if not more:
            return free
        free |= more


def _freed(known: Known, needed: list[int], free: set[int]) -> bool:
    if _takes_first(known):
        return any(other in free for other in needed)
    if needed:
        return all(other in free for other in needed)
    return known.wait.kind not in NOT_TOLD and bool(free)  # anybody may set an event


def _workers(everybody: list[Known], known: Known) -> list[int]:
    """Who is at work for a map, scope or pool that a thread waits for."""
    at_work = [n for n, other in enumerate(everybody) if other.wait.kind not in NOT_TOLD and other is not known]
    return [n for n in at_work if everybody[n].wait.pooled in known.crews]


def _module(thread: Thread) -> str:
    """The module that an import waits for."""
    for frame in thread.frames:
        if frame.file.startswith("<frozen importlib") and "name" in frame.variables:
            return frame.variables["name"].text
    return ""


def _importing(thread: Thread) -> list[str]:
    """The modules whose import a thread is in the middle of."""
    frames = [frame for frame in thread.frames if frame.file.startswith("<frozen importlib")]
    waiting = any(frame.name == "acquire" for frame in frames)
    names = [frame.variables["name"].text for frame in frames if "name" in frame.variables]
    return names[1:] if waiting else names


def may_go_on(dump: Dump, known: Known) -> bool:
    """Whether a thread can go on by itself, or by what another process does."""
    wait = known.wait
    if wait.limited or wait.kind not in BOUND or drives_processes(known.thread):
        return True
    if wait.kind == "feeder":  # what it sends on was put by another thread, and it gives nothing to this process
        return False
    theirs = wait.kind == "service" or (wait.kind == "work" and not known.crews) or wait.shared
    return (bool(dump.children) and theirs) or (wait.shared and is_member(dump))


def is_timer(known: Known) -> bool:
    """Whether it is a thread of `threading.Timer` whose time has not come."""
    threads = all(frame.file.endswith("threading.py") for frame in known.thread.frames)
    return known.wait.kind == "event" and known.wait.limited and threads


def is_member(dump: Dump) -> bool:
    """Whether it is a process of `multiprocessing`, so that who has started it can end its waits."""
    frames = [frame for thread in dump.threads for frame in thread.frames]
    return any(
        frame.file.endswith("multiprocessing/process.py") and frame.function.endswith("_bootstrap") for frame in frames
    )
