"""What the control groups of this process allow: CPU quota and memory, versions 1 and 2, from its own up to the root.

A limit of any group on the way up binds, and which folders those are depends on how the hierarchy is mounted:

    /proc/self/cgroup      own path in each hierarchy, as this namespace sees it   4:memory:/docker/3f2a/job
    /proc/self/mountinfo   which group is mounted where                            /docker/3f2a on /sys/fs/cgroup/memory
    folders looked at      the own path below the mounted group, and every parent  .../memory/job, .../memory

In a container the limited group is often itself the mounted root, and the own path may lead out of it (``/../x``) or be
the host's; then what is mounted is all there is to see. Everything that is missing or unreadable sets no limit.
"""

from __future__ import annotations

import os
import time

_NO_LIMIT = 1 << 60  # version 1 writes "no limit" as the largest multiple of the page size
_FRESH = 1.0  # seconds in which the groups are taken to be where they were found: to find them takes longer than to ask

_found: dict[str, tuple[float, list[tuple[int, str]]]] = {}  # of this machine, by controller, and when


class Mount:
    """A mounted hierarchy: its version, its controllers (version 1), the group that is its root, and where it is."""

    __slots__ = ("controllers", "group", "point", "version")

    def __init__(self, version: int, controllers: frozenset[str], group: str, point: str) -> None:
        self.version = version
        self.controllers = controllers
        self.group = group
        self.point = point


def cpu_quota(root: str = "/") -> float | None:
    """The CPU time per second that the tightest group allows, in cores, or None without a limit."""
    limits = []
    for version, folder in group_folders("cpu", root):
        if version == 2:
            quota = parse_cpu_max(read_file(folder, "cpu.max"))
        else:
            quota = parse_cfs(read_file(folder, "cpu.cfs_quota_us"), read_file(folder, "cpu.cfs_period_us"))
        if quota is not None:
            limits.append(quota)
    return min(limits, default=None)


def memory_limit(root: str = "/") -> int | None:
    """The bytes that the tightest group allows, or None without a limit."""
    limits = [_limit(version, folder) for version, folder in group_folders("memory", root)]
    return min((limit for limit in limits if limit is not None), default=None)


def memory_left(root: str = "/") -> int | None:
    """The bytes that may still be used before the first group reaches its limit, or None without a limit.

    File pages that the kernel would drop first (``inactive_file``) do not count as used.
    """
    left = []
    for version, folder in group_folders("memory", root):
        limit = _limit(version, folder)
        used = parse_bytes(read_file(folder, "memory.current" if version == 2 else "memory.usage_in_bytes"))
        if limit is None or used is None:
            continue
        droppable = parse_inactive_file(read_file(folder, "memory.stat"), version)
        left.append(max(0, limit - max(0, used - droppable)))
    return min(left, default=None)


def group_folders(controller: str, root: str = "/") -> list[tuple[int, str]]:
    """The version and folder of every group that binds this process for a controller, its own first."""
    if root != "/":
        return _find_folders(controller, root)
    now = time.monotonic()
    when, folders = _found.get(controller, (-_FRESH, []))
    if now - when >= _FRESH:
        folders = _find_folders(controller, root)
        _found[controller] = now, folders
    return folders


def _find_folders(controller: str, root: str) -> list[tuple[int, str]]:
    groups = parse_groups(read_file(root, "proc/self/cgroup"))
    found: list[tuple[int, str]] = []
    for mount in parse_mounts(read_file(root, "proc/self/mountinfo")):
        if mount.version == 1 and controller not in mount.controllers:
            continue
        own = groups.get(controller if mount.version == 1 else "", "/")
        point = os.path.join(root, mount.point.lstrip("/"))
        found += [(mount.version, folder) for folder in _upwards(point, below(mount.group, own))]
    return found


def below(group: str, own: str) -> list[str]:
    """The steps from the mounted group down to the own one; none when the own one is not visible below it.

    >>> below("/docker/3f2a", "/docker/3f2a/job")
    ['job']
    >>> below("/", "/../sibling")
    []
    """
    outer = [step for step in group.split("/") if step]
    inner = [step for step in own.split("/") if step]
    if ".." in inner or inner[: len(outer)] != outer:
        return []
    return inner[len(outer) :]


def parse_groups(text: str) -> dict[str, str]:
    """The own path by controller, and under ``""`` that of version 2, from ``/proc/self/cgroup``."""
    groups: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                groups[controller] = parts[2]
    return groups


def parse_mounts(text: str) -> list[Mount]:
    """The mounted hierarchies of both versions, from ``/proc/self/mountinfo``."""
    mounts = []
    for line in text.splitlines():
        fixed, separator, rest = line.partition(" - ")
        fields, after = fixed.split(), rest.split()
        if not separator or len(fields) < 5 or len(after) < 3 or after[0] not in ("cgroup", "cgroup2"):
            continue
        version = 2 if after[0] == "cgroup2" else 1
        mounts.append(Mount(version, frozenset(after[2].split(",")), _unescape(fields[3]), _unescape(fields[4])))
    return mounts


def parse_cpu_max(text: str) -> float | None:
    """Cores from version 2's ``cpu.max``, such as ``150000 100000`` or ``max 100000``."""
    quota, _, period = text.strip().partition(" ")
    return parse_cfs(quota, period or "100000")


def parse_cfs(quota: str, period: str) -> float | None:
    """Cores from a quota and a period in microseconds; None for ``-1``, ``max`` and anything that is no number."""
    try:
        allowed, length = int(quota), int(period)
    except ValueError:
        return None
    return allowed / length if allowed > 0 and length > 0 else None


def parse_bytes(text: str) -> int | None:
    """A number of bytes, or None for ``max``, for version 1's way to say "no limit", and for no number."""
    stripped = text.strip()
    if not stripped.isdecimal():
        return None
    count = int(stripped)
    return count if count < _NO_LIMIT else None


def parse_inactive_file(text: str, version: int) -> int:
    """Bytes of cached file pages that are dropped first, of the group and those below it, from ``memory.stat``."""
    wanted = "inactive_file" if version == 2 else "total_inactive_file"
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == wanted:
            return parse_bytes(value) or 0
    return 0


def _limit(version: int, folder: str) -> int | None:
    names = ("memory.max", "memory.high") if version == 2 else ("memory.limit_in_bytes",)
    limits = [limit for name in names if (limit := parse_bytes(read_file(folder, name))) is not None]
    return min(limits, default=None)


def _upwards(point: str, steps: list[str]) -> list[str]:
    return [os.path.join(point, *steps[:depth]) for depth in range(len(steps), -1, -1)]


def _unescape(field: str) -> str:
    r"""The kernel writes blanks in mountinfo as ``\040``."""
    first, *others = field.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in others)


def read_file(folder: str, name: str) -> str:
    """The file's text, or nothing: no such file, no right to read it and no such controller all mean "no limit"."""
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
