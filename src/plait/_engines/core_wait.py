"""How long a thread has been ready to run without getting a core, where the system tells: that is others' doing."""

from __future__ import annotations


def waited_for_core(thread: int | None = None) -> float:
    """Seconds so far, of the thread with this native id or of the calling one; 0.0 where nobody can tell."""
    path = "/proc/thread-self/schedstat" if thread is None else f"/proc/self/task/{thread}/schedstat"
    try:
        with open(path, "rb", buffering=0) as file:
            return int(file.read(128).split()[1]) * 1e-9
    except (OSError, IndexError, ValueError):
        return 0.0
