"""What is wrong at one place, whatever the schedule: noted while it happens, told when the execution is over.

A function that is called where it was to be handed over, a coroutine that nobody awaits and a task that the garbage
collector takes are failures, though Python says nothing, or only prints a warning at a moment of its own choosing. What
holds the whole loop up, or may, is worth a remark.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

from plait._check.record import Failure, Frame, Remark
from plait._check.stage import STAGE
from plait._core.awaits import awaited_frames
from plait._core.event import Event, Kind, Site, label

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution

CALLED = "called instead of handed over"
NEVER_AWAITED = "never awaited"
COLLECTED = "collected while it runs"
FOREIGN = "loop used from another thread"
BLOCKS = "blocks the loop"
ACROSS_AWAIT = "lock held across an await"
CUT_OFF = "still running at the end"
IGNORES = "goes on although it was cancelled"
OVERDRAWN = "given back, and not taken"
IN_VAIN = "in vain"
"""What `Remark.what` is of something that was asked for, and not got."""
GRAVITY = (CALLED, NEVER_AWAITED, COLLECTED, FOREIGN, BLOCKS, ACROSS_AWAIT)
_FAILURES = GRAVITY[:3]
"""What is a failure by itself; the others of `GRAVITY` are worth a look. `CUT_OFF`, `IGNORES` and `OVERDRAWN`
only explain one."""


class Remarks:
    """Those of one execution, each once.

    >>> remarks = Remarks()
    >>> remarks.add(Remark(BLOCKS, 1, "time.sleep", None))
    >>> remarks.add(Remark(BLOCKS, 2, "time.sleep", None))
    >>> len(remarks.all)
    1
    """

    def __init__(self) -> None:
        self.all: list[Remark] = []
        self._seen: set[tuple[str, str, Site | None]] = set()

    def add(self, remark: Remark) -> None:
        """Unless the same is known of the same place."""
        key = remark.kind, remark.what, remark.site
        if key not in self._seen:
            self._seen.add(key)
            self.all.append(remark)

    def failure(self) -> Failure | None:
        """How the execution failed by it."""
        remark = gravest(self.all)
        if remark is None:
            return None
        site = remark.site
        frames = (Frame(site.file, site.line, site.function, True),) if site is not None else ()
        return Failure("misuse", f"{remark.what} was {remark.kind}", remark.thread, None, frames, ())


def gravest(remarks: Sequence[Remark]) -> Remark | None:
    """The first that is a failure by itself, of the gravest kind."""
    failures = (remark for remark in remarks if remark.kind in _FAILURES)
    return min(failures, key=lambda remark: GRAVITY.index(remark.kind), default=None)


def unawaited(real: Callable[[Any], None]) -> Callable[[Any], None]:
    """What stands in for ``warnings._warn_unawaited_coroutine``, called when one is thrown away."""

    def warn(coroutine: Any) -> None:
        execution = STAGE.execution
        if not _is_of_now(coroutine):  # garbage of an earlier execution
            return
        if execution is None:
            real(coroutine)
        elif not execution.aborting and (me := execution.here()) is not None:
            site = _origin(execution, coroutine)
            execution.remarks.add(Remark(NEVER_AWAITED, me.number, coroutine.__qualname__, site))

    return warn


def _is_of_now(coroutine: Any) -> bool:
    """Whether its module is there now: each execution has modules of its own."""
    names = coroutine.cr_frame.f_globals
    module = sys.modules.get(names.get("__name__", ""))
    return module is not None and vars(module) is names


def _origin(execution: Execution, coroutine: Any) -> Site | None:
    """Where the user called the coroutine function; where that is defined, when it was called outside of a loop."""
    files = execution.sites.files
    for file, line, function in coroutine.cr_origin or ():
        if file in files:
            return Site(file, line, 0, line, 0, function, "")
    code: CodeType = coroutine.cr_code
    line = code.co_firstlineno
    return Site(code.co_filename, line, 0, line, 0, code.co_qualname, "") if code.co_filename in files else None


def blocked(execution: Execution, me: Controlled, what: str, site: Site | None, seconds: float = 0.0) -> None:
    """A callback or task of a loop makes the whole loop wait."""
    if site is not None:
        execution.remarks.add(Remark(BLOCKS, me.number, what, site, None, seconds))


def foreign(execution: Execution, me: Controlled) -> None:
    """A thread that is not the loop's gives the loop something to do, and does not wake it."""
    site = execution.sites.here(1)
    if site is not None:
        execution.remarks.add(Remark(FOREIGN, me.number, site.text, site))


def held_up(execution: Execution, me: Controlled, pending: Event) -> None:
    """Somebody has to wait: a task of an event loop must not, in the way of threads, unless it is for a moment."""
    if me.kind == "task" and pending.kind is not Kind.SLEEP and not _for_a_moment(execution, me):
        blocked(execution, me, label(pending), pending.site)


def _for_a_moment(execution: Execution, me: Controlled) -> bool:
    """Whether it waits for a lock whose holder waits for nothing, or in turn for such a lock."""
    number = me.number
    for _ in execution.threads:  # at most: they may wait in a circle
        one = execution.threads[number]
        if one.ready:
            return True
        if one.gate is None or one.pending is None or one.pending.kind is not Kind.ACQUIRE:
            return False
        number = one.gate.holder()
        if number < 0:
            return False
    return False


def suspended(execution: Execution, me: Controlled) -> None:
    """A task gives way to others: none of them may ask for the locks of threads that it holds."""
    for lock, taken in me.held.items():
        if taken is not None:
            place = str(getattr(lock, "number", -1))
            execution.remarks.add(Remark(ACROSS_AWAIT, me.number, place, _awaits(execution, me), taken))


def _awaits(execution: Execution, me: Controlled) -> Site | None:
    """The innermost `await` of a task in the user's source."""
    found = None
    for frame in awaited_frames(me.task.get_coro() if me.task is not None else None):
        if frame.f_code.co_filename in execution.sites.files:
            found = execution.sites.at(frame)
    return found


def ignoring(execution: Execution, me: Controlled) -> None:
    """A task that was cancelled goes on, and on."""
    execution.remarks.add(Remark(IGNORES, me.number, me.name, _awaits(execution, me)))


def overdrawn(execution: Execution, me: Controlled, taken: Site | None, *, in_vain: bool) -> None:
    """A thread gives back a unit of a semaphore that it has not got: it has before, or has asked for it in vain."""
    what = IN_VAIN if in_vain else ""
    execution.remarks.add(Remark(OVERDRAWN, me.number, what, execution.sites.here(1), taken))


def cutting_off(real: Callable[[Any], None]) -> Callable[[Any], None]:
    """What stands in for the function by which ``asyncio.run`` cancels the tasks that are left when it ends."""

    def cancel_all(loop: Any) -> None:
        execution = STAGE.execution
        if execution is not None and not execution.aborting and execution.here() is not None:
            for me in execution.threads:
                if me.kind == "task" and me.task is not None and not me.done and me.task.get_loop() is loop:
                    execution.remarks.add(Remark(CUT_OFF, me.number, me.name, _awaits(execution, me), me.started))
        real(loop)

    return cancel_all
