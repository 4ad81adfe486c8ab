"""What the system tells about any process of this user, without stopping it: its children, and what threads are in."""

from __future__ import annotations

import os
from pathlib import Path

# Names of functions of the kernel begin so, and mean that a thread waits for this. Read from the top.
_WAITS = (
    ("futex", "waits for a lock, a queue, the end of a thread, or the GIL"),
    ("hrtimer_nanosleep", "sleeps"),
    ("do_wait", "waits for the end of a child process"),
    ("pipe_write", "waits for room in a pipe"),
    ("anon_pipe_write", "waits for room in a pipe"),
    ("pipe_read", "waits for something to come through a pipe"),
    ("anon_pipe_read", "waits for something to come through a pipe"),
    ("do_epoll_wait", "waits for events, as an event loop does"),
    ("ep_poll", "waits for events, as an event loop does"),
    ("do_sys_poll", "waits for events"),
    ("do_select", "waits for events"),
    ("poll_schedule_timeout", "waits for events"),
    ("inet_csk_accept", "waits for a connection"),
    ("sk_wait_data", "waits for something to come through a socket"),
    ("wait_woken", "waits for a socket or a terminal"),
    ("n_tty_read", "waits for a key"),
    ("unix_stream", "waits for something to come through a socket"),
    ("locks_lock", "waits for the lock of a file"),
    ("do_sigtimedwait", "waits for a signal"),
    ("flock_lock", "waits for the lock of a file"),
    ("posix_lock", "waits for the lock of a file"),
    ("fcntl_setlk", "waits for the lock of a file"),
    ("do_lock_file", "waits for the lock of a file"),
)
_STATES = {"R": "runs", "D": "waits for a disk", "T": "is stopped", "t": "is stopped by a debugger", "Z": "has ended"}


def whereabouts(pid: int) -> list[str]:
    """What each thread of a process does, as far as the system tells; nothing where it does not."""
    rows = []
    for thread in sorted(int(name) for name in listed(f"/proc/{pid}/task")):
        text = text_of(f"/proc/{pid}/task/{thread}/stat")
        name, _, rest = text.partition("(")[2].rpartition(")")
        if rest:
            rows.append(f"thread {thread} ({name})  {meaning(rest.split()[0], waits_in(pid, thread))}")
    rows += [f"its child {child}  {meaning('S', where)}" for child, where in children(pid)]
    return rows


def meaning(state: str, where: str) -> str:
    """What a thread does that is in a state, as ps has it, and in a function of the kernel.

    >>> meaning("S", "futex_do_wait")
    'waits for a lock, a queue, the end of a thread, or the GIL'
    """
    if state in _STATES:
        return _STATES[state]
    return kernel_wait(where) or (f"waits in the kernel's {where}" if where else "waits")


def kernel_wait(where: str) -> str:
    """What a thread waits for that is in a function of the kernel; "" when that says nothing.

    >>> kernel_wait("inet_csk_accept")
    'waits for a connection'
    """
    return next((words for begin, words in _WAITS if where.startswith(begin)), "")


def listed(folder: str) -> list[str]:
    """The names in a folder; none where it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def text_of(file: str) -> str:
    """What is in a file; "" where it cannot be read."""
    try:
        return Path(file).read_text(errors="replace")
    except OSError:
        return ""


def waits_in(pid: int, thread: int) -> str:
    """The function of the kernel that a thread is in, such as ``futex_wait``; "" where it cannot be read."""
    name = text_of(f"/proc/{pid}/task/{thread}/wchan")
    return "" if name == "0" else name


def parent(pid: int) -> int:
    """The process that has started a process, or has taken it over; 0 where that cannot be read."""
    fields = text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def children(pid: int) -> tuple[tuple[int, str], ...]:
    """The children of a process, and what the system says that each waits for."""
    text = text_of(f"/proc/{pid}/task/{pid}/children")
    found: list[tuple[int, str]] = []
    for child in map(int, text.split()):
        command = text_of(f"/proc/{child}/cmdline")
        if "multiprocessing.forkserver" in command:  # the processes that it starts for us are its children
            found += children(child)
        elif "multiprocessing.resource_tracker" not in command and command:  # one that has ended has none
            found.append((child, _foremost(child)))
    return tuple(found)


def _foremost(pid: int) -> str:
    """What a process waits for: room in a pipe, if a thread of it does, or else what its first one waits for."""
    where = [waits_in(pid, int(thread)) for thread in sorted(listed(f"/proc/{pid}/task"), key=int)]
    return next((one for one in where if "pipe_write" in one), where[0] if where else "")


def forked(pid: int, ours: int = 0) -> bool:
    """Whether the process is a copy of its parent, the same program with the same arguments, and has one thread only.

    Threads that are `ours` do not count.
    """
    try:
        mine, theirs = (Path(f"/proc/{one}/cmdline").read_bytes() for one in (pid, parent(pid)))
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return False
    return mine == theirs and threads == 1 + ours
