"""The tasks of event loops in another process, from CPython 3.14 on: read out of its memory, by its own interpreter.

That is what ``python -m asyncio pstree`` does. The layout of tasks belongs to one version of CPython, so the process's
own executable is run for it, whatever Python runs us. Nothing is executed in the process that is looked at.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from plait._see.why_dump import Frame, Thread

_PATIENCE = 10.0  # seconds
_READ = """
import json, sys
import _remote_debugging
def line(frame):
    return frame.lineno if hasattr(frame, "lineno") else frame.location.lineno
found = []
for loop in _remote_debugging.RemoteUnwinder(int(sys.argv[1])).get_all_awaited_by():
    for task in loop.awaited_by:
        stacks = [[[f.filename, line(f), f.funcname] for f in part.call_stack] for part in task.coroutine_stack]
        found.append([task.task_id, task.task_name, sum(stacks, []), [part.task_name for part in task.awaited_by]])
print(json.dumps(found))
"""


def tasks_of(pid: int) -> tuple[Thread, ...]:
    """The tasks, first those that wait for no other task; none where they cannot be read."""
    try:
        executable = str(Path(f"/proc/{pid}/exe").resolve(strict=True))
        run = subprocess.run(
            [executable, "-I", "-S", "-c", _READ, str(pid)],
            capture_output=True, text=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip
        return in_order(json.loads(run.stdout)) if run.returncode == 0 else ()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()


def in_order(found: list[Any]) -> tuple[Thread, ...]:
    """The tasks from what was read: number, name, frames innermost first, and the numbers of those that await it.

    >>> [task.name for task in in_order([[1, "outer", [["a.py", 9, "main"]], []], [2, "inner", [], [1]]])]
    ['inner', 'outer (main)']
    """
    waiting_for_tasks = {number for _, _, _, awaited_by in found for number in awaited_by}
    ordered = sorted(found, key=lambda task: (task[0] in waiting_for_tasks, task[1]))
    return tuple(_task(name, frames) for _, name, frames, _ in ordered)


def _task(name: str, frames: list[Any]) -> Thread:
    what = f"{name} ({frames[-1][2]})" if frames else name
    return Thread(what, 0, 0, tuple(Frame(file, line, function) for file, line, function in frames), task=True)
