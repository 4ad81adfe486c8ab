"""``plait.Journal``: says where the outcomes of a map are recorded, and what a resumed map does with failures."""

from __future__ import annotations

import os
from _collections_abc import Callable
from dataclasses import dataclass
from typing import Any

from plait._core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Journal:
    """A file that keeps the outcomes of maps, so that a map that is run again skips what is done.

    Pass it, or just the path, as ``journal=`` to `plait.map`. Outcomes are found again by the content of the function
    and of the item, wherever in the input that stands; see the page on resuming for what that means.

    Attributes:
        path: the file, a SQLite database; made when it does not exist.
        retry_failed: whether items that failed are run again by a map that resumes. If not, their recorded errors are
            delivered.

    Raises:
        UsageError: the path is no path.

    >>> Journal("run.sqlite", retry_failed=False)
    Journal(path='run.sqlite', retry_failed=False)
    """

    path: str | os.PathLike[str]
    retry_failed: bool = True

    def __post_init__(self) -> None:
        try:
            path = os.fspath(self.path)
        except TypeError:
            path = ""
        if not isinstance(path, str) or not path or path == ":memory:" or "\0" in path:
            raise UsageError(f"journal={self.path!r}: expected the path of a file, or a plait.Journal")


def as_journal(journal: object) -> Journal:
    """What ``journal=`` means.

    Raises:
        UsageError: nothing.
    """
    return journal if isinstance(journal, Journal) else Journal(journal)  # type: ignore[arg-type]  # it looks for itself


def count_recorded(journal: Journal, function: Callable[..., Any]) -> int:
    """How many outcomes the journal has for this function; 0 when there is no such file.

    Raises:
        JournalError: it cannot be read.
    """
    path = os.fspath(journal.path)
    if not os.path.exists(path) or not os.path.getsize(path):
        return 0
    from plait._run.recording.function_key import function_key  # with `dis` and `sqlite3`: not for all
    from plait._run.recording.journal_file import JournalFile

    file = JournalFile(path)
    try:
        return file.count(function_key(function).digest)
    finally:
        file.close()
