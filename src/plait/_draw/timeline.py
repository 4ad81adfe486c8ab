"""What is drawn: lanes, one for each thread, and rows, one for each line of source that one of them runs, in order."""

from __future__ import annotations

import os.path
from typing import NamedTuple


class Row(NamedTuple):
    """One thread runs one line.

    Attributes:
        lane: whose; an index into the lanes, or -1 for a row across all of them.
        file, line: where it stands; 0 when it is not known.
        source: its text.
        does: what happens there, in words; it stands under the text.
        held: names of the locks that the thread holds meanwhile.
    """

    lane: int
    file: str
    line: int
    source: str
    does: str
    held: tuple[str, ...] = ()


class Timeline(NamedTuple):
    """Names of the lanes, and the rows from first to last."""

    lanes: tuple[str, ...]
    rows: tuple[Row, ...]


def short_name(file: str) -> str:
    """The name of a file for people; of a package, the package with it.

    >>> short_name("/lib/cachetools/__init__.py")
    'cachetools/__init__.py'
    """
    folder, name = os.path.split(file)
    return f"{os.path.basename(folder)}/{name}" if name in ("__init__.py", "__main__.py") else name


def files_of(timeline: Timeline) -> tuple[str, ...]:
    """The files that rows are in, each once, in order."""
    return tuple(dict.fromkeys(row.file for row in timeline.rows if row.file))
