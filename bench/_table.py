"""What every benchmark here shares: interleaved rounds, medians, and one table that says whether a target is met.

The contenders of one question take turns, so that a machine which slows down slows all of them; the first round warms
up and is dropped. Ratios inside one table can be compared, seconds of different runs cannot.
"""

from __future__ import annotations

import gc
import platform
import statistics
import sys
import time
from collections.abc import Callable


def medians(contenders: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Median wall seconds of each contender, over `rounds` interleaved rounds after one that is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            gc.collect()
            began = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


class Table:
    """Rows of ``what | floor/peer | ours | ratio | target | met``.

    >>> table = Table("threads")
    >>> table.add("1M no-ops", "comprehension", 0.040, 0.048, target=1.3)
    >>> table.met
    True
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[tuple[str, str, str, str, str, str]] = []
        self.met = True

    def add(self, what: str, peer: str, floor: float, ours: float, target: float | None = None) -> None:
        """One comparison in seconds; without a target it is printed for information."""
        ratio = ours / floor
        met = target is None or ratio <= target
        self.met = self.met and met
        limit, verdict = ("", "") if target is None else (f"<= {target:g}", "yes" if met else "NO")
        self.rows.append((what, f"{peer} {_duration(floor)}", _duration(ours), f"{ratio:.2f}", limit, verdict))

    def show(self) -> None:
        """Print the table."""
        head = ("what", "floor/peer", "ours", "ratio", "target", "met")
        widths = [max(len(row[column]) for row in [head, *self.rows]) for column in range(len(head))]
        print(f"\n{self.title}: Python {platform.python_version()}, {platform.machine()}, {sys.platform}")
        for row in [head, tuple("-" * width for width in widths), *self.rows]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
