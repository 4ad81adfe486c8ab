"""What the limits of this process's control groups have done so far: how often they stopped it, whom they killed."""

from __future__ import annotations

import os
from typing import Any

from plait._core.cgroup import group_folders, memory_limit

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


def parse_counts(text: str) -> dict[str, int]:
    r"""The numbers of a file such as ``cpu.stat``.

    >>> parse_counts("nr_periods 40\nnr_throttled 10\n")
    {'nr_periods': 40, 'nr_throttled': 10}
    """
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _throttled(root: str) -> tuple[float | None, float | None]:
    worst: tuple[float, float] | None = None
    for version, folder in group_folders("cpu", root):
        counts = parse_counts(_read(folder, "cpu.stat"))
        if not counts.get("nr_periods"):
            continue
        stopped = counts.get("throttled_usec", 0) / 1e6 if version == 2 else counts.get("throttled_time", 0) / 1e9
        share = counts.get("nr_throttled", 0) / counts["nr_periods"], stopped
        worst = share if worst is None else max(worst, share)
    return worst or (None, None)


def _killed(root: str) -> int | None:
    known = []
    for version, folder in group_folders("memory", root):
        name = "memory.events" if version == 2 else "memory.oom_control"
        counts = parse_counts(_read(folder, name))
        if "oom_kill" in counts:
            known.append(counts["oom_kill"])
    return known[0] if known else None  # of our own group; those further up are about others


def _read(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
