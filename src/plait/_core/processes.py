"""What Linux tells of processes: what they have open, and who has started them. Nothing of what may not be seen."""

from __future__ import annotations

import os
import re
from pathlib import Path

_WRITES = os.O_WRONLY | os.O_RDWR


def text_of(file: str) -> str:
    """What is in a file; "" where it cannot be read."""
    try:
        return Path(file).read_text(errors="replace")
    except OSError:
        return ""


def listed(folder: str) -> list[str]:
    """The names in a folder; none where it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def processes() -> list[int]:
    """All processes that are seen."""
    return sorted(int(name) for name in listed("/proc") if name.isdigit())


def parent(pid: int) -> int:
    """The process that has started a process, or has taken it over; 0 where that cannot be read."""
    fields = text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def descends(pid: int, ancestor: int) -> bool:
    """Whether a process was started by that one, or by one that it started and that is still there."""
    while pid > 1 and pid != ancestor:
        pid = parent(pid)
    return pid == ancestor


def descriptors(pid: int | str) -> list[int]:
    """The descriptors that a process has open, which may also be ``self``."""
    return [int(name) for name in listed(f"/proc/{pid}/fd")]


def link_of(pid: int | str, number: int) -> str:
    """What a descriptor of a process is of: a path, ``pipe:[inode]``, ``socket:[inode]``; "" where that is not told."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{number}")
    except OSError:
        return ""


def links_of(pid: int | str) -> set[str]:
    """What all descriptors of a process are of."""
    return {link_of(pid, number) for number in descriptors(pid)}


def has_end(pid: int | str, link: str, *, writes: bool) -> bool:
    """Whether a process has that pipe open, at the end at which one writes, or at the other one."""
    for number in descriptors(pid):
        if link_of(pid, number) == link:
            flags = re.search(r"^flags:\s*(\d+)", text_of(f"/proc/{pid}/fdinfo/{number}"), re.MULTILINE)
            if flags is not None and bool(int(flags[1], 8) & _WRITES) == writes:
                return True
    return False
