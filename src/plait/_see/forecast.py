"""What a program would take without its waits for the GIL: pure, from the time of its threads to seconds."""

from __future__ import annotations

from typing import NamedTuple

from plait._core.trace import State, Trace

_COMPETES = 0.05  # of its time: who waits less for the GIL is not slowed down by it


class Forecast(NamedTuple):
    """Seconds as they were and as they would be, and the lanes that would be processes."""

    now: float
    then: float
    lanes: tuple[int, ...]


def forecast(trace: Trace, workers: frozenset[int], cores: int) -> Forecast | None:
    """What it would take if the threads that wait for the GIL were processes, each with a GIL of its own.

    What they ran on a core, and waited for anything but the GIL or a core, stays. Workers of a map share their work
    evenly; other threads keep what they have; and no more can run at once than there are cores. Starting the processes
    and moving the data is not in it. None when nobody waits for the GIL.
    """
    own: dict[int, tuple[float, float]] = {}  # lane: seconds on a core, seconds in all without those waits
    for at, lane in enumerate(trace.lanes):
        if lane.kind == "task":
            continue
        times = trace.times(at)
        life = sum(seconds for state, seconds in times.items() if state is not State.IDLE)
        lost = times.get(State.GIL, 0.0)
        if lost >= _COMPETES * life > 0:
            cpu = times.get(State.PYTHON, 0.0) + times.get(State.NATIVE, 0.0)
            own[at] = cpu, life - lost - times.get(State.CORE, 0.0)
    if len(own) < 2:
        return None
    phase = (_end(trace, own) - min(trace.lanes[at].moments[0] for at in own)) / 1e6
    shared = [life for at, (_, life) in own.items() if at in workers]
    longest = [life for at, (_, life) in own.items() if at not in workers]
    least = max([*longest, sum(shared) / max(1, len(shared)), sum(cpu for cpu, _ in own.values()) / cores])
    return Forecast(trace.seconds, trace.seconds - phase + min(phase, least), tuple(own))


def _end(trace: Trace, lanes: dict[int, tuple[float, float]]) -> int:
    """When the last of them ended, or became idle for good."""
    latest = 0
    for at in lanes:
        for began, ended, state, _ in trace.lanes[at].stretches(trace.microseconds):
            if state is not State.IDLE:
                latest = max(latest, ended)
            del began
    return latest
