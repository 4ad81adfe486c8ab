"""Virtual time: what stands in for `time.sleep` and the clocks of `time`.

Time passes when everybody waits: it jumps to the next moment that somebody waits for. In some executions a short wait
ends before that, as if the others were held up. Looking at a clock takes a microsecond, and more when a thread looks
again and again, so that loops that wait by the clock come to their end.
"""

from __future__ import annotations

import time
from asyncio import events
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from plait._check.controlled import Controlled, Gate
from plait._check.process_wide import SETTINGS
from plait._check.remarks import blocked
from plait._check.stage import STAGE
from plait._core.event import Event, Kind

if TYPE_CHECKING:
    from plait._check.execution import Execution

_LOOK = 1e-6  # seconds that a look at a clock takes
_SHORT = 0.25  # seconds of a sleep during which all others may be held up, on a busy machine
_ANY = float("inf")
_RECENT = 64  # events among which the last ones of a thread are looked for
_JUST = 3  # of them
_IMPATIENT = 256  # looks after which each takes twice as long, until somebody sleeps
EARLY = "early"  # the name of a sleep that ended before others did what they could have done
HURRIED = "hurried"  # the name of one in an execution in which all sleeps are over at once

Number = TypeVar("Number", int, float)

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
    pending = Event(me.number, Kind.SLEEP, -1, EARLY, site)
    if ends_early(execution, me, float(seconds), pending, longest=_ANY if _drawn(execution, me) else _SHORT):
        execution.step(Kind.SLEEP, -1, HURRIED if execution.hurried else EARLY, site)
        return
    execution.wait(me, Gate(), Event(me.number, Kind.SLEEP, -1, "", site), float(seconds))
    execution.note(me, Kind.SLEEP, -1, "", site)


def _drawn(execution: Execution, me: Controlled) -> bool:
    """Whether the thread has just drawn a random number: it may sleep for any time then, and does for the same one."""
    number = execution.places.numbers.get(id(SETTINGS["random"]))
    if number is None:
        return False
    mine = [event for event in execution.events[-_RECENT:] if event.thread == me.number]
    return any(event.place == number for event in mine[-_JUST:])


def ends_early(
    execution: Execution, me: Controlled, seconds: float, pending: Event, *, longest: float = _SHORT
) -> bool:
    """Whether a short wait is over before the others, who could go on, have done anything: they are held up.

    Time goes on by that. So it never ends before the time of somebody else who waits for an earlier moment.
    """
    moment = execution.now + seconds
    if execution.hurried and len(execution.ready) > 1:
        execution.now = moment
        return True
    if seconds > longest or len(execution.ready) < 2:
        return False
    if any(other.deadline is not None and other.deadline < moment for other in execution.threads):
        return False
    me.pending = pending
    if not execution.hasty(me):
        return False
    execution.switches.append((me.number, me.steps, me.pending, me.number, len(execution.events)))
    execution.now = moment
    return True


def clocks(start: float) -> dict[str, Callable[[], float] | Callable[[], int]]:
    """What stands in for the clocks of `time`, by name; `start` is what ``time.time()`` says at the beginning."""
    found: dict[str, Callable[[], float] | Callable[[], int]] = {}
    for name, begins in (("monotonic", 1000.0), ("perf_counter", 1000.0), ("time", start)):
        found[name] = _clock(getattr(time, name), begins, float)
        found[f"{name}_ns"] = _clock(getattr(time, f"{name}_ns"), begins, _nanoseconds)
    return found


def _clock(real: Callable[[], Number], begins: float, say: Callable[[float], Number]) -> Callable[[], Number]:
    def clock() -> Number:
        execution = STAGE.execution
        if execution is None or execution.here() is None:
            return real()
        return say(begins + _look(execution))

    clock.__name__ = clock.__qualname__ = real.__name__
    return clock


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _look(execution: Execution) -> float:
    execution.clock_reads += 1
    execution.now += _LOOK * 2.0 ** min(execution.clock_reads // _IMPATIENT, 40)
    if execution.clock_reads > _IMPATIENT:
        execution.wake_sleepers()  # whose moment it has passed
    return execution.now
