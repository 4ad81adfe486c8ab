"""What a program would take without its waits for the GIL: pure, from the time of its threads to seconds."""

from __future__ import annotations

from typing import NamedTuple

from plait._core.trace import ON_CORE, State, Trace, active
from plait._see.queueing import cycle_seconds

_COMPETES = 0.05  # of its time: who waits less for the GIL is not slowed down by it
_ASIDE = (State.IDLE, State.GIL, State.CORE)
_NEARLY = 0.98  # of what a thread does
_FOLLOWS = 0.5  # of its time: who waits longer for the ends and results of others goes as they go


class Forecast(NamedTuple):
    """Seconds as they were, had nobody lacked a core, and as they would be; the lanes that would be processes."""

    now: float
    then: float
    lanes: tuple[int, ...]


def forecast(
    trace: Trace,
    workers: frozenset[int],
    consumers: frozenset[int],
    cores: float,
    apart: frozenset[int] = frozenset(),
) -> Forecast | None:
    """What it would take if the threads that wait for the GIL were processes, each with a GIL of its own.

    What they ran on a core, and waited for anything but the GIL or a core, stays. Workers of a map share their work
    evenly, the threads that consume their results wait for nothing else, other threads keep what they have, but for
    waits for the end or result of another, which comes sooner; and no more can run at once than there are cores.
    Starting the processes and moving the data is not in it. None when nobody waits for the GIL. What cannot be a
    process of its own, such as a thread that serves others of them, is `apart`.
    """
    mine = workers | consumers
    every = [trace.times(lane) for lane in trace.lanes]
    competing = {at for at, times in enumerate(every) if times.get(State.GIL, 0.0) >= _COMPETES * active(times) > 0}
    own: dict[int, tuple[float, float]] = {}  # lane: seconds on a core, seconds in all without those waits
    for at, times in enumerate(every):
        if trace.lanes[at].kind == "task" or at in apart:
            continue
        life = active(times)
        lost = times.get(State.GIL, 0.0)
        for_others = 0.0 if at in consumers else times.get(State.JOIN, 0.0) + times.get(State.FUTURE, 0.0)
        part = mine if at in mine else frozenset({at})  # the workers of maps go together
        if part & competing and for_others < _FOLLOWS * life:
            cpu = sum(times.get(state, 0.0) for state in ON_CORE)
            own[at] = cpu, cpu if at in consumers else life - lost - times.get(State.CORE, 0.0) - for_others
    if len(own) < 2:
        return None
    inner = [at for at in own if at not in consumers] or list(own)
    phase = (max(_end(trace, at) for at in inner) - min(trace.lanes[at].moments[0] for at in inner)) / 1e6
    shared = [times for at, times in own.items() if at in workers]
    longest = [life for at, (_, life) in own.items() if at not in workers]
    least = max([*longest, _shared(shared, cores), sum(cpu for cpu, _ in own.values()) / cores])
    lanes = tuple(at for at in own if at not in consumers)
    then = trace.seconds - phase + min(phase, least)
    lacked = max(every[at].get(State.CORE, 0.0) for at in own)
    return Forecast(max(then, trace.seconds - lacked), then, lanes)


def _shared(workers: list[tuple[float, float]], cores: float) -> float:
    """How long workers take that share their work evenly and, where they are more than the cores, queue for them.

    >>> _shared([(1.0, 2.0)] * 2, 2)
    2.0
    >>> round(_shared([(1.0, 2.0)] * 4, 2), 2)
    2.52
    """
    many = len(workers)
    if not many:
        return 0.0
    cpu = sum(cpu for cpu, _ in workers) / many
    life = sum(life for _, life in workers) / many
    if many <= cores:
        return life
    return cycle_seconds(many, cpu / cores, life - cpu / cores)


def _end(trace: Trace, at: int) -> int:
    """When a lane ended, or became idle and had done nearly all that it did: what comes then only ends its thread."""
    stretches = list(trace.lanes[at].stretches(trace.microseconds))
    whole = sum(ended - began for began, ended, state, _ in stretches if state not in _ASIDE)
    done = last = 0
    for began, ended, state, _ in stretches:
        if state is State.IDLE and done >= _NEARLY * whole > 0:
            return last
        done += 0 if state in _ASIDE else ended - began
        last = last if state is State.IDLE else ended
    return last
