"""What a trace says of work that is done one thing at a time, though cores are free or nothing needs a core: pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from plait._core.trace import ON_CORE, WORDS, Finding, State, Trace, active
from plait._see.lines import COMPUTES, Lines, Place
from plait._see.queueing import in_rounds
from plait._see.runs import Figures

ONE_THREAD = "does one thing after the other"
_WORKS = (*ON_CORE, State.SOCKET, State.FILE, State.CHILD, State.OTHER)
_ENDS = (State.JOIN, State.FUTURE)
_ALONE = 0.05  # of the time: what other threads may do beside the one that does it all
_MOSTLY = 0.5
_ONE = 1.1  # threads at a time
_FEW = 0.2  # of the time of a thread
_WORTH = 1.5  # cores: less is not worth it
_IMPORTS = 0.25  # of the looks at a thread
_AT_ONCE = 8  # waits, for a forecast
_AGAIN = 5  # waits, and turns: fewer are no loop
_LISTENS = (" in accept", " in serve_forever", " in input")


def tell_serial(
    trace: Trace, runs: Sequence[Figures], lines: Lines, cores: float, services: AbstractSet[int] = frozenset()
) -> list[Finding]:
    """Sentences with a forecast: of the one thread that does it all, and of who waits for each call before the next."""
    times = {at: trace.times(at) for at, lane in enumerate(trace.lanes) if lane.kind != "task"}
    if not times or not trace.microseconds:
        return []
    own = {at: sum(one.get(state, 0.0) for state in (*_WORKS, State.CORE)) for at, one in times.items()}
    most = max(own, key=lambda at: own[at])
    others = sum(seconds for at, seconds in own.items() if at != most)
    if runs or any(lane.kind == "task" for lane in trace.lanes):
        return []
    if others > _ALONE * trace.seconds or own[most] < _MOSTLY * trace.seconds:
        return _one_after_the_other(trace, {at: one for at, one in times.items() if at not in services})
    if lines.imports(most) > _IMPORTS:  # which are told, and are needed one after the other
        return []
    return _one_thread(trace, times[most], most, lines, cores)


def _one_thread(trace: Trace, times: dict[State, float], at: int, lines: Lines, cores: float) -> list[Finding]:
    """One thread does everything: what it would take if several did."""
    now = trace.seconds - times.get(State.CORE, 0.0)
    children = trace.facts.get("children", 0.0)
    for state, engine, many in (
        (State.SOCKET, "thread", float(_AT_ONCE)),
        (State.CHILD, "thread", float(_AT_ONCE)),
        (State.NATIVE, "thread", cores),
        (State.PYTHON, "thread" if trace.facts.get("free") else "process", cores),
    ):
        seconds = times.get(state, 0.0)
        if seconds < _MOSTLY * now:
            continue
        if state is State.NATIVE and trace.facts.get("strangers", 0.0) > _FEW * seconds:  # C uses several cores already
            return []
        if state is State.CHILD and trace.facts.get("begun_at_once"):  # and waited for by turns
            return []
        if state is not State.PYTHON and _times(trace, at, state) < _AGAIN:  # one thing that takes long
            return []
        place = lines.most([at], {state}) or lines.most([at], COMPUTES if state in COMPUTES else {state})
        if place is None or place.where.endswith(_LISTENS) or many < _WORTH:  # it waits to be asked
            return []
        then = now - seconds + seconds / many
        if state is State.CHILD:  # which need cores themselves
            then = max(then, children / cores)
            many = min(many, max(cores, cores * seconds / max(children, 1e-9)))
        text = f"{trace.lanes[at].name} {ONE_THREAD}, {WORDS[state]} for {seconds:.2f} s, {_most(place)}"
        text += (
            f". If what is done there needs no result of the time before, {_instead(engine, many)} would take about "
        )
        text += f"{then:.2f} s instead of {now:.2f} s"
        text += f" on {cores:g} free cores" if state in COMPUTES else ""
        text += ", beside the start of processes and the moving of data" if engine == "process" else ""
        return [(seconds, text)]
    return []


def _times(trace: Trace, at: int, state: State) -> int:
    """How often it was in a state."""
    waits = sum(wait.lane == at and wait.state is state for wait in trace.waits)
    return max(waits, trace.lanes[at].states.count(state))


def _instead(engine: str, many: float) -> str:
    return f'plait.map(..., engine="{engine}"{f", workers={math.ceil(many)}" if engine == "thread" else ""})'


def _most(place: Place) -> str:
    return f"{place.share:.0%} of it at {place.where}"


def _one_after_the_other(trace: Trace, times: dict[int, dict[State, float]]) -> list[Finding]:
    """A thread that waits for each call, or thread, before it starts the next."""
    for at, one in times.items():
        waited = sum(one.get(state, 0.0) for state in _ENDS)
        if waited < _MOSTLY * trace.seconds:
            continue
        places: dict[tuple[State, str], list[int]] = {}
        for wait in trace.waits:
            if wait.lane == at and wait.state in _ENDS and wait.where:
                places.setdefault((wait.state, wait.where), []).append(wait.ended - wait.began)
        if not places:
            continue
        (state, where), lengths = max(places.items(), key=lambda item: sum(item[1]))
        apart = [two for two in times if two != at]
        busy = sum(active(times[two]) for two in apart)
        seconds = sum(lengths) / 1e6
        if len(lengths) < _AGAIN or seconds < _MOSTLY * trace.seconds or not _MOSTLY * seconds < busy < _ONE * seconds:
            continue
        each = "the end of a thread" if state is State.JOIN else "a result"
        text = f"{trace.lanes[at].name} waited {len(lengths)} times for {each} at {where}, and meanwhile one thread "
        text += "worked at a time: start them all first, then wait for them, or let plait.map do both"
        if _computes(times, apart) < _MOSTLY * busy:
            then = trace.seconds - seconds + max(in_rounds(seconds, len(lengths), _AT_ONCE), max(lengths) / 1e6)
            text += f"; {_AT_ONCE} at a time would take about {then:.2f} s instead of {trace.seconds:.2f} s"
        return [(seconds, text)]
    return []


def _computes(times: dict[int, dict[State, float]], lanes: Sequence[int]) -> float:
    return sum(times[at].get(state, 0.0) for at in lanes for state in ON_CORE)
