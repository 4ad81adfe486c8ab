"""What a trace says of executors whose threads were too few for the calls that were submitted: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plait._core.how_many import how_many
from plait._core.trace import State, Trace
from plait._see.recorder_calls import Begun

_TOLD = 0.1  # of the time of the trace: what is less is not told
_WAITS = (State.SLEEP, State.SOCKET, State.FILE, State.CHILD, State.OTHER, State.FUTURE, State.UNSEEN)
_COMPUTES = (State.PYTHON, State.GIL, State.CORE, State.NATIVE)
_MOSTLY = 0.5


def tell_calls(trace: Trace, begun: Iterable[Begun], origin: int) -> list[tuple[float, str]]:
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
        text += f"{mean:.2f} s each on average, in {seconds:.2f} s of the time{_advice(trace, workers)}"
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


def _advice(trace: Trace, workers: Sequence[int]) -> str:
    """Whether more threads would help."""
    times = [trace.times(at) for at in workers]
    busy = sum(seconds for one in times for state, seconds in one.items() if state is not State.IDLE)
    waits = sum(one.get(state, 0.0) for one in times for state in _WAITS)
    computes = sum(one.get(state, 0.0) for one in times for state in _COMPUTES)
    if waits > _MOSTLY * busy:
        return ". They mostly wait for something outside: more of them (max_workers=...) would begin calls sooner"
    if computes > _MOSTLY * busy:
        return ". They compute: more threads would hardly help"
    return ""
