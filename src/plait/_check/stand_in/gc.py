"""The garbage collector under control: what an execution keeps for its own sake does not keep garbage alive.

Collections come when they like, so what others are called for at each of them is no part of the program.
"""

from __future__ import annotations

import gc
import os
from _thread import get_ident
from collections.abc import Callable
from typing import Literal

from plait._check.stage import STAGE

_real_collect = gc.collect
_ALL = 2  # the oldest generation


def collect(generation: int = _ALL) -> int:
    """As `gc.collect`."""
    execution = STAGE.execution
    if generation != _ALL or execution is None or STAGE.pid != os.getpid() or execution.here() is None:
        return _real_collect(generation)
    return execution.places.collect()


Phase = Literal["start", "stop"]
Callback = Callable[[Phase, dict[str, int]], object]


class Unseen:
    """One of `gc.callbacks` that was there before the program: it looks at real clocks and takes no step.

    It is equal to what it stands for, which may be taken out of the list.
    """

    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback = callback

    def __call__(self, phase: Phase, info: dict[str, int]) -> None:
        execution = STAGE.execution
        if execution is None or get_ident() not in execution.by_ident:
            self.callback(phase, info)
            return
        STAGE.execution = None
        try:
            self.callback(phase, info)
        finally:
            STAGE.execution = execution

    def __eq__(self, other: object) -> bool:
        return self.callback == (other.callback if isinstance(other, Unseen) else other)

    def __hash__(self) -> int:
        return hash(self.callback)
