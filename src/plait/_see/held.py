"""For how long locks were waited for, and who had them meanwhile: pure, from the waits of a trace."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from plait._core.trace import Trace, Wait

Held = dict[tuple[int, str], float]  # seconds by who had it, and the line where it was when the wait began; or ""


class Blocked(NamedTuple):
    """A wait as long as its lock was what was waited for: who has got it still needs a core and the GIL to go on."""

    wait: Wait
    until: int

    @property
    def microseconds(self) -> int:
        return self.until - self.wait.began


def blocked(trace: Trace, waits: Sequence[Wait]) -> list[Blocked]:
    """Each wait up to the last moment at which its lane was seen to wait for it."""
    found = []
    for wait in waits:
        until = trace.lanes[wait.lane].last_end(wait.state, wait.began, wait.ended, trace.microseconds)
        found.append(Blocked(wait, until))
    return found


def held(waits: Sequence[Blocked]) -> Held:
    """Who had what was waited for, for how many seconds of these waits.

    >>> from plait._core.trace import State
    >>> one, two = Wait(1, 0, 40, State.LOCK, "a", "", 0, "a.py:3"), Wait(2, 10, 60, State.LOCK, "a", "", 0, "a.py:4")
    >>> {key: round(seconds * 1e6) for key, seconds in held([Blocked(one, 40), Blocked(two, 60)]).items()}
    {(0, 'a.py:3'): 40, (0, 'a.py:4'): 30, (1, ''): 20}
    """
    found: Held = {}
    each: dict[tuple[str, int], list[Blocked]] = {}
    for one in waits:
        each.setdefault((one.wait.name, one.wait.which), []).append(one)
    for same in each.values():
        _held_one(same, found)
    return found


def _held_one(waits: Sequence[Blocked], found: Held) -> None:
    """Those of one lock. From who had it as a wait began, it goes to whoever gets it first, and so on.

    How often the time of each taker is a part of a wait is counted for all waits at once: they may be many, and long.
    """
    takers = sorted((one.until, one.wait.lane) for one in waits if one.wait.got)
    moments = [moment for moment, _ in takers]
    covered = [0] * (len(takers) + 1)  # one more from there on, one less
    for one in waits:
        first, last = bisect_right(moments, one.wait.began), bisect_left(moments, one.until)
        if first >= last:
            _add(found, one.wait.holder, one.wait.held_at, one.microseconds)
            continue
        _add(found, one.wait.holder, one.wait.held_at, moments[first] - one.wait.began)
        covered[first] += 1
        covered[last - 1] -= 1
        _add(found, takers[last - 1][1], "", one.until - moments[last - 1])
    for times, ((began, lane), (ended, _)) in zip(accumulate(covered), pairwise(takers), strict=False):
        _add(found, lane, "", times * (ended - began))


def _add(found: Held, lane: int, line: str, microseconds: int) -> None:
    if lane >= 0 and microseconds > 0:
        found[lane, line] = found.get((lane, line), 0.0) + microseconds / 1e6
