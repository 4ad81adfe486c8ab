"""What a trace says of queues: whether who takes or who puts is slower, and what they do instead: pure."""

from __future__ import annotations

from collections.abc import Sequence

from plait._core.how_many import how_many
from plait._core.trace import ON_CORE, Finding, State, Trace, active
from plait._see.lines import Lines
from plait._see.recorder.waits import GIVEN_BY, RETURNED, TAKEN_BY
from plait._see.summary.slower import lanes_called, least_seconds, named_after, own_seconds, slower
from plait._see.summary.waits import most_waited_at, seconds_of

_ROOM, _ITEM, _LENT = ".put", ".get", f".get{RETURNED}"
_QUEUES = (
    (_ROOM, "room in", "whoever takes from it is slower"),
    (_ITEM, "an item of", "whoever puts into it is slower"),
    (
        _LENT,
        "an item of",
        "it is put back by those that take it, as a connection of a pool: there are fewer than threads that want one",
    ),
)
_FLOWS = 3  # waits for a queue: who waits only once or twice is idle
_AGAIN = 5  # answers that one waits for, one after the other
_WORTH = 0.1  # of the time of threads
_MOSTLY = 0.5
_ONE = 1.1  # threads at a time
_GAIN = 0.8  # of the time as it was: a forecast above is no gain
_SEVERAL = 2
_OFTEN = 200  # waits of two threads for one another
_BRIEF = 0.001  # seconds of one of those


def tell_queues(trace: Trace, total: float, lines: Lines, cores: float) -> list[Finding]:
    """Who waits for room in a queue, or for items: the others are slower."""
    waits = _at_queues(trace)
    puts, gets = ([at for at, known in waits if known == method] for method in (_ROOM, _ITEM))
    found, apart = _answers(trace, gets)
    handed, pairs = _handed_over(trace, puts, gets)
    found, apart = [*found, *handed], apart | pairs
    for method, lacks, why in _QUEUES:
        places = [at for at, known in waits if known == method and trace.waits[at].lane not in apart]
        seconds = _waiting(trace, places)
        if seconds < _WORTH * total or len(places) < _FLOWS:
            continue
        lanes = list(dict.fromkeys(trace.lanes[trace.waits[at].lane].name for at in places))
        who = lanes[0] if len(lanes) == 1 else f"{len(lanes)} threads"
        where = most_waited_at(trace, places)
        most = f", most at {where}" if where else ""
        if method == _ROOM:
            why = _taker(trace, places, lines, cores) or why
        elif method == _ITEM:
            why = _giver(trace, [at for at in places if trace.waits[at].where == where], lines) or why
        else:
            why += _enough(trace, places, cores)
        found.append((seconds, f"{who} waited {seconds:.2f} s for {lacks} a queue{most}: {why}"))
    return found


def _taker(trace: Trace, places: Sequence[int], lines: Lines, cores: float) -> str:
    """What the one thread that takes from the queue does instead, and what two of them would make of it."""
    lanes = lanes_called(trace, named_after(trace, places, TAKEN_BY))
    if len(lanes) != 1:
        return ""
    one = slower(trace, lanes[0], lines)
    text = f"{trace.lanes[one.lane].name}, which takes from it, is slower{one.words}"
    if (one.mostly is State.PYTHON and not trace.facts.get("free")) or (one.mostly in ON_CORE and cores < _SEVERAL):
        return f"{text}. More threads would compute no faster; plait.map on processes does"
    least = max([one.own / _SEVERAL, *(own_seconds(trace, trace.waits[at].lane) for at in places)])
    then = trace.seconds - one.own + least
    if one.seconds < _MOSTLY * one.own or then > _GAIN * trace.seconds:
        return text
    return (
        f"{text}. {_SEVERAL} threads that take from it would take about {then:.2f} s instead of {trace.seconds:.2f} s"
    )


def _giver(trace: Trace, places: Sequence[int], lines: Lines) -> str:
    """What the one thread that puts into the queue does instead."""
    lanes = lanes_called(trace, named_after(trace, places, GIVEN_BY))
    if len(lanes) != 1:
        return ""
    one = slower(trace, lanes[0], lines)
    if one.own < _MOSTLY * active(trace.times(one.lane)):  # it waits itself
        return ""
    return f"{trace.lanes[one.lane].name}, which puts into it, is slower{one.words}"


def _enough(trace: Trace, places: Sequence[int], cores: float) -> str:
    """What it would take if each thread had one of its own of what is put back."""
    lanes = {trace.waits[at].lane for at in places}
    own = [own_seconds(trace, at) for at, lane in enumerate(trace.lanes) if lane.kind != "task"]
    waited = max(own_seconds(trace, at) + trace.times(at).get(State.QUEUE, 0.0) for at in lanes)
    then = trace.seconds - waited + max(least_seconds(trace, cores), *own)
    if not max(own) or then > _GAIN * trace.seconds:  # who does nothing with it tells nothing
        return ""
    text = f". One for each would take about {then:.2f} s instead of {trace.seconds:.2f} s, if what they"
    return f"{text} are for serves so many at once"


def _answers(trace: Trace, places: Sequence[int]) -> tuple[list[Finding], frozenset[int]]:
    """Who asks several threads by queues, and waits for each answer before the next question; and all of those."""
    found, apart = [], set[int]()
    for asker in dict.fromkeys(trace.waits[at].lane for at in places):
        mine = [at for at in places if trace.waits[at].lane == asker]
        names = named_after(trace, mine, GIVEN_BY)
        name = trace.lanes[asker].name
        others = [at for at in places if trace.waits[at].name.partition(GIVEN_BY)[2] == name]
        answering = frozenset(lanes_called(trace, names)) & {trace.waits[at].lane for at in others}
        seconds = _waiting(trace, mine)
        if len(answering) < _SEVERAL or len(mine) < _AGAIN or seconds < _MOSTLY * trace.seconds:
            continue
        busy = sum(own_seconds(trace, at) for at in answering)
        if not _MOSTLY * seconds < busy < _ONE * seconds:
            continue
        text = f"{name} waited {len(mine)} times for an answer of one of {how_many(len(answering), 'thread')}, most at "
        text += f"{most_waited_at(trace, mine)}, and meanwhile one of them worked at a time: ask all of them first, "
        text += "then wait for what they answer"
        computed = sum(trace.times(at).get(state, 0.0) for at in answering for state in ON_CORE)
        then = trace.seconds - seconds + max(seconds / len(answering), *(own_seconds(trace, at) for at in answering))
        if computed < _MOSTLY * busy and then <= _GAIN * trace.seconds:
            text += f", which would take about {then:.2f} s instead of {trace.seconds:.2f} s"
        found.append((seconds, text))
        apart |= {asker, *answering}
    return found, frozenset(apart)


def _handed_over(trace: Trace, puts: Sequence[int], gets: Sequence[int]) -> tuple[list[Finding], frozenset[int]]:
    """Two threads that wait for one another, briefly and often: one for room, the other for an item; and those two."""
    found, apart = [], set[int]()
    for giver in dict.fromkeys(trace.waits[at].lane for at in puts):
        mine = [at for at in puts if trace.waits[at].lane == giver]
        takers = lanes_called(trace, named_after(trace, mine, TAKEN_BY))
        theirs = [at for at in gets if [trace.waits[at].lane] == takers]
        name, both = trace.lanes[giver].name, (mine, theirs)
        if {*named_after(trace, theirs, GIVEN_BY)} != {name}:
            continue
        many, each = len(mine) + len(theirs), seconds_of(trace, mine + theirs) / len(mine + theirs)
        if many < _OFTEN or each > _BRIEF or any(_waiting(trace, one) < _WORTH * trace.seconds for one in both):
            continue
        text = f"{name} and {trace.lanes[takers[0]].name} waited {many:,} times for one another at a queue, "
        text += f"{each * 1e6:.0f} µs each, most at {most_waited_at(trace, mine)} and {most_waited_at(trace, theirs)}: "
        text += "an item is too little for its way. Put a list of many at once, and give the queue room for more"
        found.append((sum(_waiting(trace, one) for one in both), text))
        apart |= {giver, *takers}
    return found, frozenset(apart)


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
        method = "." + wait.name.partition(TAKEN_BY)[0].partition(GIVEN_BY)[0].rpartition(".")[2]
        found.append((at, _LENT if method == _ITEM and (wait.lane, wait.where) in put_back else method))
    return found


def _waiting(trace: Trace, places: Sequence[int]) -> float:
    """Seconds of waits in which nothing else was waited for: who was woken still needs a core and the GIL."""
    total = 0
    for wait in (trace.waits[at] for at in places):
        stretches = trace.lanes[wait.lane].stretches_between(wait.began, wait.ended, trace.microseconds)
        total += sum(ended - began for began, ended, state, _ in stretches if state is wait.state)
    return total / 1e6
