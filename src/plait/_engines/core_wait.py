"""What the system gives a thread: how long it ran, how long it was ready without getting a core, how many turns."""

from __future__ import annotations

from os import listdir, times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_UNKNOWN: Final = (0.0, 0.0, 0)


def core_use(thread: int | None = None, pid: int | None = None) -> tuple[float, float, int]:
    """Of the thread with this native id, or of the calling one: seconds on a core, seconds of waiting for one, turns.

    Everything 0 where nobody can tell. `pid` is the process it belongs to, when it is not this one.
    """
    return counted(thread, pid) or _UNKNOWN


def counted(thread: int | None = None, pid: int | None = None) -> tuple[float, float, int] | None:
    """As `core_use`; None where nobody can tell."""
    path = "/proc/thread-self" if thread is None else f"/proc/{'self' if pid is None else pid}/task/{thread}"
    try:
        with open(f"{path}/schedstat", "rb", buffering=0) as file:
            ran, waited, turns = file.read(128).split()[:3]
            return int(ran) * 1e-9, int(waited) * 1e-9, int(turns)
    except (OSError, ValueError):
        return None


def waited_for_core(thread: int | None = None, pid: int | None = None) -> float:
    """Seconds so far without a core, although it was ready to run: that is others' doing."""
    return core_use(thread, pid)[1]


def core_times(pid: int) -> dict[int, tuple[float, float]]:
    """Of each thread of a process, by native id: seconds on a core, and seconds of waiting for one.

    Empty where nobody can tell.
    """
    try:
        threads = listdir(f"/proc/{pid}/task")
    except OSError:
        return {}
    return {int(thread): core_use(int(thread), pid)[:2] for thread in threads}


def is_runnable(thread: int | None) -> bool:
    """Whether the thread with this native id has a core or is ready for one; False where nobody can tell.

    How long it has been ready is known only when it has got one.
    """
    try:
        with open(f"/proc/self/task/{thread}/stat", "rb", buffering=0) as file:
            return file.read(128).rpartition(b")")[2][:2] == b" R"
    except OSError:
        return False


def switches() -> int | None:
    """How often threads of this process have given up their core to wait for something; None where nobody can tell."""
    try:
        from resource import RUSAGE_SELF, getrusage  # POSIX only
    except ImportError:
        return None
    return getrusage(RUSAGE_SELF).ru_nvcsw


def children_seconds() -> float:
    """Seconds on a core of child processes, of those that have ended and were waited for."""
    used = times()
    return used.children_user + used.children_system
