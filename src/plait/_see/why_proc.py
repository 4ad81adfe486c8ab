"""What the system tells about any process of this user, without stopping it: its children, and what threads are in."""

from __future__ import annotations

import os
from pathlib import Path


def waits_in(pid: int, thread: int) -> str:
    """The function of the kernel that a thread is in, such as ``futex_wait``; "" where it cannot be read."""
    try:
        name = Path(f"/proc/{pid}/task/{thread}/wchan").read_text()
    except OSError:
        return ""
    return "" if name == "0" else name


def children(pid: int) -> tuple[tuple[int, str], ...]:
    """The children of a process, and what the system says that each waits for."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return ()
    return tuple((int(child), waits_in(int(child), int(child))) for child in text.split())


def forked(pid: int) -> bool:
    """Whether the process is a copy of its parent: the same program with the same arguments, and no thread but one."""
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        mine, theirs = (Path(f"/proc/{one}/cmdline").read_bytes() for one in (pid, parent))
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except (OSError, IndexError, ValueError):
        return False
    return mine == theirs and threads == 1
