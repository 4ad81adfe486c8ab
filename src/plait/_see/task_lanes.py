"""Lanes of asyncio tasks, made of the steps of their event loops: pure."""

from __future__ import annotations

from collections.abc import Iterable

from plait._core.trace import Lane, State, Trace, Wait
from plait._see.recorder_tasks import Step

_MOST = 500  # lanes of tasks; the longest-lived are drawn


def add_tasks(trace: Trace, steps: Iterable[Step], names: dict[int, str], origin: int) -> None:
    """A lane for each task: running in its steps, and between them what it awaits."""
    by_task: dict[int, list[Step]] = {}
    for step in steps:
        by_task.setdefault(step.task, []).append(step)
    longest = sorted(by_task, key=lambda task: by_task[task][0].began - by_task[task][-1].ended)[:_MOST]
    if len(by_task) > _MOST:
        trace.missing.append(f"{len(by_task) - _MOST:,} of {len(by_task):,} tasks: the {_MOST} longest are drawn")
    for task in sorted(longest):
        lane = Lane(names[task], "task", 0, 0)
        number = len(trace.lanes)
        trace.lanes.append(lane)
        own = by_task[task]
        for at, step in enumerate(own):
            began, ended = max(0, step.began - origin), max(0, step.ended - origin)
            lane.add(began, State.PYTHON)
            lane.add(ended, step.after)
            until = own[at + 1].began - origin if at + 1 < len(own) else trace.microseconds
            if step.after not in (State.ABSENT, State.READY) and until > ended:
                trace.waits.append(Wait(number, ended, until, step.after, step.awaits, step.where))
    trace.waits.sort(key=lambda wait: wait.began)


def blocked_words(trace: Trace, blocked: Iterable[tuple[int, int, str, str]], origin: int) -> list[str]:
    """The steps that blocked an event loop, with the line, and how many tasks could not go on meanwhile."""
    lines: dict[tuple[str, str], tuple[int, int, int]] = {}
    for began, ended, name, line in blocked:
        many, total, delayed = lines.get((name, line), (0, 0, 0))
        late = sum(
            1
            for lane in trace.lanes
            if lane.kind == "task" and lane.name != name and lane.state_at((began + ended) // 2 - origin)
        )
        lines[name, line] = many + 1, total + ended - began, max(delayed, late)
    found = []
    for (name, line), (many, total, delayed) in sorted(lines.items(), key=lambda item: -item[1][1])[:3]:
        where = f" at {line}" if line else ""
        found.append(
            f"the event loop was blocked for {total / 1e6:.2f} s in {many} steps of {name}{where}; "
            f"{delayed} other tasks could not go on meanwhile"
        )
    return found
