"""What a trace says of the lines at which threads compute, read and write, and of those that only look: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from plait._core.trace import ON_CORE, WORDS, Finding, State, Trace
from plait._see.lines import COMPUTES, Lines
from plait._see.loops_that_look import asks, looks, spins
from plait._see.summary.serial import ONE_THREAD

_TOLD = 0.1  # of the time of threads
_LONG = 0.2  # of the time of the trace
_SEVERAL = 2
_AGAIN = 5  # times that a loop has slept
_ALWAYS = 0.9  # of what a thread computes, at one line
_GROUPS = (
    (WORDS[State.SOCKET], frozenset({State.SOCKET})),
    (WORDS[State.FILE], frozenset({State.FILE})),
    (WORDS[State.CHILD], frozenset({State.CHILD})),
    (WORDS[State.OTHER], frozenset({State.OTHER})),
    ("computing", COMPUTES),
)


def tell_lines(
    trace: Trace, lines: Lines, total: float, known: Iterable[str], consumers: frozenset[int]
) -> list[Finding]:
    """The line of most of each kind of work; `known` are the sentences that may have told it already.

    Who consumes the results of a map does what the map does for it.
    """
    here = trace.lanes[0].pid if trace.lanes else 0  # the lines are of this process alone
    lanes = [
        at for at, lane in enumerate(trace.lanes) if lane.kind != "task" and lane.pid == here and at not in consumers
    ]
    said = "\n".join(known)
    if ONE_THREAD in said:
        return []
    found, times = [], [trace.times(at) for at in lanes]
    for words, states in _GROUPS:
        counted = ON_CORE if states is COMPUTES else tuple(states)
        seconds = sum(one.get(state, 0.0) for one in times for state in counted)
        place = lines.most(lanes, states) if seconds >= min(_TOLD * total, _LONG * trace.seconds) else None
        if place is not None and f"at {place.where}" not in said:
            found.append((seconds, f"{words}: {seconds:.2f} s, {place.share:.0%} of it at {place.where}"))
    return found


def wakes(lines: Lines, where: str, times: int) -> str:
    """Of who sleeps so often in a loop that looks whether it may go on: what would wake it."""
    known = where in lines.sources and times >= _AGAIN
    ends = looks(*lines.sources[where]) if known else ""
    queue = asks(*lines.sources[where]) if known and not ends else ""
    if queue:
        return f"; its loop asks again and again whether `{queue}` has something: {queue}.get() waits until it has"
    if not ends:
        return ""
    return f"; its loop {ends}: an Event, a Condition or join() would end each wait as soon as it may"


def tell_strangers(trace: Trace, lines: Lines) -> list[Finding]:
    """Threads that call a library which starts threads of its own, and wait for a lock in there."""
    computed = trace.facts.get("strangers", 0.0)
    if computed < _TOLD * trace.seconds:
        return []
    noted: Counter[int] = Counter()
    for wait in trace.waits:
        noted[wait.lane] += (wait.ended - wait.began) * (wait.state is State.LOCK)
    threads = [at for at, lane in enumerate(trace.lanes) if lane.kind == "thread"]
    others = {at: trace.times(at).get(State.LOCK, 0.0) - noted[at] / 1e6 for at in threads}
    lanes = [at for at in threads if others[at] >= _TOLD * trace.seconds]
    if len(lanes) < _SEVERAL:
        return []
    seconds = sum(others[at] for at in lanes)
    place = lines.most(lanes, {State.LOCK})
    text = (
        f"{len(lanes)} threads waited {seconds:.2f} s for a lock in C code{f', most at {place.where}' if place else ''}"
    )
    text += f", while threads that C code has started computed for {computed:.2f} s: a library that uses all cores by "
    text += (
        "itself, as BLAS and OpenMP do. OMP_NUM_THREADS=1, set before the program starts, leaves them to the threads"
    )
    return [(seconds, text)]


def tell_spins(trace: Trace, lines: Lines, spinning: Sequence[int]) -> list[Finding]:
    """Who needs a core in order to see whether it may go on."""
    found = []
    for at in spinning:
        times = trace.times(at)
        seconds = sum(times.get(state, 0.0) for state in ON_CORE)
        place = lines.most([at], COMPUTES)
        if place is not None and seconds >= _TOLD * (trace.seconds - times.get(State.CORE, 0.0)):
            text = f"{trace.lanes[at].name} looked again and again whether it may go on, at {place.where}, which took "
            text += f"{seconds:.2f} s on a core"
            text += "; an Event, a Condition or join() waits without a core, and without the GIL"
            kept = sum(trace.times(other).get(State.GIL, 0.0) for other in range(len(trace.lanes)) if other != at)
            found.append((seconds + kept, text))  # others wait for the GIL since it has it
    return found


def spinning_in(trace: Trace, lines: Lines) -> list[int]:
    """The lanes of threads that do nothing but ask whether they may go on."""
    found = []
    for at, lane in enumerate(trace.lanes):
        place = lines.most([at], COMPUTES) if lane.kind != "task" else None
        if place is not None and place.share >= _ALWAYS and spins(*lines.sources.get(place.where, ("", 0))):
            found.append(at)
    return found
