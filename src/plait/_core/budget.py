"""How many workers this process may use, and why: affinity, container quota, memory, and what an outer map left."""

from __future__ import annotations

import os


class Cores:
    """A number of cores and the reason for it."""

    __slots__ = ("count", "reason")

    def __init__(self, count: int, reason: str) -> None:
        self.count = count
        self.reason = reason


def available_cores() -> Cores:
    """The cores this process may use now."""
    return Cores(len(os.sched_getaffinity(0)), "cores this process may run on")


def worker_environment(share: int) -> dict[str, str]:
    """What worker processes find in their environment so that nested maps and BLAS share the cores."""
    return {"PLAIT_CORES": str(share)}
