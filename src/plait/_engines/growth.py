"""Growth: how many threads a run adds, and why it stops adding them. Pure: no threads, no clocks."""

from __future__ import annotations

_WAITING = 0.25  # threads that use less of a core than this mostly wait
_SPARE = 0.4  # of a core must be idle before another thread can be of use


class Growth:
    """Adds threads while items wait, nobody waits for the GIL and cores are idle.

    It doubles them, or makes four out of one when they mostly wait. `late` is how late the driver's own wake-up was: a
    driver that wakes late waited for the GIL, so the threads there are already use all of it. `busy` is how many cores
    the threads kept busy since the last look, None where nobody can tell. `stuck` means that every thread runs an item
    that takes far longer than usual.

    >>> growth = Growth(ceiling=32, cores=2, late_limit=0.002)
    >>> growth.add(threads=4, backlog=100, late=0.0, busy=0.1)
    12
    >>> growth.add(threads=1, backlog=100, late=0.005, busy=1.0), growth.reason
    (0, 'the GIL was busy, more threads would only have waited for it')
    """

    __slots__ = ("_cores", "_late_limit", "ceiling", "reason")

    def __init__(self, ceiling: int, cores: int, late_limit: float) -> None:
        self.ceiling = ceiling
        self.reason = ""
        self._cores = cores
        self._late_limit = late_limit

    def add(self, threads: int, backlog: int, late: float, busy: float | None, *, stuck: bool = False) -> int:
        """How many threads to add now that `backlog` items wait for a free one; `reason` says why there are no more.

        A negative number says how many are too many.
        """
        if threads >= self.ceiling or backlog <= 0:
            return 0
        if stuck:  # what keeps the GIL or the cores busy may never end, and the others have not had a turn
            return 1
        if late >= self._late_limit:
            self.reason = "the GIL was busy, more threads would only have waited for it"
            return 0
        if busy is not None and busy > self._cores - _SPARE:
            self.reason = f"{self._cores} cores were busy"
            return 0
        self.reason = ""
        factor = 3 if busy is not None and busy < _WAITING * threads else 1
        return min(max(1, threads * factor), self.ceiling - threads, backlog)


def late_limit(switch_interval: float) -> float:
    """How late a wake-up must be to mean that the GIL is saturated: well below the interval at which it is forced over.

    >>> late_limit(0.005), late_limit(0.0005)
    (0.002, 0.0002)
    """
    return min(0.002, 0.4 * switch_interval)
