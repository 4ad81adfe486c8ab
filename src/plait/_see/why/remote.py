"""The tasks of event loops in another process, read out of its memory by a Python of its own version.

The layout of tasks belongs to one version of CPython, so the process's own executable is run for it, whatever Python
runs us: from CPython 3.14 on it reads them as ``python -m asyncio pstree`` does, before that with `memory`. Nothing
is executed in the process that is looked at.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plait._see.why.dump import Frame, Thing, Thread

_PATIENCE = 10.0  # seconds
_TRIES = 3  # who runs may change under the look
_READ = """
import json, sys
import _remote_debugging
def line(frame):
    return frame.lineno if hasattr(frame, "lineno") else frame.location.lineno
loops = _remote_debugging.RemoteUnwinder(int(sys.argv[1])).get_all_awaited_by()
tasks = [task for loop in loops for task in loop.awaited_by]
awaits = {}
for task in tasks:
    for by in task.awaited_by:
        awaits.setdefault(by.task_name, []).append(task.task_id)
found = []
for task in tasks:
    stacks = [[[f.filename, line(f), f.funcname] for f in part.call_stack] for part in task.coroutine_stack]
    others = awaits.get(task.task_id, [])
    found.append([task.task_name, sum(stacks, []), not others, False, "", task.task_id, others * (len(others) == 1)])
print(json.dumps(found))
"""
_MEMORY = str(Path(__file__).with_name("memory.py"))


def tasks_of(pid: int, threads: Sequence[Thread]) -> tuple[Thread, ...]:
    """The tasks, first those that wait for no other task; none where they cannot be read."""
    try:
        executable = str(Path(f"/proc/{pid}/exe").resolve(strict=True))
        if not is_trusted(executable, os.geteuid()):
            return ()
    except OSError:
        return ()
    known = _known(threads)
    for program in (["-c", _READ, str(pid)], *[[_MEMORY, str(pid), *known]] * _TRIES):
        try:
            run = subprocess.run(
                [executable, "-I", "-S", *program], capture_output=True, text=True, timeout=_PATIENCE, check=False
            )
            if run.returncode == 0:
                return in_order(json.loads(run.stdout))
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return ()
    return ()


def is_trusted(executable: str, user: int) -> bool:
    """Whether a user may run it without running what others have made: root looks into the processes of everybody."""
    found = os.stat(executable)
    return found.st_uid in (0, user) and not found.st_mode & stat.S_IWOTH


def _known(threads: Sequence[Thread]) -> list[str]:
    """The objects of asyncio that are on the stacks, which lead to its tasks: where each is, and a method of it."""
    frames = [frame for thread in threads for frame in thread.frames]
    found = [frame for frame in frames if f"asyncio{os.sep}" in frame.file and "self" in frame.variables]
    return [f"{frame.variables['self'].address}:{frame.name}" for frame in reversed(found)]


def in_order(found: list[Any]) -> tuple[Thread, ...]:
    """The tasks from what was read: name, frames innermost first, and whether it waits for no other task.

    >>> [task.name for task in in_order([["outer", [["a.py", 9, "main"]], False], ["inner", [], True]])]
    ['inner', 'outer (main)']
    """
    return tuple(_task(*task) for task in sorted(found, key=lambda task: (not task[2], task[0])))


def _task(
    name: str,
    frames: list[Any],
    _: bool,
    cancelled: bool = False,
    turn: str = "",
    at: int = 0,
    awaits: Sequence[int] = (),
    first: bool = False,
) -> Thread:
    what = f"{name} ({frames[-1][2]})" if frames else name
    stack = tuple(_frame(*frame) for frame in frames)
    return Thread(what, at, 0, stack, task=True, cancelled=cancelled, turn=turn, awaits=tuple(awaits), first=first)


def _frame(file: str, line: int, function: str, column: int = -1, variables: dict[str, Any] | None = None) -> Frame:
    return Frame(file, line, function, {name: Thing(*thing) for name, thing in (variables or {}).items()}, column)
