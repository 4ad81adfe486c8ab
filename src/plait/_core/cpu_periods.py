"""How often CPU quotas have bound: periods of the control groups of this process in which one was used up."""

from __future__ import annotations

from typing import NamedTuple

from plait._core.cgroup import group_folders, read_file


class Periods(NamedTuple):
    """Of one group so far: all periods, those in which the quota was used up, seconds that it stood still for that."""

    all: int
    used_up: int
    seconds: float


def cpu_periods(root: str = "/") -> dict[str, Periods]:
    """Of every group that binds this process and has a CPU quota, by its folder."""
    found = {}
    for version, folder in group_folders("cpu", root):
        counts = parse_counts(read_file(folder, "cpu.stat"))
        if counts.get("nr_periods"):
            stopped = counts.get("throttled_usec", 0) / 1e6 if version == 2 else counts.get("throttled_time", 0) / 1e9
            found[folder] = Periods(counts["nr_periods"], counts.get("nr_throttled", 0), stopped)
    return found


def parse_counts(text: str) -> dict[str, int]:
    r"""The numbers of a file such as ``cpu.stat``.

    >>> parse_counts("nr_periods 40\nnr_throttled 10\n")
    {'nr_periods': 40, 'nr_throttled': 10}
    """
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
