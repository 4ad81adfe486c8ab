"""Facts about processes: their own memory and their children, from Linux's /proc or from psutil."""

from __future__ import annotations

import mmap
import os


def pid_in(label: str) -> int:
    """The process that the label of a worker names; 0 when it names none.

    >>> pid_in("process-3 (pid 12)"), pid_in("thread-1")
    (12, 0)
    """
    number = label.rpartition("(pid ")[2].removesuffix(")")
    return int(number) if number.isdigit() else 0


def private_bytes_of_linux(pid: int) -> int:
    """The memory that only this process uses; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            _, resident, shared, *_ = file.read().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * mmap.PAGESIZE


def private_bytes_anywhere(pid: int) -> int:
    """The memory that only this process uses, as far as the system tells; 0 when it is gone."""
    import psutil  # heavy: only for runs with a memory limit

    try:
        process = psutil.Process(pid)
        usage = process.memory_info()
        private = getattr(usage, "private", None)  # Windows counts it; elsewhere it is summed up over the mappings
        return int(process.memory_full_info().uss if private is None else private)
    except psutil.AccessDenied:  # macOS lets only root look at the mappings of others
        return int(usage.rss)
    except psutil.Error:
        return 0


def descendants() -> set[int]:
    """The pids of the processes that this one has started, and of those that they have started."""
    if not has_children():
        return set()
    import psutil  # heavy: only for tests of engines

    try:
        return {child.pid for child in psutil.Process().children(recursive=True)}
    except psutil.Error:  # there is no /proc, or it is that of other processes
        return set()


def has_children() -> bool:
    """Whether this process has any, or may have: the system says at once when there are none, and lists slowly."""
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # and they stay to be waited for
    except ChildProcessError:
        return False
    return True


def proportional_bytes(pid: int) -> int | None:
    """The memory of a process with its share of what it has in common with others (PSS); its own where that is unknown.

    None when the system does not tell, or when the process is gone.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return private_bytes_anywhere(pid) or None
