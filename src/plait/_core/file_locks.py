"""Which processes have locked a file, as Linux tells; elsewhere, and for processes that are not seen, nobody."""

from __future__ import annotations

import os
from typing import NamedTuple


class FileLock(NamedTuple):
    """One lock that a process has, of a part of a file or of all of it.

    Attributes:
        pid: of the process; not above 0 where it is not seen from here, as outside of a container.
        file: device and inode, as `file_of` gives them.
        alone: nobody else may have a lock of the same part; else others may read it.
    """

    pid: int
    file: str
    alone: bool


def file_locks() -> list[FileLock]:
    """The locks that processes have at this moment, not those that they wait for."""
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as file:
            return parsed(file.read())
    except OSError:
        return []


def parsed(text: str) -> list[FileLock]:
    """What ``/proc/locks`` says.

    >>> parsed("1: POSIX  ADVISORY  WRITE 77 fe:00:33 120 120" + chr(10) + "1: -> POSIX ADVISORY READ 9 fe:00:33 0 EOF")
    [FileLock(pid=77, file='fe:00:33', alone=True)]
    """
    rows = [row.split() for row in text.splitlines() if "->" not in row]
    return [FileLock(int(row[4]), row[5], row[3] == "WRITE") for row in rows if len(row) > 5]


def file_of(path: str) -> str:
    """How a file is called among locks; "" where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
