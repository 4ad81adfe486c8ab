"""What a trace says of event loops that are blocked again and again, each time only for a moment: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from plait._core.trace import ON_CORE, WORDS, Finding, State, Trace
from plait._see.lines import Lines, Place, most_of
from plait._see.recorder.steps import Blocked, Loop
from plait._see.task_lanes import beside_words

_TOLD = 0.1  # of the time of the trace, of what waits
_BUSY = 0.5  # of the time of the loop, of what computes
_KEPT = 0.5  # of the time that it was blocked: less than that tasks were ready meanwhile
_KNOWN = 0.5  # of the time that a line blocks: what is told of it already
_NOT_ITS_OWN = (State.ABSENT, State.IDLE, State.GIL, State.CORE, State.UNSEEN)


def tell_loops(
    trace: Trace,
    loops: Iterable[Loop],
    lines: Lines,
    origin: int,
    long: tuple[Sequence[Finding], Sequence[Blocked]] = ((), ()),
    *,
    serves: bool = False,
) -> list[Finding]:
    """Where threads wait, or compute, within their event loops most, with the seconds of that; and the `long` steps.

    Those are the sentences about them, and the steps: where the line of a sentence blocks for much longer in brief
    ones, the sum is told instead. `serves` says that endpoints of a web framework may be what runs there.
    """
    told, steps = long
    lanes = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.tid}
    by_thread: dict[int, list[Loop]] = {}
    for loop in loops:
        if loop.tid in lanes:
            mine = loop._replace(began=max(0, loop.began - origin), ended=loop.ended - origin)
            by_thread.setdefault(lanes[loop.tid], []).append(mine)
    tasks = [at for at, lane in enumerate(trace.lanes) if lane.kind == "task"]
    ready = sum(trace.times(at).get(State.READY, 0.0) for at in tasks)
    found = list(told)
    for at, ones in by_thread.items():
        mostly, seconds = _mostly(trace, at, ones)
        least = _BUSY * _seconds(ones) if mostly in ON_CORE else 0.0
        if seconds < max(least, _TOLD * trace.seconds) or (tasks and ready < _KEPT * seconds):
            continue
        place = _place(at, ones, mostly, lines)
        if place is None:
            continue
        known = [one for one in found if f"at {place.where}" in one[1]]
        if known and _seconds(one for one in steps if one.where == place.where) >= _KNOWN * seconds:
            continue
        text = f"the event loop was blocked for {seconds:.2f} s, {WORDS[mostly]} at {place.where}, again and again"
        text += f"; tasks that were ready had to wait for it for {ready:.2f} s in all" if tasks else ""
        text = f"{text}. {beside_words(trace, mostly, ones[0].beside, serves=serves)}"
        found = [one for one in found if one not in known]
        found.append((seconds + ready, text))
    return found


def _mostly(trace: Trace, at: int, loops: Sequence[Loop]) -> tuple[State, float]:
    """What a thread did most while it ran event loops, and for how many seconds."""
    sums: Counter[State] = Counter()
    for loop in loops:
        for began, ended, state, _ in trace.lanes[at].stretches_between(loop.began, loop.ended, trace.microseconds):
            known = State.PYTHON if state is State.GARBAGE else state
            sums[known] += (ended - began) * (known not in _NOT_ITS_OWN)
    mostly, spent = max(sums.items(), key=lambda one: one[1], default=(State.ABSENT, 0))
    return mostly, spent / 1e6


def _seconds(loops: Iterable[Loop | Blocked]) -> float:
    return sum(loop.ended - loop.began for loop in loops) / 1e6


def _place(at: int, loops: Sequence[Loop], mostly: State, lines: Lines) -> Place | None:
    """The line of that; None where it is the loop itself that is there."""
    states = (State.PYTHON, State.GARBAGE) if mostly is State.PYTHON else (mostly,)
    place = most_of(one for loop in loops for one in lines.between(at, loop.began, loop.ended) if one.state in states)
    runs = {_own(loop.where) for loop in loops}
    return place if place is not None and _own(place.where) not in runs else None


def _own(where: str) -> str:
    """The part of the program's own: what follows in brackets is that of a package."""
    return where.partition(" (")[0]
