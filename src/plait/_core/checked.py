"""What plait does otherwise in a check, where time is virtual and what may happen counts, not what is likely.

Engines begin as many items at the same time as may be: else quick items run on one thread, and a long one gets others
beside it, but in virtual time all are quick, and hardly two would ever meet. And nobody looks again after some seconds,
or reminds: time would go on for ever where a program hangs, and nobody would see that it does.
"""

from __future__ import annotations

WORKERS: int | None = None  # in a check: that a run of a map begins with, each with one item at first
_LONE_ITEMS = 64  # of a run are begun one by one then


def begins_with(most: int) -> int | None:
    """How many of so many workers a run begins with in a check; None outside of one: as many as help."""
    return None if WORKERS is None else min(WORKERS, most)


def keeps_apart(done: int) -> bool:
    """Whether a run of which so many items are done gives its workers one item at a time, whatever they cost."""
    return WORKERS is not None and done < _LONE_ITEMS


def patience(seconds: float) -> float | None:
    """For how long to wait before somebody looks again: so many seconds, or None in a check."""
    return seconds if WORKERS is None else None
