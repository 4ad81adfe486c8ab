"""Garbage in a trace: when it was collected, what that cost, which line brought it on, what makes it cheaper: pure."""

from __future__ import annotations

from plait._core.how_many import how_many
from plait._core.trace import ON_CORE, Finding, State, Trace
from plait._see.recorder.garbage import Collection, Garbage
from plait._see.stretches import relabel

_SHARE, _LEAST = 0.1, 0.01  # of the time on cores, and seconds: what takes less is not told
_WORTH = 0.02  # of the time of the trace
_PAUSE = 0.1  # seconds of one collection, which are told in any case: a server, a window notices them
_LONG = 0.02


def add_garbage(trace: Trace, garbage: Garbage, origin: int) -> None:
    """Have the lanes of threads say when they collected garbage, and how long in all; `origin` is when it began."""
    shown: dict[int, list[Collection]] = {}
    for one in garbage.shown:
        shown.setdefault(one.tid, []).append(one)
    for lane in trace.lanes:
        lane.garbage = garbage.by_thread.get(lane.tid, 0.0)
        if lane.tid in shown:
            labels = [(one.began - origin, one.ended - origin, 0) for one in shown[lane.tid]]
            relabel(lane, labels, lambda *_: (State.GARBAGE, 0), trace.microseconds)


def tell_garbage(trace: Trace, garbage: Garbage) -> list[Finding]:
    """A sentence, with the seconds that it is about; none where the collector took little."""
    times = (trace.times(lane) for lane in trace.lanes if lane.kind != "task")
    busy = sum(one.get(state, 0.0) for one in times for state in ON_CORE)
    own = 2 * garbage.seconds  # a collection that lasted longer had no core for most of the time
    if garbage.seconds < max(_LEAST, _SHARE * busy, _WORTH * trace.seconds) and not _PAUSE <= garbage.longest <= own:
        return []
    share = min(1.0, garbage.seconds / max(busy, 1e-9))
    text = f"collecting garbage took {garbage.seconds:.2f} s, {share:.0%} of the time on cores, in "
    text += how_many(garbage.collections, "collection")
    text += f", most of it at {garbage.where}" if garbage.where else ""
    were = "was" if garbage.found == 1 else "were"
    text += f"; {how_many(garbage.found, 'object')} {were} garbage" if garbage.found else "; there was none"
    if _LONG <= garbage.longest <= own:
        text += f"; the longest kept the GIL from all others for {1000 * garbage.longest:.0f} ms"
        text += f", at {garbage.longest_at}" if garbage.longest_at not in ("", garbage.where) else ""
    return [(garbage.seconds, f"{text}. {cure(garbage.asked)}")]


def cure(asked: str) -> str:
    """What makes it cheaper, also where `asked` is a line that asks for it."""
    if asked:
        return f"gc.collect() is called at {asked}: Python does it by itself when there is reason to"
    return (
        "It looks at what is alive, again and again: gc.freeze(), after what stays has been made, leaves that out, and "
        "gc.set_threshold(50_000, 20, 20) lets it look less often"
    )
