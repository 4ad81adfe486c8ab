"""Waits for one thing in words: how many, of whom, and at which line most: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plait._core.how_many import how_many
from plait._core.trace import Trace


def in_waits(trace: Trace, places: Sequence[int]) -> str:
    """``in 3 waits of 1 thread``."""
    waiters = {trace.waits[at].lane for at in places}
    who = "task" if any(trace.lanes[at].kind == "task" for at in waiters) else "thread"
    return f"in {how_many(len(places), 'wait')} of {how_many(len(waiters), who)}"


def most_waited_at(trace: Trace, places: Iterable[int], of_holders: bool = False) -> str:
    """The line at which was waited longest, or at which the holder was while others waited; "" for none."""
    lengths: dict[str, int] = {}
    for wait in (trace.waits[at] for at in places):
        line = wait.held_at if of_holders else wait.where
        if line:
            lengths[line] = lengths.get(line, 0) + wait.ended - wait.began
    return max(lengths, key=lambda one: lengths[one], default="")


def seconds_of(trace: Trace, places: Iterable[int]) -> float:
    """How long they took together."""
    return sum(trace.waits[at].ended - trace.waits[at].began for at in places) / 1e6
