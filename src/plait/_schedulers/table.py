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


def make_scheduler(name: str) -> Scheduler:
    """A new scheduler of this strategy.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in SCHEDULERS:
        raise UsageError(f"scheduler={name!r} is not known; expected one of {', '.join(map(repr, SCHEDULERS))}")
    return SCHEDULERS[name]()
