"""Rows of a picture: lanes that are not there at the same time share one, where that makes it easier to read: pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from plait._core.trace import Lane, State, Trace

_FEW = 30  # lanes of a kind have rows of their own
_NUMBER = re.compile(r"\d+")


class Row(NamedTuple):
    """What its lanes are called, with a … for numbers in which they differ, and which they are, in order of time."""

    name: str
    lanes: list[int]


def rows_of(trace: Trace) -> list[Row]:
    """Lanes share a row when one has ended before the next begins, and they have one name or are many of a kind.

    Workers of one map after the other have the same names; the threads of a server's requests are many of a kind.

    >>> trace = Trace("app.py", 0.0, 100)
    >>> for name, began, ended in (("work-1", 0, 40), ("work-2", 5, 40), ("work-1", 50, 90), ("work-2", 30, 90)):
    ...     lane = Lane(name, "worker", 1, 1)
    ...     lane.add(began, State.PYTHON)
    ...     lane.add(ended, State.ABSENT)
    ...     trace.lanes.append(lane)
    >>> [(row.name, row.lanes) for row in rows_of(trace)]
    [('work-1', [0, 2]), ('work-2', [1]), ('work-2', [3])]
    """
    spans = _spans(trace)
    kinds = [(lane.pid, lane.kind, _pattern(lane.name)) for lane in trace.lanes]
    many = Counter(kinds)
    rows: list[Row] = []
    of_kind: dict[tuple[int, str, str], list[int]] = {}
    for at, lane in enumerate(trace.lanes):
        began, _ = spans[at]
        peers = of_kind.setdefault(kinds[at], [])
        free = [n for n in peers if spans[rows[n].lanes[-1]][1] <= began]
        found = next((n for n in free if rows[n].name == lane.name), -1)
        if found < 0 and free and many[kinds[at]] > _FEW:
            found = free[0]
            rows[found] = rows[found]._replace(name=_pattern(lane.name))
        if found < 0:
            peers.append(len(rows))
            rows.append(Row(lane.name, [at]))
        else:
            rows[found].lanes.append(at)
    return rows


def _pattern(name: str) -> str:
    return _NUMBER.sub("…", name)


def _spans(trace: Trace) -> list[tuple[int, int]]:
    """From when until when each lane has something to show, in microseconds."""
    spans = [_span(lane, trace.microseconds) for lane in trace.lanes]
    for one in trace.slices:
        began, ended = spans[one.lane]
        spans[one.lane] = min(began, one.began), max(ended, one.ended)
    return spans


def _span(lane: Lane, end: int) -> tuple[int, int]:
    if not lane.moments:
        return end, 0
    return lane.moments[0], lane.moments[-1] if lane.states[-1] == State.ABSENT else end
