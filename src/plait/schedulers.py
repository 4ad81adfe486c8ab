"""The schedulers that `plait.check` searches with, and what a new one must implement."""

from plait._core.event import Event, Kind, Site, conflict
from plait._schedulers.bounded import BoundedScheduler
from plait._schedulers.interface import Scheduler, ThreadState
from plait._schedulers.pct import PctScheduler
from plait._schedulers.pos import PosScheduler
from plait._schedulers.random_walk import RandomWalkScheduler
from plait._schedulers.replay import ReplayScheduler
from plait._schedulers.rotation import RotationScheduler
from plait._schedulers.surw import SurwScheduler
from plait._schedulers.table import make_scheduler

__all__ = [
    "BoundedScheduler",
    "Event",
    "Kind",
    "PctScheduler",
    "PosScheduler",
    "RandomWalkScheduler",
    "ReplayScheduler",
    "RotationScheduler",
    "Scheduler",
    "Site",
    "SurwScheduler",
    "ThreadState",
    "conflict",
    "make_scheduler",
]
