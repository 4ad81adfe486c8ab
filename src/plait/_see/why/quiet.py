"""Programs in which nothing is wrong that can be seen: a server that is idle, who waits for what is outside. Pure."""

from __future__ import annotations

from plait._see.why.dump import Dump
from plait._see.why.graph import NOT_TOLD
from plait._see.why.known import Diagnosis, Known, step
from plait._see.why.task_wait import primitive

_EVENTS = ("waits for events", "waits for a connection")
_IDLE = (*NOT_TOLD, "loop", "sleep", "serves", "stays", "tasks", "window", "client", "exit", "join")
_MOST = 3


def idle(dump: Dump, everybody: list[Known]) -> str:
    """That a server or worker has nothing to do, in a sentence; "" where that is not so, or not seen."""
    if dump.missing or not all(map(_is_idle, everybody)):
        return ""
    if not dump.listens:
        within = any(known.wait.frame is not None for known in everybody)
        return (
            ""
            if within
            else "None of its threads is within a function of the program: it has nothing to do itself now."
        )
    more = " and more" if len(dump.listens) > _MOST else ""
    where = f"It listens at {', '.join(dump.listens[:_MOST])}{more}"
    if dump.pythons:
        return f"{where}, and has nothing to do itself. What it has started may have, and is asked, too."
    return f"{where}, and none of its threads is at work: a server that has nothing to do looks like this."


def from_outside(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """The only one that does anything waits for events of the system, at a line of the program."""
    waits = [known for known in everybody if known.wait.frame is not None and not _is_idle(known)]
    waits += [known for known in everybody if known.wait.frame is not None and _is_for_events(known)]
    if dump.listens or len(waits) != 1 or not _is_for_events(waits[0]) or waits[0].wait.inside or waits[0].wait.limited:
        return None
    if any(known.wait.kind in ("loop", "window", "runs", "C code", "sleep") for known in everybody):
        return None
    return Diagnosis(
        f"{waits[0].thread.name} waits for what comes from outside",
        (step(waits[0]),),
        "It waits in the system, for a socket, a pipe or the like, and no other thread does anything: nothing "
        "in this process ends that wait.",
        "Where an answer is to come: see what the other side does, and give the call a timeout.",
        certain=False,
    )


def _is_idle(known: Known) -> bool:
    wait = known.wait
    if wait.kind in ("runs", "C code", "current", "ready"):
        return False
    if wait.frame is None or wait.kind in _IDLE or _is_for_events(known):
        return True
    if wait.limited and not known.thread.task:
        return wait.deep is None  # a library that looks again and again waits for what it was asked for
    return known.thread.task and primitive(known.thread) == "queue get"


def _is_for_events(known: Known) -> bool:
    return known.wait.kind == "system" and known.wait.what.startswith(_EVENTS)
