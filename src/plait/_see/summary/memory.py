"""What a trace says of memory that grew, and of what was kept at once that could have come one by one: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from plait._core.how_many import in_units
from plait._core.trace import Finding
from plait._see.recorder.backlog import Backlog

_MUCH = 100 << 20  # bytes by which the peak has risen: what is less is not told
_ITEMS, _CALLS, _TASKS = 100, 20, 1000  # at once: fewer are no reason


def tell_memory(
    rose: int,
    peak: int,
    backlogs: Iterable[Backlog],
    calls: Sequence[tuple[int, int]],
    tasks: Sequence[tuple[int, int]],
) -> list[Finding]:
    """A sentence when the peak of this process's memory rose by many bytes, with what it was for as far as is known.

    `calls` are those of executors, from when they were submitted until they ended, `tasks` those of event loops.
    """
    if rose < _MUCH:
        return []
    text = f"memory rose by {in_units(rose)}, to {in_units(peak)}"
    longest = max(backlogs, key=lambda one: one.items, default=Backlog(0, "", ""))
    submitted, tasks_at_once = at_once(calls), at_once(tasks)
    if longest.items >= _ITEMS:
        text += f"; up to {longest.items:,} items were in {longest.name} at once, most put at {longest.where}: "
        text += "Queue(maxsize=...) has whoever puts wait for whoever takes"
    elif submitted >= _CALLS:
        text += (
            f"; {len(calls):,} calls were submitted without waiting for those before, and what each returns stays for "
        )
        text += "as long as somebody has its future: plait.map takes inputs as the results of those before are taken"
    elif tasks_at_once >= _TASKS:
        text += f"; {tasks_at_once:,} tasks were there at once: plait.map(..., workers=N) needs none for each item"
    return [(0.0, text)]


def at_once(spans: Iterable[tuple[int, int]]) -> int:
    """How many there were at the same time at most.

    >>> at_once([(0, 5), (2, 3), (4, 8), (8, 9)])
    2
    """
    changes = sorted(change for began, ended in spans for change in ((began, 1), (ended, -1)))
    return max(accumulate(change for _, change in changes), default=0)
