"""What a trace says of threads and processes that were started with nothing to run: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from plait._core.how_many import how_many
from plait._core.trace import Finding, Trace


def tell_starts(trace: Trace, threads: Iterable[str], processes: Iterable[str]) -> list[Finding]:
    """A sentence for each kind, from the lines at which they were started."""
    found = []
    for one, several, lines in (("thread", "threads", threads), ("process", "processes", processes)):
        where, times = max(Counter(lines).items(), key=lambda item: item[1], default=("", 0))
        if not times:
            continue
        text = f"{how_many(times, one, several)} started at {where} had nothing to run, as target is None: "
        text += f"`target=f(x)` calls f at once, where it is written, and gives the {one} what f returns. `target=f, "
        found.append((trace.seconds, f"{text}args=(x,)` lets the {one} call it"))
    return found
