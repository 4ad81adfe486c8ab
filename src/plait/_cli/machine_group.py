"""What the limits of this process's control groups have done so far: how often they stopped it, whom they killed."""

from __future__ import annotations

from typing import Any

from plait._core.cgroup import group_folders, memory_limit, read_file
from plait._core.cpu_periods import cpu_periods, parse_counts

Facts = dict[str, Any]


def examine_group(root: str = "/") -> Facts:
    """The limit of memory that groups set, processes killed for it, and how the CPU quota has bound; None for unknown.

    ``throttled`` is the share of periods in which the quota was used up, in the group where it was most often.
    """
    throttled, seconds = _throttled(root)
    return {
        "memory": memory_limit(root),
        "killed": _killed(root),
        "throttled": throttled,
        "throttled_seconds": seconds,
    }


def _throttled(root: str) -> tuple[float | None, float | None]:
    found = [(one.used_up / one.all, one.seconds) for one in cpu_periods(root).values()]
    return max(found, default=(None, None))


def _killed(root: str) -> int | None:
    known = []
    for version, folder in group_folders("memory", root):
        name = "memory.events" if version == 2 else "memory.oom_control"
        counts = parse_counts(read_file(folder, name))
        if "oom_kill" in counts:
            known.append(counts["oom_kill"])
    return known[0] if known else None  # of our own group; those further up are about others
