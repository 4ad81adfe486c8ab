"""Figures of each map of a trace: pure, from finished batches and the lanes of their workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from plait._core.trace import ON_CORE, Slice, Trace
from plait._see.items import Told
from plait._see.recorder.transfer import Sums

_ALONE = 1.15  # items at a time, on average


@dataclass(slots=True)
class Figures:
    """One map, on one engine: one that has moved from threads to processes is two.

    Attributes:
        name: of the function.
        consumer: the lane of the thread that takes the results, or -1.
        elsewhere: whether its workers are other processes.
        lanes: of its workers, and of each when it ran its first item and was done with its last; microseconds.
        items, batches: how many.
        work: seconds that items took, of all workers together.
        between: seconds that workers in other processes were busy between their items, with pickling and the like.
        hungry: seconds that all workers together could have had an item: from the first item of the map on, as long as
            one was still to come.
        empty: of those, the seconds that workers had none.
        last: the item that ended last.
        rate: how many items may start in a second, 0 for any number.
        again: items that were not at their first attempt.
        transfer: what went to the workers and back, if this was the only map on processes.
        reasons: what its report says of engine and workers.
    """

    name: str
    consumer: int = -1
    elsewhere: bool = False
    lanes: dict[int, tuple[int, int]] = field(default_factory=dict)
    items: int = 0
    batches: int = 0
    work: float = 0.0
    between: float = 0.0
    hungry: float = 0.0
    empty: float = 0.0
    last: Slice | None = None
    rate: float = 0.0
    again: int = 0
    transfer: Sums | None = None
    reasons: Sequence[str] = ()

    @property
    def began(self) -> int:
        """When the first item did."""
        return min(first for first, _ in self.lanes.values())

    @property
    def ended(self) -> int:
        """When the last item did."""
        return max(last for _, last in self.lanes.values())

    @property
    def seconds(self) -> float:
        """From the first to the last item."""
        return (self.ended - self.began) / 1e6

    @property
    def inline(self) -> bool:
        """Whether the thread that takes the results ran the items."""
        return self.consumer in self.lanes

    @property
    def one_at_a_time(self) -> bool:
        """Whether hardly any two items ran at the same time."""
        return self.work <= _ALONE * self.seconds


def runs_of(trace: Trace, batches: Iterable[tuple[Told, int]], sums: Sums, origin: int) -> list[Figures]:
    """The maps of a trace whose items have been added to it, each with its lane, as they gave their first results."""
    threads = {lane.tid: at for at, lane in enumerate(trace.lanes) if lane.tid}
    runs: dict[tuple[int, bool], Figures] = {}
    for told, lane in batches:
        batch = told.batch
        if told.is_call or lane < 0:
            continue
        key = told.run, bool(told.pid)
        one = runs.get(key)
        if one is None:
            consumer = threads.get(told.tid, -1)
            one = runs[key] = Figures(told.name, consumer, bool(told.pid), rate=told.rate, reasons=told.reasons)
        one.items += len(batch.items)
        one.again += len(batch.items) if batch.attempt > 1 else 0
        one.batches += 1
        one.work += batch.ended - batch.started
        began, ended = told.span(origin)
        began = max(0, began)
        first, last = one.lanes.get(lane, (began, ended))
        one.lanes[lane] = min(first, began), max(last, ended)
    slices: dict[int, list[Slice]] = {}
    for item in trace.slices:
        slices.setdefault(item.lane, []).append(item)
    for one in runs.values():
        _look_between(trace, one, slices)
    moved = [one for one in runs.values() if one.elsewhere]
    if len(moved) == 1 and sums.batches:
        moved[0].transfer = sums
    return list(runs.values())


def _look_between(trace: Trace, run: Figures, slices: dict[int, list[Slice]]) -> None:
    """What its workers did between their items; `slices` are those of each lane, in the order in which they began."""
    items = {
        at: [one for one in slices.get(at, ()) if one.group == run.name and one.ended <= run.ended] for at in run.lanes
    }
    run.last = max((one for own in items.values() for one in own), key=lambda one: one.ended, default=None)
    last = max((own[-1].began for own in items.values() if own), default=run.began)
    for at, own in items.items():
        moment = run.began
        gaps = []
        for one in own:
            if one.began > moment:
                gaps.append((moment, one.began))
            moment = max(moment, one.ended)
        run.between += _lacking(trace, run, at, gaps)[0]
        hungry = [(low, min(high, last)) for low, high in [*gaps, (moment, last)] if low < last]
        run.empty += _lacking(trace, run, at, hungry)[1]
        run.hungry += (last - run.began) / 1e6


def _lacking(trace: Trace, run: Figures, at: int, gaps: list[tuple[int, int]]) -> tuple[float, float]:
    """Of the time between items, the seconds that a worker was busy all the same, in its process; and the others."""
    busy = sum(_busy(trace, at, low, high) for low, high in gaps) / 1e6 if run.elsewhere else 0.0
    return busy, max(0.0, sum(high - low for low, high in gaps) / 1e6 - busy)


def _busy(trace: Trace, at: int, low: int, high: int) -> int:
    """Microseconds that a lane was running between two moments."""
    stretches = trace.lanes[at].stretches_between(low, high, trace.microseconds)
    return sum(ended - began for began, ended, state, _ in stretches if state in ON_CORE)
