"""How long threads have been ready to run without getting a core, where the system tells: that is others' doing."""

from __future__ import annotations

from os import listdir


def waited_for_core(thread: int | None = None) -> float:
    """Seconds so far, of the thread with this native id or of the calling one; 0.0 where nobody can tell."""
    return _schedstat("/proc/thread-self" if thread is None else f"/proc/self/task/{thread}")[1]


def is_runnable(thread: int | None) -> bool:
    """Whether the thread with this native id has a core or is ready for one; False where nobody can tell.

    How long it has been ready is known only when it has got one.
    """
    try:
        with open(f"/proc/self/task/{thread}/stat", "rb", buffering=0) as file:
            return file.read(128).rpartition(b")")[2][:2] == b" R"
    except OSError:
        return False


def core_times(pid: int) -> dict[int, tuple[float, float]]:
    """Of each thread of a process, by native id: seconds on a core, and seconds ready for one that was not free.

    Empty where nobody can tell.
    """
    try:
        threads = listdir(f"/proc/{pid}/task")
    except OSError:
        return {}
    return {int(thread): _schedstat(f"/proc/{pid}/task/{thread}") for thread in threads}


def _schedstat(folder: str) -> tuple[float, float]:
    try:
        with open(f"{folder}/schedstat", "rb", buffering=0) as file:
            ran, waited = file.read(128).split()[:2]
            return int(ran) * 1e-9, int(waited) * 1e-9
    except (OSError, ValueError):  # the thread has ended, or the system keeps no account
        return 0.0, 0.0
