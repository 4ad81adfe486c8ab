"""What is said of a journal: what it had for a run, what was run again and why, and who else is writing to it."""

from __future__ import annotations

import os

from plait._core.command_of import command_of
from plait._core.file_locks import file_locks, file_of
from plait._core.how_many import how_many
from plait._core.mishaps import warn

_SHOWN = 3


class JournalWords:
    """Counts of one run.

    Attributes:
        changed: what is not as it was in the version of the function that was recorded last.
        outdated: items that were recorded for another version of the function only.
        failed: items that had failed and were run again.
        unstored: items whose outcomes could not be recorded, and why.
        loose: what belongs to the function and counts by its class only.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.changed: list[str] = []
        self.outdated = 0
        self.failed = 0
        self.unstored: list[str] = []
        self.loose: list[str] = []

    def text(self, recalled: int, items: int) -> str:
        """One sentence for the report.

        >>> words = JournalWords("run.sqlite")
        >>> words.outdated, words.changed = 12, ["resize", "global WIDTH"]
        >>> words.text(41_000, 100_000)
        '41,000 of 100,000 items were in run.sqlite; 12 again because the function changed since (resize, global WIDTH)'
        """
        parts = [f"{recalled:,} of {items:,} items were in {self._path}"]
        if self.outdated:
            parts.append(f"{self.outdated:,} again because the function changed since ({_few(self.changed)})")
        if self.failed:
            parts.append(f"{self.failed:,} again because they had failed")
        if self.unstored:
            parts.append(f"{len(self.unstored):,} could not be recorded ({_few(self.unstored)})")
        if self.loose:
            parts.append(f"a change of {_few(self.loose)} would not be noticed")
        return "; ".join(parts)

    def warn(self) -> None:
        """Say aloud what a user does not expect of a journal."""
        if self.unstored:
            warn(
                f": {how_many(len(self.unstored), 'outcome')} could not be recorded in {self._path} and will be "
                f"computed again by a map that resumes: {_few(self.unstored)}. A journal holds what can be pickled."
            )


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The names of the parts that are not the same, those that both have first.

    >>> differences({"f": "1", "global A": "2", "old": "3"}, {"f": "9", "global A": "2", "new": "4"})
    ['f', 'new', 'old']
    """
    changed = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return sorted(changed, key=lambda name: not (name in before and name in after))


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


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
