"""How long workers take that queue for something only some of them can have: a core, the GIL. Pure."""

from __future__ import annotations

import math


def cycle_seconds(workers: int, served: float, elsewhere: float) -> float:
    """Seconds for a turn of each worker: `served` of it, at least, at the one place they queue for, the rest elsewhere.

    The mean value analysis of a closed queue: who arrives finds what one worker less would leave there (Reiser and
    Lavenberg, 1980). Served by several, the place is one that takes as many times less (Seidmann, Schweitzer and
    Shalev-Oren, 1987).

    >>> cycle_seconds(1, served=1.0, elsewhere=1.0), cycle_seconds(2, served=1.0, elsewhere=1.0)
    (2.0, 2.5)
    """
    queued, cycle = 0.0, served + elsewhere
    for present in range(1, workers + 1):
        turn = served * (1 + queued)
        cycle = elsewhere + turn
        queued = present * turn / cycle
    return cycle


def in_rounds(seconds: float, calls: int, at_once: int) -> float:
    """How long so many calls take, which took so long one after the other, when some go on at once: in whole rounds.

    >>> in_rounds(2.0, 10, 8), in_rounds(2.0, 4, 8)
    (0.4, 0.5)
    """
    return seconds * math.ceil(calls / at_once) / calls
