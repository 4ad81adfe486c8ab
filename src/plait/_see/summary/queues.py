"""What a trace says of queues: whether who takes or who puts is slower, and what they do instead: pure."""

from __future__ import annotations

from collections.abc import Sequence

from plait._core.trace import ON_CORE, WORDS, Finding, State, Trace
from plait._see.lines import COMPUTES, Lines
from plait._see.recorder.waits import RETURNED, TAKEN_BY

_QUEUES = (
    (".put", "room in", "whoever takes from it is slower"),
    (".get", "an item of", "whoever puts into it is slower"),
    (
        f".get{RETURNED}",
        "an item of",
        "it is put back by those that take it, as a connection of a pool: there are fewer than threads that want one",
    ),
)
_FLOWS = 3  # waits for a queue: who waits only once or twice is idle
_WORTH = 0.1  # of the time of threads
_MOSTLY = 0.5
_GAIN = 0.8  # of the time as it was: a forecast above is no gain
_ASIDE = (State.QUEUE, State.IDLE, State.GIL, State.CORE, State.UNSEEN, State.JOIN, State.FUTURE, State.CONDITION)
_SEVERAL = 2


def tell_queues(trace: Trace, total: float, lines: Lines, cores: float) -> list[Finding]:
    """Who waits for room in a queue, or for items: the others are slower."""
    waits = _at_queues(trace)
    found = []
    for method, lacks, why in _QUEUES:
        places = [at for at, known in waits if known == method]
        seconds = _waiting(trace, places)
        if seconds < _WORTH * total or len(places) < _FLOWS:
            continue
        lanes = list(dict.fromkeys(trace.lanes[trace.waits[at].lane].name for at in places))
        who = lanes[0] if len(lanes) == 1 else f"{len(lanes)} threads"
        where = _line(trace, places)
        most = f", most at {where}" if where else ""
        if method == ".put":
            why = _taker(trace, places, lines, cores) or why
        found.append((seconds, f"{who} waited {seconds:.2f} s for {lacks} a queue{most}: {why}"))
    return found


def _taker(trace: Trace, places: Sequence[int], lines: Lines, cores: float) -> str:
    """What the one thread that takes from the queue does instead, and what two of them would make of it."""
    names = {trace.waits[at].name.partition(TAKEN_BY)[2] for at in places} - {""}
    lanes = [at for at, lane in enumerate(trace.lanes) if lane.name in names and lane.kind != "task"]
    if len(lanes) != 1:
        return ""
    (taker,) = lanes
    times = {state: seconds for state, seconds in trace.times(taker).items() if state not in _ASIDE}
    mostly = max(times, key=lambda state: times[state], default=State.ABSENT)
    own = sum(times.values())
    name = trace.lanes[taker].name
    text = f"{name}, which takes from it, is slower"
    place = lines.most([taker], COMPUTES if mostly in COMPUTES else {mostly})
    text += f", {WORDS[mostly]} at {place.where}" if place else ""
    if (mostly is State.PYTHON and not trace.facts.get("free")) or (mostly in ON_CORE and cores < _SEVERAL):
        return f"{text}. More threads would compute no faster; plait.map on processes does"
    least = max([own / _SEVERAL, *(_own(trace, wait.lane) for wait in map(trace.waits.__getitem__, places))])
    then = trace.seconds - own + least
    if times.get(mostly, 0.0) < _MOSTLY * own or then > _GAIN * trace.seconds:
        return text
    return (
        f"{text}. {_SEVERAL} threads that take from it would take about {then:.2f} s instead of {trace.seconds:.2f} s"
    )


def _own(trace: Trace, lane: int) -> float:
    """Seconds of a lane's own, without its waits for queues and for its turn."""
    return sum(seconds for state, seconds in trace.times(lane).items() if state not in _ASIDE)


def _at_queues(trace: Trace) -> list[tuple[int, str]]:
    """Threads' waits for queues, and which of those that can be told it is."""
    waits = [
        (at, wait)
        for at, wait in enumerate(trace.waits)
        if wait.state is State.QUEUE and trace.lanes[wait.lane].kind != "task"
    ]
    put_back = {(wait.lane, wait.where) for _, wait in waits if wait.name.endswith(RETURNED)}  # not yet in the first
    found = []
    for at, wait in waits:
        method = "." + wait.name.partition(TAKEN_BY)[0].rpartition(".")[2]
        found.append((at, f".get{RETURNED}" if method == ".get" and (wait.lane, wait.where) in put_back else method))
    return found


def _waiting(trace: Trace, places: Sequence[int]) -> float:
    """Seconds of waits in which nothing else was waited for: who was woken still needs a core and the GIL."""
    total = 0
    for wait in (trace.waits[at] for at in places):
        stretches = trace.lanes[wait.lane].stretches_between(wait.began, wait.ended, trace.microseconds)
        total += sum(ended - began for began, ended, state, _ in stretches if state is wait.state)
    return total / 1e6


def _line(trace: Trace, places: Sequence[int]) -> str:
    lengths: dict[str, int] = {}
    for wait in (trace.waits[at] for at in places):
        if wait.where:
            lengths[wait.where] = lengths.get(wait.where, 0) + wait.ended - wait.began
    return max(lengths, key=lambda one: lengths[one], default="")
