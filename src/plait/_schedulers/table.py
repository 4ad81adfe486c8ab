"""The strategies by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from plait._core.errors import UsageError
from plait._schedulers.bounded import BoundedScheduler
from plait._schedulers.pct import PctScheduler
from plait._schedulers.pos import PosScheduler
from plait._schedulers.random_walk import RandomWalkScheduler
from plait._schedulers.rotation import RotationScheduler
from plait._schedulers.surw import SurwScheduler

if TYPE_CHECKING:
    from plait._schedulers.interface import Scheduler

SCHEDULERS: Final[dict[str, Callable[[], Scheduler]]] = {
    "rotation": RotationScheduler,
    "random": RandomWalkScheduler,
    "pos": PosScheduler,
    "surw": SurwScheduler,
    "pct": PctScheduler,
    "bounded": BoundedScheduler,
}


def make_scheduler(choice: str | Scheduler) -> Scheduler:
    """A new scheduler of the strategy with this name, or the scheduler that is given.

    Raises:
        UsageError: there is none of that name, or it is no scheduler.

    >>> make_scheduler("pct").begin(seed=1)
    True
    """
    if not isinstance(choice, str):
        if not callable(getattr(choice, "choose", None)):
            raise UsageError(
                f"scheduler={choice!r}: expected a name, or an object with the methods begin, choose and end"
            )
        return choice
    if choice not in SCHEDULERS:
        raise UsageError(f"scheduler={choice!r} is not known; expected one of {', '.join(map(repr, SCHEDULERS))}")
    return SCHEDULERS[choice]()
