"""What the system tells about any process of this user, without stopping it: its children, and what threads are in."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Collection, Iterable
from pathlib import Path

from plait._core.processes import listed, parent, text_of
from plait._see.why.dump import Thread

FIFO = "waits until somebody opens the other end of a named pipe"
# Names of functions of the kernel begin so, and mean that a thread waits for this. Read from the top.
_WAITS = (
    ("futex", "waits for a lock, a queue, the end of a thread, or the GIL"),
    ("hrtimer_nanosleep", "sleeps"),
    ("do_wait", "waits for the end of a child process"),
    ("pipe_write", "waits for room in a pipe"),
    ("anon_pipe_write", "waits for room in a pipe"),
    ("pipe_read", "waits for something to come through a pipe"),
    ("anon_pipe_read", "waits for something to come through a pipe"),
    ("wait_for_partner", FIFO),
    ("do_epoll_wait", "waits for events, as an event loop does"),
    ("ep_poll", "waits for events, as an event loop does"),
    ("do_sys_poll", "waits for events"),
    ("do_select", "waits for events"),
    ("poll_schedule_timeout", "waits for events"),
    ("inet_csk_accept", "waits for a connection"),
    ("sk_stream_wait_memory", "waits for room in a socket"),
    ("sock_alloc_send", "waits for room in a socket"),
    ("__skb_wait", "waits for something to come through a socket"),
    ("sk_wait_data", "waits for something to come through a socket"),
    ("wait_woken", "waits for a socket or a terminal"),
    ("n_tty_read", "waits for a key"),
    ("unix_stream", "waits for something to come through a socket"),
    ("locks_lock", "waits for the lock of a file"),
    ("do_sigtimedwait", "waits for a signal"),
    ("__do_sys_pause", "waits for a signal"),
    ("sigsuspend", "waits for a signal"),
    ("flock_lock", "waits for the lock of a file"),
    ("posix_lock", "waits for the lock of a file"),
    ("fcntl_setlk", "waits for the lock of a file"),
    ("do_lock_file", "waits for the lock of a file"),
    ("do_signal_stop", "is stopped"),
    ("ptrace_stop", "is stopped by a debugger"),
)
_FORKSERVER, _ZYGOTE, _WORKER = "multiprocessing.forkserver", "plait._engines.zygote", "plait._engines.portable_worker"
_HELPERS = (_FORKSERVER, _ZYGOTE, _WORKER, "multiprocessing.resource_tracker", "plait._see.sampler")
_BY_PYTHON = ("SIGINT", "SIGSEGV", "SIGFPE", "SIGABRT", "SIGBUS", "SIGILL")
_BY_LIBRARIES = ("SIGWINCH",)  # those that know how wide the terminal is, such as readline
_STATES = {"R": "runs", "D": "waits for a disk", "T": "is stopped", "t": "is stopped by a debugger", "Z": "has ended"}


def in_turn(native: int, pid: int) -> tuple[bool, int]:
    """By this the threads of a process are in the order in which they were started: the system begins anew at times.

    >>> sorted([310, 32_700, 32_767], key=lambda native: in_turn(native, pid=32_700))
    [32700, 32767, 310]
    """
    return native < pid, native


def threads_of(pid: int) -> list[int]:
    """The threads that a process has, in the order in which they were started."""
    return sorted(map(int, listed(f"/proc/{pid}/task")), key=lambda native: in_turn(native, pid))


def turns_of(pid: int, native: int) -> int:
    """How often a thread has gone to sleep. Who waits for the GIL wakes up every few milliseconds to ask for it."""
    found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text_of(f"/proc/{pid}/task/{native}/status"), re.MULTILINE)
    return int(found.group(1)) if found is not None else 0


def whereabouts(pid: int, but: Collection[int] = ()) -> list[str]:
    """What each thread of a process does, as far as the system tells; nothing where it does not."""
    rows = []
    for thread in (one for one in threads_of(pid) if one not in but):
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


def executable(pid: int) -> str:
    """The name of the program that it runs; "" where that cannot be told."""
    try:
        return Path(os.readlink(f"/proc/{pid}/exe")).name
    except OSError:
        return ""


def waits_in(pid: int, thread: int) -> str:
    """The function of the kernel that a thread is in, such as ``futex_wait``; "" where it cannot be read."""
    name = text_of(f"/proc/{pid}/task/{thread}/wchan")
    return "" if name == "0" else name


def caught(pid: int) -> tuple[str, ...]:
    """The signals that a process has handlers for, but those which Python, faulthandler or readline handles itself."""
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)$", text_of(f"/proc/{pid}/status"), re.MULTILINE)
    mask = int(found[1], 16) if found is not None else 0
    return tuple(
        one.name for one in signal.Signals if mask >> one - 1 & 1 and one.name not in (*_BY_PYTHON, *_BY_LIBRARIES)
    )


def run_time(pid: int | str, thread: int) -> int:
    """For how many nanoseconds a thread has run; 0 where that cannot be read."""
    return int((text_of(f"/proc/{pid}/task/{thread}/schedstat").split() or ["0"])[0])


def has_ended(pid: int) -> bool:
    """Whether a process is over, and there only until whoever has started it asks."""
    return text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] == ["Z"]


def children(pid: int) -> tuple[tuple[int, str], ...]:
    """The children of a process, and what the system says that each waits for; not plait's own workers."""
    found: list[int] = []
    for child, helper in _started(pid):
        if helper == _FORKSERVER:  # the processes that it starts for us are its children
            found += [each for each, _ in _started(child)]
        elif not helper:
            found.append(child)
    return tuple((child, _foremost(child)) for child in found)


def pythons(some: Iterable[int]) -> tuple[int, ...]:
    """Those of some processes that run Python."""
    return tuple(pid for pid in some if executable(pid).startswith("python"))


def workers(pid: int) -> tuple[tuple[int, str], ...]:
    """The worker processes that plait has for a process, and what the system says that each waits for."""
    found: list[int] = []
    for child, helper in _started(pid):
        if helper == _ZYGOTE:
            found += [each for each, _ in _started(child)]
        elif helper == _WORKER:
            found.append(child)
    return tuple((child, _foremost(child)) for child in found)


def _started(pid: int) -> list[tuple[int, str]]:
    """The children that any thread of a process has started and that have not ended, and which helper each is."""
    mine = text_of(f"/proc/{pid}/cmdline")
    found = [int(word) for one in threads_of(pid) for word in text_of(f"/proc/{pid}/task/{one}/children").split()]
    commands = [(child, text_of(f"/proc/{child}/cmdline")) for child in found]
    return [(child, "" if command == mine else _helper(command)) for child, command in commands if command]


def _helper(command: str) -> str:
    """Which helper it is, of multiprocessing or of plait, that a process with this command line is a copy of."""
    return next((name for name in _HELPERS if name in command), "")


def _foremost(pid: int) -> str:
    """What a process waits for: room in a pipe, if a thread of it does, or else what its first one waits for."""
    where = [waits_in(pid, thread) for thread in threads_of(pid)]
    return next((one for one in where if "pipe_write" in one), where[0] if where else "")


def forked(pid: int, ours: int = 0) -> bool:
    """Whether the process is a copy of its parent, the same program with the same arguments, and has one thread only.

    Threads that are `ours` do not count, nor do copies of a helper, which has one thread only when it is copied.
    """
    try:
        mine, theirs = (Path(f"/proc/{one}/cmdline").read_bytes() for one in (pid, parent(pid)))
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return False
    return mine == theirs and threads == 1 + ours and not _helper(mine.decode(errors="replace"))


def still(pid: int, thread: Thread, turns: int) -> Thread:
    """The thread; one of an event loop without where in the kernel it was, if it has moved since.

    Its tasks are looked at after it: it may have begun with one of them in between. Given is how often it had gone to
    sleep before it was looked at.
    """
    if not thread.where or not any(frame.runs_loop for frame in thread.frames):
        return thread
    if waits_in(pid, thread.native) == thread.where and turns_of(pid, thread.native) == turns:
        return thread
    return thread._replace(where="")
