"""What an engine should do with a number of workers, going by what one call is like, on a machine of its own. Pure."""

from __future__ import annotations

from plait._see.advise.profile import Profile
from plait._see.queueing import cycle_seconds

_DOUBT, _MOST = 1.5, 0.9  # how much a measurement loses with each share that others had of the cores, and at most
_SENT = 0.5e-6  # seconds to send one item of a batch, and to get its result
REMOTE = ("interpreter", "process")  # their workers have memory of their own


def forecast(engine: str, workers: int, profile: Profile, cores: int) -> float:
    """Items per second.

    >>> computes = Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=1.0)
    >>> [round(forecast(engine, 4, computes, cores=2)) for engine in ("inline", "thread", "process")]
    [100, 100, 200]
    >>> waits = Profile(calls=30, seconds=0.01, busy_seconds=0.0001, cores=0.1, gil=0.0)
    >>> [round(forecast(engine, 4, waits, cores=2)) for engine in ("inline", "thread", "process")]
    [100, 400, 400]
    >>> runs = Profile(calls=30, seconds=0.01, busy_seconds=0.001, cores=0.1, gil=0.0, children_seconds=0.009)
    >>> [round(forecast(engine, 4, runs, cores=2)) for engine in ("inline", "thread", "process")]
    [100, 200, 200]
    """
    if engine == "inline":
        return 1 / profile.seconds
    moved = profile.transfer_seconds + _SENT if engine in REMOTE else 0.0
    busy = min(profile.busy_seconds, profile.seconds) + profile.children_seconds + moved
    side_by_side = workers if profile.waits else min(workers, cores)
    held = 0.0 if engine in REMOTE else profile.gil * profile.seconds
    alone = profile.seconds + moved
    return min(side_by_side / cycle_seconds(side_by_side, held, alone - held), cores / max(busy, 1e-9))


def wants_core(profile: Profile, per_second: float) -> float:
    """The share of the time, from 0 to 1, in which so many calls a second want a core that others may have.

    Who waits for something else is not slowed down by them, so that what was measured of it stands: a lock that all
    calls need shows nowhere else.

    >>> wants_core(Profile(calls=30, seconds=0.01, busy_seconds=0.01, cores=1.0, gil=1.0), 4.0)
    1.0
    >>> wants_core(Profile(calls=30, seconds=0.1, busy_seconds=0.001, cores=0.1, gil=0.0, hindered=0.5), 100.0)
    0.2
    """
    if not profile.waits:
        return 1.0
    busy = profile.busy_seconds + profile.children_seconds
    lacked = busy * profile.hindered / max(1e-9, 1 - profile.hindered)
    return float(min(1.0, per_second * (busy + lacked)))


def weighed(measured: float, expected: float, hindered: float) -> float:
    """What to believe: what was measured on a machine of its own, and the less of it the more others had the cores.

    >>> weighed(100.0, 400.0, hindered=0.0), weighed(100.0, 400.0, hindered=1 / 3), weighed(0.0, 400.0, hindered=0.5)
    (100.0, 200.0, 0.0)
    """
    share = min(_MOST, _DOUBT * hindered)
    return float(measured ** (1 - share) * expected**share) if measured else 0.0
