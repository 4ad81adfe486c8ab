"""Imports in a trace: when threads imported what, and what that took: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plait._core.trace import Finding, State, Trace, active
from plait._see.recorder.imports import Import
from plait._see.stretches import Label, relabel

IMPORTING = "importing "  # and what, is the label of a thread's time
_SHARE, _LEAST = 0.1, 0.05  # of the time of threads, and seconds: what takes less is not told
_NAMED, _PART = 3, 0.1  # packages, and of all imports
_RUNS = (State.PYTHON, State.NATIVE, State.FILE, State.UNSEEN)


def add_imports(trace: Trace, imports: Sequence[Import], origin: int) -> None:
    """Have the lanes of threads say what they were importing while they ran; `origin` is when the trace began."""
    by_thread: dict[int, list[Label]] = {}
    for one in imports:
        label = one.began - origin, one.ended - origin, len(trace.texts)
        by_thread.setdefault(one.tid, []).append(label)
        trace.texts.append(f"{IMPORTING}{one.name}")
    for lane in trace.lanes:
        if lane.tid in by_thread:
            relabel(lane, by_thread[lane.tid], _importing, trace.microseconds)


def _importing(state: int, text: int, label: int) -> tuple[int, int]:
    return state, label if state in _RUNS and not text else text


def tell_imports(trace: Trace, packages: Mapping[str, float], imports: Sequence[Import]) -> list[Finding]:
    """A sentence, with the seconds that it is about; none where imports took little. `packages`: the dearest first."""
    seconds = sum(packages.values())
    if seconds < _LEAST:
        return []
    if seconds < _SHARE * sum(active(trace.times(lane)) for lane in trace.lanes if lane.kind != "task"):
        return []
    dearest = [f"{name} {took:.2f} s" for name, took in list(packages.items())[:_NAMED] if took >= _PART * seconds]
    longest = max(imports, key=lambda one: one.ended - one.began, default=None)
    text = f"importing modules took {seconds:.2f} s"
    text += f": {', '.join(dearest)}" if dearest else ""
    text += f"; most at {longest.where}" if longest is not None and longest.where else ""
    cure = "What is seldom needed can be imported in the function that needs it; `python -X importtime` tells each part"
    return [(seconds, f"{text}. {cure}")]
