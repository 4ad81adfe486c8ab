"""The tasks of trio in this process, which asyncio does not know."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import NamedTuple

from plait._core.awaits import awaited_frames
from plait._see.why.values import Unknown, attribute

_RUNS_TRIO = os.path.join("trio", "_core", "_run.py")


class TrioTask(NamedTuple):
    """A task that is suspended: what it is called, where it is in memory, and its frames, innermost first."""

    name: str
    ident: int
    frames: list[FrameType]


def trio_tasks(frames: Iterable[FrameType]) -> list[TrioTask]:
    """The tasks of trio that the loop on this stack runs."""
    for frame in frames:
        if frame.f_code.co_name == "run" and frame.f_code.co_filename.endswith(_RUNS_TRIO):
            return [*_tasks(frame.f_locals.get("runner"))]
    return []


def _tasks(runner: object) -> Iterator[TrioTask]:
    try:
        tasks = attribute(runner, "tasks")
    except Unknown:  # it begins, or is of another version
        return
    for task in list(tasks) if type(tasks) is set else ():
        try:
            name, coroutine = attribute(task, "name"), attribute(task, "coro")
        except Unknown:
            continue
        stack = [*awaited_frames(coroutine)][::-1]
        if stack:
            yield TrioTask(str(name).rpartition(".")[2], id(task), stack)
