"""Locks that nobody has: where the source takes one, and may end without letting it go. Pure."""

from __future__ import annotations

from plait._see.why.dump import Dump
from plait._see.why.graph import awaited
from plait._see.why.known import Diagnosis, Known, step
from plait._see.why.leaves import leavers

CURE = "Use `with`, or release it in a `finally`."


def left_taken(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Who waits for a lock that no thread is seen to have, and that a function in its file does not always let go."""
    for at, known in enumerate(everybody):
        steps = [] if known.thread.task else leavers(known)  # who has what a task waits for, `task_waits` knows
        if steps and not known.wait.limited and awaited(everybody, at) is None:
            return Diagnosis(
                f"{known.thread.name} waits for {known.wait.what}, which no thread is seen to have",
                (step(known), *steps),
                "Whoever had it has left it without release(), as it seems: a function in the same file may."
                + (" Or it was taken so at the moment when this process was forked." if dump.forked else ""),
                CURE,
                certain=False,
            )
    return None
