"""What a trace says of executors whose calls are so short that to hand them over is what takes the time: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from plait._core.trace import ON_CORE, Finding, State, Trace
from plait._see.recorder.calls import Done

_MANY = 1000  # calls: fewer are not worth to be put together
_SHORT = 500e-6  # seconds of the trace for each call
_SMALL = 0.4  # of the time on cores: what calls have of it at most
_WAITS = (State.SLEEP, State.SOCKET, State.FILE, State.CHILD, State.OTHER, State.UNSEEN)
_WAIT = 0.2  # of the time of an executor's threads: what they may wait for something outside


class ShortCalls(NamedTuple):
    """An executor, the lanes of its threads, how many calls they ran, and the seconds that these had a core."""

    name: str
    lanes: frozenset[int]
    calls: int
    cpu: float


def short_calls(trace: Trace, done: Iterable[Done]) -> list[ShortCalls]:
    """The executors that have run many calls which hardly do anything."""
    lanes = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.kind == "thread" and lane.tid}
    pools: dict[str, list[Done]] = {}
    for one in done:
        if one.tid in lanes:
            pools.setdefault(trace.lanes[lanes[one.tid]].name.rpartition("_")[0], []).append(one)
    found = []
    for name, calls in pools.items():
        own = frozenset(lanes[one.tid] for one in calls)
        cpu = sum(one.cpu for one in calls)
        if len(calls) >= _MANY and trace.seconds < _SHORT * len(calls) and not _waits(trace, own):
            found.append(ShortCalls(name, own, len(calls), cpu))
    return [one for one in found if one.cpu < _SMALL * _busy(trace)]


def tell_short_calls(trace: Trace, found: Sequence[ShortCalls]) -> list[Finding]:
    """A sentence for each of these executors, with the seconds on cores that went into handing calls over."""
    told = []
    for one in found:
        rest = _busy(trace) - one.cpu
        text = f"{one.name}: its {one.calls:,} calls computed for {one.cpu:.2f} s in all, "
        text += f"{one.cpu / one.calls * 1e6:.1f} µs each; to hand them over one by one took most of the other "
        text += (
            f"{rest:.2f} s on cores. A plain loop would take about {one.cpu:.2f} s for them; for threads, give each "
        )
        told.append((trace.seconds, f"{text}call more to do, as plait.map does by itself"))
    return told


def _busy(trace: Trace) -> float:
    threads = [trace.times(at) for at, lane in enumerate(trace.lanes) if lane.kind == "thread"]
    return sum(times.get(state, 0.0) for times in threads for state in ON_CORE)


def _waits(trace: Trace, lanes: Iterable[int]) -> bool:
    """Whether these threads wait for something outside, which is what they are for."""
    times = [trace.times(at) for at in lanes]
    whole = sum(sum(one.values()) for one in times)
    return sum(one.get(state, 0.0) for one in times for state in _WAITS) > _WAIT * whole
