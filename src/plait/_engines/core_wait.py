"""What the system gives a thread: how long it ran, how long it was ready without getting a core, how many turns."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_UNKNOWN: Final = (0.0, 0.0, 0)


def core_use(thread: int | None = None) -> tuple[float, float, int]:
    """Of the thread with this native id, or of the calling one: seconds on a core, seconds of waiting for one, turns.

    Everything 0 where nobody can tell.
    """
    path = "/proc/thread-self/schedstat" if thread is None else f"/proc/self/task/{thread}/schedstat"
    try:
        with open(path, "rb", buffering=0) as file:
            ran, waited, turns = file.read(128).split()[:3]
            return int(ran) * 1e-9, int(waited) * 1e-9, int(turns)
    except (OSError, ValueError):
        return _UNKNOWN


def waited_for_core(thread: int | None = None) -> float:
    """Seconds so far without a core, although it was ready to run: that is others' doing."""
    return core_use(thread)[1]
