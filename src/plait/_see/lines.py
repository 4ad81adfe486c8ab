"""At which lines threads were, by what they did there: pure, from looks at their lines and their lanes."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

from plait._core.trace import ON_CORE, STATES, State, Trace
from plait._see.recorder.imports import Import
from plait._see.recorder.lines import Look

COMPUTES = frozenset({*ON_CORE, State.GIL, State.CORE, State.UNSEEN})
_FEW = 5  # looks: fewer say nothing
_MOST = 0.3  # of the looks: a line that was seen less often is one of many


class Seen(NamedTuple):
    """A lane was at a line at that moment, in that state."""

    moment: int
    state: State
    where: str
    imports: bool


class Place(NamedTuple):
    """A line, and its share of all looks."""

    where: str
    share: float


class Lines:
    """The looks at each lane, in their order; `sources` has the file and the number of each line.

    >>> from plait._core.trace import Lane
    >>> trace = Trace("app.py", 0.0, 100, [Lane("a", "thread", 1, 7)])
    >>> trace.lanes[0].add(0, State.SOCKET)
    >>> lines = Lines(trace, [Look(n + 1000, 7, "app.py:3 in read") for n in range(0, 100, 10)], 1000)
    >>> lines.most([0], {State.SOCKET}), lines.most([0], {State.FILE})
    (Place(where='app.py:3 in read', share=1.0), None)
    """

    def __init__(
        self,
        trace: Trace,
        looks: Iterable[Look] = (),
        origin: int = 0,
        sources: Mapping[str, tuple[str, int]] | None = None,
        imports: Iterable[Import] = (),
    ) -> None:
        self.sources = sources or {}
        lanes = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.tid}
        self.of: dict[int, list[Seen]] = {}
        importing: dict[int, list[Import]] = {}  # those of a thread do not overlap
        for one in imports:
            importing.setdefault(one.tid, []).append(one)
        for moment, tid, where in looks:
            mine = importing.get(tid, [])
            last = bisect_right(mine, moment, key=attrgetter("began")) - 1
            imports_now = last >= 0 and moment < mine[last].ended
            at, moment = lanes.get(tid, -1), moment - origin
            if at < 0 or not 0 <= moment < trace.microseconds:
                continue
            lane = trace.lanes[at]
            known = bisect_right(lane.moments, moment) - 1
            state = STATES[lane.states[known]] if known >= 0 else State.ABSENT
            self.of.setdefault(at, []).append(Seen(moment, state, where, imports_now))

    def most(self, lanes: Iterable[int], states: Collection[State]) -> Place | None:
        """The line at which these were seen most often in one of these states; None where none stands out.

        Imports are told apart.
        """
        looks = (one for at in lanes for one in self.of.get(at, ()))
        return _most(Counter(one.where for one in looks if one.state in states and not one.imports))

    def between(self, lane: int, low: int, high: int) -> list[Seen]:
        """The looks at a lane from one moment to another."""
        seen = self.of.get(lane, [])
        return seen[bisect_left(seen, (low,)) : bisect_left(seen, (high,))]

    def imports(self, lane: int) -> float:
        """The share of the looks at a lane that found it importing."""
        seen = self.of.get(lane, ())
        return sum(one.imports for one in seen) / len(seen) if len(seen) >= _FEW else 0.0


def most_of(seen: Iterable[Seen]) -> Place | None:
    """The line of most of these looks; None where none stands out."""
    return _most(Counter(one.where for one in seen))


def _most(counts: Counter[str]) -> Place | None:
    """The line, or else the lines of one function, which were seen in turns.

    >>> _most(Counter({"app.py:3 in read": 8, "app.py:9 in main": 2}))
    Place(where='app.py:3 in read', share=0.8)
    >>> _most(Counter({f"app.py:{line} in read": 2 for line in range(3, 8)}))
    Place(where='app.py:3-7 in read', share=1.0)
    """
    total = counts.total()
    if total < _FEW:
        return None
    where, times = max(counts.items(), key=lambda one: (bool(one[0]), one[1]))
    if where and times >= _MOST * total:
        return Place(where, times / total)
    functions: dict[tuple[str, str], Counter[int]] = {}
    for one, times in counts.items():
        if found := _OWN.match(one):
            functions.setdefault((found[1], found[3]), Counter())[int(found[2])] += times
    (file, name), lines = max(functions.items(), key=lambda one: one[1].total(), default=(("", ""), Counter[int]()))
    if lines.total() < _MOST * total:
        return None
    first, last = min(lines), max(lines)
    return Place(f"{file}:{first}{f'-{last}' if last > first else ''} in {name}", lines.total() / total)


_OWN = re.compile(r"(.+?):(\d+) in ([^ ]+)")
