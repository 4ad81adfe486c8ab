"""One table per question: the peer's figure, ours, the ratio, its target, and whether it was met."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence

from _rounds import Took

HEAD = ("question", "what", "beside", "ours", "ratio", "target", "met")
ROWS = "PLAIT_BENCH_ROWS"  # names the file to which every table adds its rows, for the closing table


class Table:
    """Rows of one question; those with a target say whether it was met.

    A target is met by the medians of all rounds ("yes"), or by the fastest round of each side only ("quiet": the
    machine was busy with something else), or not ("NO").

    >>> ours, floor = Took(), Took()
    >>> ours.seconds, floor.seconds = [0.05, 0.06], [0.04, 0.05]
    >>> table = Table("threads")
    >>> table.add("1M no-ops", "comprehension", floor, ours, at_most=1.3)
    >>> table.rows[0][-3:]
    ('1.22', '<= 1.3', 'yes')
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[tuple[str, ...]] = []

    def add(self, what: str, beside: str, floor: Took, ours: Took, at_most: float | None = None) -> None:
        """Our time divided by the other's; without a target it is printed for information."""
        if self._failed(what, beside, floor, ours):
            return
        ratio, quiet = ours.median / floor.median, ours.best / floor.best
        met = "" if at_most is None else _verdict(ratio <= at_most, quiet <= at_most)
        self._add(what, beside, floor, ours, ratio, "" if at_most is None else f"<= {at_most:.3g}", met)

    def add_share(self, what: str, beside: str, ceiling: Took, ours: Took, at_least: float) -> None:
        """Our speed as a share of the other's."""
        if self._failed(what, beside, ceiling, ours):
            return
        ratio, quiet = ceiling.median / ours.median, ceiling.best / ours.best
        met = _verdict(ratio >= at_least, quiet >= at_least)
        self._add(what, beside, ceiling, ours, ratio, f">= {at_least:.3g}", met)

    def add_fact(self, what: str, whose: str, found: str, target: str = "", *, met: bool | None = None) -> None:
        """Something that was counted or read, not timed."""
        verdict = "" if met is None else _verdict(met, met)
        self.rows.append((what, whose, found, "", target, verdict))

    def show(self) -> None:
        """Print the table, and leave its rows for the closing one."""
        print(f"\n{self.title}: Python {platform.python_version()}, {platform.machine()}, {sys.platform}")
        print_rows([HEAD[1:], *self.rows])
        if path := os.environ.get(ROWS):
            with open(path, "a", encoding="utf-8") as file:
                file.writelines(json.dumps([self.title, *row]) + "\n" for row in self.rows)

    def _failed(self, what: str, beside: str, theirs: Took, ours: Took) -> bool:
        if ours.failure:
            self.rows.append((what, beside, f"plait broke: {ours.failure}", "", "", "NO"))
        elif theirs.failure:
            self.rows.append((what, beside, f"not measured: {theirs.failure}", "", "", ""))
        return bool(ours.failure or theirs.failure)

    def _add(self, what: str, beside: str, theirs: Took, ours: Took, ratio: float, target: str, met: str) -> None:
        beside = f"{beside} {_duration(theirs.median)}"
        self.rows.append((what, beside, _duration(ours.median), f"{ratio:.2f}", target, met))


def constant(seconds: float) -> Took:
    """A limit that is a time, to be compared with."""
    took = Took()
    took.add(seconds)
    return took


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Columns under their heads, the first row."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in (rows[0], tuple("-" * width for width in widths), *rows[1:]):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def spread(values: Sequence[float]) -> str:
    """Median and worst of some seconds, as text."""
    return f"{_duration(statistics.median(values))}, worst {_duration(max(values))}"


def _verdict(met: bool, quiet: bool) -> str:
    return "yes" if met else "quiet" if quiet else "NO"


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
