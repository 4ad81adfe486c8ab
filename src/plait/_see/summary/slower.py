"""Who keeps others waiting because it is slower, and what it does instead: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from plait._core.trace import ON_CORE, WORDS, State, Trace
from plait._see.lines import COMPUTES, Lines
from plait._see.summary.lines import wakes

_ASIDE = (
    *(State.QUEUE, State.IDLE, State.GIL, State.CORE, State.UNSEEN, State.JOIN, State.FUTURE),
    *(State.CONDITION, State.EVENT, State.BARRIER),
)


class Slower(NamedTuple):
    """A lane, what it does mostly, for how many of the seconds that are its own, and in words with the line."""

    lane: int
    mostly: State
    seconds: float
    own: float
    words: str


def slower(trace: Trace, lane: int, lines: Lines) -> Slower:
    """What a lane does beside waiting for others."""
    times = _own(trace, lane)
    mostly = max(times, key=lambda state: times[state], default=State.ABSENT)
    place = lines.most([lane], COMPUTES if mostly in COMPUTES else {mostly})
    words = f", {WORDS[mostly]} at {place.where}" if place else ""
    if place and mostly is State.SLEEP:
        slept = sum(one.lane == lane and one.state is mostly and one.where == place.where for one in trace.waits)
        words += wakes(lines, place.where, slept)
    return Slower(lane, mostly, times.get(mostly, 0.0), sum(times.values()), words)


def own_seconds(trace: Trace, lane: int) -> float:
    """Seconds of a lane's own, without its waits for others and for its turn."""
    return sum(_own(trace, lane).values())


def _own(trace: Trace, lane: int) -> dict[State, float]:
    return {state: seconds for state, seconds in trace.times(lane).items() if state not in _ASIDE}


def least_seconds(trace: Trace, cores: float) -> float:
    """How long threads need for what they compute, however it is shared out: the GIL lets one compute at a time."""
    times = [trace.times(at) for at, lane in enumerate(trace.lanes) if lane.kind != "task"]
    computed = sum(one.get(state, 0.0) for one in times for state in ON_CORE)
    apart = ON_CORE if trace.facts.get("free") else (State.NATIVE,)
    return max(computed - sum(one.get(state, 0.0) for one in times for state in apart), computed / cores)


def named_after(trace: Trace, places: Iterable[int], word: str) -> Counter[str]:
    """For how many microseconds was waited for whom, whose name follows that word in what was waited for."""
    found: Counter[str] = Counter()
    for wait in (trace.waits[at] for at in places):
        name = wait.name.partition(word)[2]
        found[name] += (wait.ended - wait.began) * bool(name)
    return +found


def lanes_called(trace: Trace, names: Iterable[str]) -> list[int]:
    """The threads of these names."""
    known = set(names)
    return [at for at, lane in enumerate(trace.lanes) if lane.name in known and lane.kind != "task"]
