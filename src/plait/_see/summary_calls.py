"""What a trace says of executors whose threads were too few for the calls that were submitted: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plait._core.how_many import how_many
from plait._core.trace import ON_CORE, State, Trace
from plait._see.recorder_calls import Begun

_TOLD = 0.1  # of the time of the trace: what is less is not told
_WAITS = (State.SLEEP, State.SOCKET, State.FILE, State.CHILD, State.OTHER, State.UNSEEN)
_KEPT_FROM = (State.IDLE, State.GIL, State.CORE)
_CHILDREN = 0.25  # of all cores
_MOSTLY = 0.5


def tell_calls(trace: Trace, begun: Iterable[Begun], origin: int, cores: float) -> list[tuple[float, str]]:
    """A sentence for each executor that had calls wait for a tenth of the time or more, with the seconds of that."""
    lanes = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.kind == "thread" and lane.tid}
    pools: dict[str, list[Begun]] = {}
    for one in begun:
        if one.tid in lanes:
            pools.setdefault(trace.lanes[lanes[one.tid]].name.rpartition("_")[0], []).append(one)
    found = []
    for name, calls in pools.items():
        spans = sorted((max(0, one.submitted - origin), one.began - origin) for one in calls)
        seconds = _covered(spans) / 1e6
        if seconds < _TOLD * trace.seconds or not name:
            continue
        workers = sorted({lanes[one.tid] for one in calls})
        mean = sum(ended - began for began, ended in spans) / len(spans) / 1e6
        whom = "its only thread" if len(workers) == 1 else f"one of {len(workers)} threads"
        text = f"{name}: its {how_many(len(calls), 'call')} waited for {whom}, "
        text += f"{mean:.2f} s each on average, in {seconds:.2f} s of the time{_advice(trace, workers, cores)}"
        found.append((seconds, text))
    return found


def _covered(spans: Sequence[tuple[int, int]]) -> int:
    """For how long at least one of them was; they are in order.

    >>> _covered([(0, 5), (2, 3), (4, 8), (10, 11)])
    9
    """
    total = until = 0
    for began, ended in spans:
        total += max(0, ended - max(began, until))
        until = max(until, ended)
    return total


def _advice(trace: Trace, workers: Sequence[int], cores: float) -> str:
    """Whether more threads would help, by what they do while they have a core and the GIL."""
    times = [trace.times(at) for at in workers]
    sums = {state: sum(one.get(state, 0.0) for one in times) for state in State}
    own = sum(seconds for state, seconds in sums.items() if state not in _KEPT_FROM)
    if sums[State.FUTURE] > _MOSTLY * own:
        return (
            ". They mostly wait for results themselves: if these are of calls of the same executor, it stands still as "
            "soon as all of its threads wait. Give the calls that are waited for an executor of their own"
        )
    if sum(sums[state] for state in _WAITS) > _MOSTLY * own:
        children = trace.facts.get("children", 0.0) / trace.seconds
        if children > _CHILDREN * cores:
            return (
                f". They mostly wait, and child processes keep {children:.2f} of {cores:g} cores busy: more threads "
                "help for as long as cores are free"
            )
        return ". They mostly wait for something outside: more of them (max_workers=...) would begin calls sooner"
    if sum(sums[state] for state in ON_CORE) >= _MOSTLY * own:  # or had no chance to
        return ". They compute: more threads would hardly help"
    return ""
