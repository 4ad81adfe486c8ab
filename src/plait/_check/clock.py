"""Virtual time: what stands in for `time.sleep` and the clocks of `time`.

Time passes when everybody waits: it jumps to the next moment that somebody waits for. Looking at a clock takes a
microsecond, and more when a thread looks again and again, so that loops that wait by the clock come to their end.
"""

from __future__ import annotations

import time
from asyncio import events
from collections.abc import Callable
from typing import TYPE_CHECKING

from plait._check.controlled import Gate
from plait._check.remarks import blocked
from plait._check.stage import STAGE
from plait._core.event import Event, Kind

if TYPE_CHECKING:
    from plait._check.execution import Execution

_LOOK = 1e-6  # seconds that a look at a clock takes
_IMPATIENT = 256  # looks after which each takes twice as long, until somebody sleeps

real_sleep = time.sleep


def sleep(seconds: float, /) -> None:
    """As `time.sleep`, in virtual time."""
    execution = STAGE.execution
    me = None if execution is None else execution.here()
    if execution is None or me is None:
        real_sleep(seconds)
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    pause(execution, seconds)


def pause(execution: Execution, seconds: float) -> None:
    """The running thread of control waits for so many seconds of virtual time; 0 lets others go first."""
    me = execution.running
    site = execution.sites.here(1)
    if seconds <= 0:
        execution.step(Kind.SLEEP, -1, "", site)
        return
    execution.clock_reads = 0
    if events._get_running_loop() is not None:
        blocked(execution, me, "time.sleep", site, float(seconds))
    execution.wait(me, Gate(), Event(me.number, Kind.SLEEP, -1, "", site), float(seconds))
    execution.note(me, Kind.SLEEP, -1, "", site)


def clocks(start: float) -> dict[str, Callable[[], float] | Callable[[], int]]:
    """What stands in for the clocks of `time`, by name; `start` is what ``time.time()`` says at the beginning."""
    found: dict[str, Callable[[], float] | Callable[[], int]] = {}
    for name, begins in (("monotonic", 1000.0), ("perf_counter", 1000.0), ("time", start)):
        found[name] = _clock(getattr(time, name), begins)
        found[f"{name}_ns"] = _clock_ns(getattr(time, f"{name}_ns"), begins)
    return found


def _clock(real: Callable[[], float], begins: float) -> Callable[[], float]:
    def clock() -> float:
        execution = STAGE.execution
        if execution is None or execution.here() is None:
            return real()
        return begins + _look(execution)

    clock.__name__ = clock.__qualname__ = real.__name__
    return clock


def _clock_ns(real: Callable[[], int], begins: float) -> Callable[[], int]:
    def clock() -> int:
        execution = STAGE.execution
        if execution is None or execution.here() is None:
            return real()
        return int((begins + _look(execution)) * 1e9)

    clock.__name__ = clock.__qualname__ = real.__name__
    return clock


def _look(execution: Execution) -> float:
    execution.clock_reads += 1
    execution.now += _LOOK * 2.0 ** min(execution.clock_reads // _IMPATIENT, 40)
    return execution.now
