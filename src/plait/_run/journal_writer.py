"""Who writes to a journal while a run waits for its turn, in words."""

from __future__ import annotations

import os

from plait._core.command_of import command_of
from plait._core.file_locks import file_locks, file_of


def writer_of(path: str) -> str:
    """Who has the database locked for writing, as "sqlitebrowser run.sqlite (process 4711)".

    In WAL mode the lock is one of the file of shared memory beside it. "another program" where the system does not
    tell, as on other systems than Linux and for programs outside of the container.
    """
    files = {file_of(path), file_of(f"{path}-shm")} - {""}
    pids = dict.fromkeys(lock.pid for lock in file_locks() if lock.alone and lock.file in files and lock.pid > 0)
    return " and ".join(_named(pid) for pid in pids) or "another program"


def _named(pid: int) -> str:
    if pid == os.getpid():
        return "another connection of this program"
    return f"{' '.join(command_of(pid).split()) or 'a program'} (process {pid})"
