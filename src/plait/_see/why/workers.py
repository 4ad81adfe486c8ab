"""Findings of servers and libraries whose worker threads all wait: none is left for what comes meanwhile. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from plait._see.why.dump import Dump, Frame, Thread
from plait._see.why.graph import FOR_EVER, RESULTS
from plait._see.why.keys import is_own
from plait._see.why.known import Diagnosis, Known, step
from plait._see.why.sockets import is_to_itself

_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]([^/\\.]+)")
_THREADS = re.compile(r"[/\\](threading|thread)\.py$")


def all_ask(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """All workers of a server wait for answers of that server itself."""
    for workers in _teams(everybody):
        if not all(is_to_itself(known, dump.pid) and _library_around(known) for known in workers):
            continue
        end = workers[0].thread.other_end
        return Diagnosis(
            f"All {len(workers)} worker threads ask the server that they work for",
            tuple(map(step, workers)),
            f"Each waits for an answer from {end.name if end is not None else 'it'}, which is this process itself. "
            "While all of them wait so, none is left to give an answer, unless the server may start more threads, or "
            "needs none for it.",
            "Call the function that answers instead of asking for it through a socket; more threads only put off the "
            "moment when all of them ask. Give the call a timeout.",
            certain=False,
        )
    return None


def all_wait(_: Dump, everybody: list[Known]) -> Diagnosis | None:
    """All threads that a library has for what it is asked to do wait at lines of the program.

    Of one that has called the library again, as a handler of a connection does for the next message, it is not said.
    """
    for workers in _teams(everybody):
        if any(known.wait.pooled for known in workers) or not all(map(_waits, workers)):
            continue
        return Diagnosis(
            f"All {len(workers)} worker threads of {_library(workers[0].thread)} wait",
            tuple(map(step, workers)),
            "None of them is free: what comes meanwhile waits for one of them, unless more may be started, and may be "
            "what these are waiting for.",
            "Wait in none of them for what another one is to do, or have more of them; and wait with a timeout.",
            certain=False,
        )
    return None


def _waits(known: Known) -> bool:
    wait, (inner, _) = known.wait, _around(known)
    return wait.kind in (*FOR_EVER, *RESULTS) and not wait.limited and wait.frame is not None and not inner


def _library_around(known: Known) -> bool:
    """Whether a library has called the line of the program that waits, as a server does, and no pool does."""
    return known.wait.frame is not None and bool(_around(known)[1])


def _around(known: Known) -> tuple[list[Frame], list[Frame]]:
    """The frames of libraries within the innermost line of the program's own, and around it."""
    frames = known.thread.frames
    mine = next((at for at, frame in enumerate(frames) if is_own(frame)), len(frames))
    within, outside = ([one for one in part if _INSTALLED.search(one.file)] for part in (frames[:mine], frames[mine:]))
    return within, outside


def _teams(everybody: list[Known]) -> Iterator[list[Known]]:
    """The threads that do the same for the same library or pool, where they are several."""
    teams: dict[object, list[Known]] = {}
    for known in everybody:
        if not known.thread.task and (team := known.wait.pooled or _team(known.thread)):
            teams.setdefault(team, []).append(known)
    return (workers for workers in teams.values() if len(workers) > 1)


def _team(thread: Thread) -> str:
    """What a thread was started to run, where that is a function of an installed library; "" where it is none."""
    frame = _first(thread)
    return f"{frame.file}:{frame.function}" if frame is not None and _INSTALLED.search(frame.file) else ""


def _library(thread: Thread) -> str:
    """The name of that library."""
    frame = _first(thread)
    found = _INSTALLED.search(frame.file) if frame is not None else None
    return found[1] if found is not None else "a library"


def _first(thread: Thread) -> Frame | None:
    """The outermost function that is none of those that threads begin with; None where a thread begins otherwise."""
    frames = [frame for frame in reversed(thread.frames) if not _THREADS.search(frame.file)]
    return frames[0] if frames and len(frames) < len(thread.frames) else None
