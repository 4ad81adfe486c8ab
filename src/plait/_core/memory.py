"""How much memory this process may use: of the machine and of its control groups."""

from __future__ import annotations

import os

from plait._core.cgroup import memory_left, memory_limit


def memory_limit_bytes(root: str = "/") -> int | None:
    """The most memory all processes here can have together: the machine's, or less in a container; None if unknown."""
    known = [limit for limit in (memory_limit(root), _machine(root)[0]) if limit is not None]
    return min(known, default=None)


def available_memory_bytes(root: str = "/") -> int | None:
    """The memory that can be used before swapping or being killed for it, or None where the system does not say."""
    known = [left for left in (memory_left(root), _machine(root)[1]) if left is not None]
    return min(known, default=None)


def parse_meminfo(text: str) -> tuple[int | None, int | None]:
    """Bytes in total and bytes available from ``/proc/meminfo``."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdecimal():
            found[name] = int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return found.get("MemTotal"), found.get("MemAvailable")


def _machine(root: str) -> tuple[int | None, int | None]:
    try:
        with open(os.path.join(root, "proc/meminfo"), encoding="utf-8") as file:
            return parse_meminfo(file.read())
    except OSError:
        if root != "/":
            return None, None
    return _from_windows() if os.name == "nt" else _from_sysconf()


def _from_sysconf() -> tuple[int | None, int | None]:
    """POSIX systems without ``/proc``: macOS tells the total only."""
    names = os.sysconf_names
    page = os.sysconf("SC_PAGE_SIZE") if "SC_PAGE_SIZE" in names else 0
    total = os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in names else 0
    free = os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in names else 0
    return (page * total or None), (page * free or None)


def _from_windows() -> tuple[int | None, int | None]:
    import ctypes  # heavy, and needed on this system only

    class MemoryStatus(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint32), ("load", ctypes.c_uint32)] + [
            (name, ctypes.c_uint64)
            for name in ("total", "available", "p", "page_available", "v", "virtual", "extended")
        ]

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    if not ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]  # Windows
        return None, None
    return int(status.total), int(status.available)
