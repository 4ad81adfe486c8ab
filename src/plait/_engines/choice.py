"""The rule of ``engine="auto"``: from what was measured on the first items to an engine and one sentence. Pure."""

from __future__ import annotations

from typing import NamedTuple

_TINY = 20e-6  # seconds per item
_WAITING = 0.5  # of one core: below this share of busy time the function waits for something
_HOLDS = 0.5  # the share of the time others had to wait for the GIL, from which on the function holds it
_WORTH = 0.1  # seconds of work left that pay for starting processes


class Measured(NamedTuple):
    """What the first calls cost.

    Attributes:
        calls: how many calls ended.
        elapsed: seconds of wall time since the first began.
        busy: seconds in which they had a core, or would have used one had it been free, together.
        gil: the share of the time, from 0 to 1, that a thread which only wanted to wake up had to wait for the GIL.
        left: how many items remain, or None when nobody knows.
        cores: how many cores may be used.
        free_threaded: whether this interpreter runs without a GIL.
    """

    calls: int
    elapsed: float
    busy: float
    gil: float
    left: int | None
    cores: int
    free_threaded: bool = False


class Choice(NamedTuple):
    """The engine for the remaining items, and why."""

    engine: str
    reason: str


def choose(measured: Measured) -> Choice:
    """The engine that suits what was measured, provided that the function does not depend on shared memory.

    >>> choose(Measured(calls=4, elapsed=0.2, busy=0.004, gil=0.0, left=100, cores=2))
    Choice(engine='thread', reason='threads: 98 % of the time it waits')
    >>> choose(Measured(calls=4, elapsed=0.2, busy=0.2, gil=0.9, left=100, cores=2)).engine
    'process'
    """
    share = measured.busy / measured.elapsed if measured.elapsed > 0 else 1.0
    cost = measured.elapsed / max(1, measured.calls)
    if measured.free_threaded:
        return Choice("thread", "threads: this interpreter has no GIL")
    if cost < _TINY:
        return Choice(
            "thread", f"threads: at {in_words(cost)} per item, moving items would cost more than running them"
        )
    if share < _WAITING:
        return Choice("thread", f"threads: {100 * (1 - share):.0f} % of the time it waits")
    if measured.gil < _HOLDS:
        return Choice(
            "thread", f"threads: it lets the GIL go, others wait for it only {100 * measured.gil:.0f} % of the time"
        )
    if measured.cores < 2:
        return Choice("thread", "threads: there is only one core to use")
    if measured.left is not None and measured.left * cost < _WORTH:
        return Choice(
            "thread", f"threads: what is left, about {in_words(measured.left * cost)}, does not pay for processes"
        )
    return Choice("process", f"processes: it holds the GIL {100 * measured.gil:.0f} % of {in_words(cost)} per item")


def in_words(seconds: float) -> str:
    """A duration for people.

    >>> in_words(0.041), in_words(3e-6)
    ('41 ms', '3 µs')
    """
    if seconds >= 1:
        return f"{seconds:.1f} s"
    if seconds >= 0.001:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds * 1_000_000:.0f} µs"
