"""Lanes of tasks, made of the steps of their event loops: pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from plait._core.trace import Lane, State, Trace, Wait
from plait._see.imports import IMPORTING
from plait._see.recorder.steps import A_STEP, BLOCKING, Blocked, Step

_LONG = 50_000  # microseconds of a step that is told for itself; shorter ones are when they delay others
_SHARE = 0.1  # and together take so much of the time
_DELAY = 1_000  # microseconds that a task has to wait to have been delayed
_SOON = 50_000  # microseconds after a block in which the delayed go on
_KEPT_FROM, _GARBAGE = (State.CORE, State.GIL), (State.GARBAGE,)
_GARBAGE_TOLD, _MOSTLY = 0.2, 0.5  # of the time of a block
_SERVED = ".run_asgi"  # tasks of uvicorn, which have one request each
_ENDPOINT = "; so do FastAPI and Starlette with an endpoint that is `def` in place of `async def`"
_MOST = 500  # lanes of tasks; the longest-lived are drawn


def add_tasks(trace: Trace, steps: Iterable[Step], names: dict[int, str], origin: int) -> None:
    """A lane for each task: running in its steps, and between them what it awaits."""
    by_task: dict[int, list[Step]] = {}
    for step in steps:
        by_task.setdefault(step.task, []).append(step)
    longest = sorted(by_task, key=lambda task: by_task[task][0].began - by_task[task][-1].ended)[:_MOST]
    trace.facts["tasks"] = float(len(by_task))
    if len(by_task) > _MOST:
        trace.missing.append(f"{len(by_task) - _MOST:,} of {len(by_task):,} tasks: the {_MOST} longest are drawn")
    lanes = {task: len(trace.lanes) + at for at, task in enumerate(sorted(longest))}
    locks: dict[str, dict[int, int]] = {}
    for task, number in lanes.items():
        lane = Lane(names[task], "task", 0, 0)
        trace.lanes.append(lane)
        own = by_task[task]
        for at, step in enumerate(own):
            began, ended = max(0, step.began - origin), max(0, step.ended - origin)
            lane.add(began, State.PYTHON)
            lane.add(ended, step.after)
            ready = until = trace.microseconds
            if at + 1 < len(own):
                until = own[at + 1].began - origin
                ready = min(until, max(ended, own[at + 1].ready - origin))
            if ready < until and step.after is not State.ABSENT:
                lane.add(ready, State.READY)
            if step.after not in (State.ABSENT, State.READY) and ready > ended:
                holder, known = lanes.get(step.holder, -1), locks.setdefault(step.awaits, {})
                held = holder, "", holder, known.setdefault(step.lock, len(known))
                wait = Wait(number, ended, ready, step.after, step.awaits, step.where, *held)
                trace.waits.append(wait._replace(permits=step.permits) if step.after is State.SEMAPHORE else wait)
    _let_go(trace, frozenset(lanes.values()))
    trace.waits.sort(key=lambda wait: wait.began)


def lives_of(steps: Iterable[Step]) -> list[tuple[int, int]]:
    """From when until when each task was there."""
    lives: dict[int, tuple[int, int]] = {}
    for step in steps:
        lives[step.task] = lives.get(step.task, (step.ready, 0))[0], step.ended
    return list(lives.values())


def _let_go(trace: Trace, lanes: frozenset[int]) -> None:
    """Who lets a lock go is who got it last before the waiter did."""
    last: dict[tuple[str, int], tuple[int, int]] = {}
    for at in sorted(range(len(trace.waits)), key=lambda at: trace.waits[at].ended):
        wait = trace.waits[at]
        if wait.lane in lanes and wait.state is State.LOCK:
            lock = wait.name, wait.which
            ended, giver = last.get(lock, (0, -1))
            if ended > wait.began:
                trace.waits[at] = wait._replace(giver=giver)
            last[lock] = wait.ended, wait.lane


def blocked_words(
    trace: Trace, blocked: Iterable[Blocked], steps: Iterable[Step], origin: int, *, serves: bool = False
) -> list[tuple[float, str]]:
    """The steps that blocked an event loop, with the line, and how many tasks could have gone on meanwhile.

    Each with the seconds that tasks were kept waiting. A step that had no core, or not the GIL, blocked nothing.
    Brief ones count when they keep others waiting again and again. `serves` says that a step of which no task is seen
    may be an endpoint of a web framework.
    """
    lanes = {lane.tid: lane for lane in trace.lanes if lane.tid}
    ordered = sorted(steps, key=lambda step: step.began)
    moments = [step.began for step in ordered]
    groups: dict[str, list[Blocked]] = {}  # by line, where that was seen: many tasks may come to the same one
    for one in blocked:
        if _own(trace, lanes.get(one.tid), one, origin) >= BLOCKING:
            groups.setdefault(one.where or one.name, []).append(one)
    found = []
    for ones in groups.values():
        delays: dict[int, int] = {}
        for one in ones:
            for at in range(bisect_left(moments, one.ended), len(ordered)):
                step = ordered[at]
                if step.began > 2 * one.ended - one.began + _SOON:
                    break
                late = one.ended - max(one.began, step.ready)
                if step.tid == one.tid and late >= _DELAY:
                    delays[step.task] = max(delays.get(step.task, 0), late)
        seconds = sum(one.ended - one.began for one in ones) / 1e6
        if max(one.ended - one.began for one in ones) < _LONG and (not delays or seconds < _SHARE * trace.seconds):
            continue
        text = f"the event loop was blocked for {seconds:.2f} s by {_names(ones)}"
        text += f" at {ones[0].where}" if ones[0].where else ""
        text += f", in {len(ones)} steps" if len(ones) > 1 else ""
        garbage = sum(_in_state(trace, lanes.get(one.tid), one, origin, _GARBAGE) for one in ones) / 1e6
        text += f", of which {garbage:.2f} s went into collecting garbage" if garbage >= _GARBAGE_TOLD * seconds else ""
        if delays:
            many = f"{len(delays)} tasks were" if len(delays) > 1 else "1 task was"
            text += f"; {many} ready meanwhile and had to wait, for up to {max(delays.values()) / 1e6:.2f} s"
        elif ones[0].name != A_STEP:
            text += "; no other task was ready meanwhile"
        if garbage < _MOSTLY * seconds:  # which no other thread can do instead
            text += f". {_cure(trace, lanes, ones, origin, serves=serves)}"
        found.append((seconds + sum(delays.values()) / 1e6, text))
    return sorted(found, reverse=True)[:3]


def _names(ones: list[Blocked]) -> str:
    first, *others = dict.fromkeys(one.name for one in ones)
    return first + ("" if not others else f" and {len(others)} other{'s' if len(others) > 1 else ''}")


def _cure(trace: Trace, lanes: dict[int, Lane], ones: Sequence[Blocked], origin: int, *, serves: bool) -> str:
    """A thread beside the loop, unless they compute in Python: threads can do that only by turns with the loop."""
    sums: dict[State, int] = {}
    imports = 0
    for one in ones:
        lane = lanes.get(one.tid)
        if lane is not None:
            low, high = one.began - origin, one.ended - origin
            for began, ended, state, text in lane.stretches_between(low, high, trace.microseconds):
                known = State.PYTHON if state is State.GARBAGE else state
                sums[known] = sums.get(known, 0) + ended - began
                imports += (ended - began) * trace.texts[text].startswith(IMPORTING)
    if imports > _MOSTLY * sum(sums.values()):
        return "It imports modules there: import them before the loop begins"
    if sums.get(State.GIL, 0) > sum(spent for state, spent in sums.items() if state not in _LACKS):
        return (
            "For most of that it waited for the GIL, which other threads had: what they compute belongs into processes"
        )
    mostly = max(sums, key=lambda state: sums[state] * (state not in _LACKS), default=State.ABSENT)
    if mostly is State.PYTHON and sum(one.ended - one.began for one in ones) < _SHARE * trace.microseconds:
        return "It computes in Python"
    return beside_words(
        trace,
        mostly,
        ones[0].beside,
        serves=all(_SERVED in one.name or (serves and one.name == A_STEP) for one in ones),
    )


def beside_words(trace: Trace, mostly: State, beside: str, *, serves: bool) -> str:
    """What runs beside an event loop what mostly is in that state."""
    if mostly is not State.PYTHON or trace.facts.get("free"):
        return f"{beside} runs what blocks beside the loop{_ENDPOINT if serves else ''}"
    return (
        f"It computes in Python, which {beside} does by turns with the loop, no faster; a process does it beside the "
        'loop, and several share it: await s.submit(...) in plait.scope("process")'
    )


_LACKS = (State.CORE, State.GIL)


def _own(trace: Trace, lane: Lane | None, one: Blocked, origin: int) -> int:
    """Microseconds of a step in which its thread was not kept from running by others."""
    return one.ended - one.began - _in_state(trace, lane, one, origin, _KEPT_FROM)


def _in_state(trace: Trace, lane: Lane | None, one: Blocked, origin: int, states: tuple[State, ...]) -> int:
    """Microseconds of a step in which its thread was in one of these states."""
    if lane is None:
        return 0
    around = lane.stretches_between(one.began - origin, one.ended - origin, trace.microseconds)
    return sum(ended - began for began, ended, state, _ in around if state in states)
