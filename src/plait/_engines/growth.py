"""Growth: how many threads a run adds, and why it stops adding them. Pure: no threads, no clocks."""

from __future__ import annotations

_SPARE = 0.4  # of a core must be idle before another thread can be of use


class Growth:
    """Doubles the number of threads while items wait, nobody waits for the GIL and cores are idle.

    `late` is how late the driver's own wake-up was: a driver that wakes late waited for the GIL, so the threads
    there are already use all of it. `busy` is how many cores the threads kept busy since the last look, None where
    nobody can tell.

    >>> growth = Growth(ceiling=32, cores=2, late_limit=0.002)
    >>> growth.add(threads=4, backlog=100, late=0.0, busy=0.1)
    4
    >>> growth.add(threads=1, backlog=100, late=0.005, busy=1.0), growth.reason
    (0, 'the GIL was busy, more threads would only have waited for it')
    """

    __slots__ = ("_cores", "_late_limit", "ceiling", "reason")

    def __init__(self, ceiling: int, cores: int, late_limit: float) -> None:
        self.ceiling = ceiling
        self.reason = ""
        self._cores = cores
        self._late_limit = late_limit

    def add(self, threads: int, backlog: int, late: float, busy: float | None) -> int:
        """How many threads to add now that `backlog` items wait for a free one; `reason` says why there are no more."""
        if threads >= self.ceiling or backlog <= 0:
            return 0
        if late >= self._late_limit:
            self.reason = "the GIL was busy, more threads would only have waited for it"
            return 0
        if busy is not None and busy > self._cores - _SPARE:
            self.reason = f"{self._cores} cores were busy"
            return 0
        self.reason = ""
        return min(max(1, threads), self.ceiling - threads, backlog)


def late_limit(switch_interval: float) -> float:
    """How late a wake-up must be to mean that the GIL is saturated: well below the interval at which it is forced over.

    >>> late_limit(0.005), late_limit(0.0005)
    (0.002, 0.0002)
    """
    return min(0.002, 0.4 * switch_interval)
