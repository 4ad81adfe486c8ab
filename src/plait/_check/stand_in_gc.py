"""The garbage collector under control: what an execution keeps for its own sake does not keep garbage alive."""

from __future__ import annotations

import gc
import os

from plait._check.stage import STAGE

_real_collect = gc.collect
_ALL = 2  # the oldest generation


def collect(generation: int = _ALL) -> int:
    """As `gc.collect`."""
    execution = STAGE.execution
    if generation != _ALL or execution is None or STAGE.pid != os.getpid() or execution.here() is None:
        return _real_collect(generation)
    return execution.places.collect()
