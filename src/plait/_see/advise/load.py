"""What other programs took from a trial: how long it would have lasted if the cores had been free. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Times = Mapping[int, tuple[float, float]]  # of threads, by native id: seconds on a core, and ready for one


class Taken(NamedTuple):
    """What the threads of one trial had of the cores.

    Attributes:
        ran: seconds on a core, all together.
        ready: seconds ready for one that was not free, all together.
        waited: seconds that a worker was ready for a core that was not free, on average.
        driver_waited: the same of the thread that drives them.
    """

    ran: float
    waited: float
    driver_waited: float
    ready: float = 0.0

    @property
    def hindered(self) -> float:
        """Of the time that threads were ready for a core, the share, from 0 to 1, in which others had it."""
        return self.ready / (self.ran + self.ready) if self.ready else 0.0


def between(before: Times, after: Times, driver: int) -> Taken:
    """What threads had of the cores in the meantime; the driver is a worker when nobody else did anything.

    >>> between({1: (1.0, 0.5)}, {1: (1.1, 0.5), 2: (0.3, 0.2), 3: (0.3, 0.4)}, driver=1).waited
    0.3
    """
    spent = {
        thread: (ran - before.get(thread, (0.0, 0.0))[0], waited - before.get(thread, (0.0, 0.0))[1])
        for thread, (ran, waited) in after.items()
    }
    ready = sum(waited for _, waited in spent.values())
    own = spent.pop(driver, (0.0, 0.0))
    ran = own[0] + sum(times[0] for times in spent.values())
    most = max((times[0] for times in spent.values()), default=0.0)
    workers = [times for times in spent.values() if times[0] > max(own[0], most) / 10]  # others look after something
    if not workers:
        return Taken(ran, own[1], 0.0, ready)
    return Taken(ran, round(sum(times[1] for times in workers) / len(workers), 9), own[1], ready)


def unhindered(seconds: float, found: Taken, cores: int, least: float) -> float:
    """How long it would have lasted: without the waits of its workers, yet no less than what they did took.

    Workers that have more to do than there are cores wait for one another, which is nobody else's doing; and what one
    is kept from need not keep another. So it is never less than the time they had on all cores, nor than `least`, what
    the work takes when workers do not hinder each other at all.

    >>> unhindered(3.0, Taken(ran=2.0, waited=2.0, driver_waited=0.0), cores=2, least=1.0)
    1.0
    >>> unhindered(2.0, Taken(ran=4.0, waited=1.0, driver_waited=0.0), cores=2, least=1.0)
    2.0
    """
    return min(seconds, max(seconds - found.waited - found.driver_waited, found.ran / cores, least))
