"""A thread of control as the execution keeps it: the baton it waits for, what it holds, what it waits for."""

from __future__ import annotations

import _thread
from typing import TYPE_CHECKING, Any, NamedTuple

from plait._schedulers.interface import ThreadState

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Sequence

    from plait._check.system_calls import Wait
    from plait._core.event import Site

_raw_lock = _thread.allocate_lock  # the real one, whatever stands in for it later
_AT_ONCE = 50e-6  # seconds between two moments that no timer tells apart


class Abort(BaseException):
    """Unwinds a thread of control whose execution is over; no program has a reason to catch it."""


class Gate:
    """Something that threads of control wait for: they can go on while it is open.

    `wanting` are those whose pending event needs it open, whether it is or not.
    """

    __slots__ = ("is_open", "wanting")

    def __init__(self, *, is_open: bool = False) -> None:
        self.is_open = is_open
        self.wanting: list[Controlled] = []

    def holder(self) -> int:
        """The number of the thread of control that it waits for, -1 if it is nobody in particular."""
        return -1

    def since(self) -> Site | None:
        """Where that one took it, the time that it has not given back; None if it cannot be said."""
        return None


class Call(NamedTuple):
    """A call outside our control.

    Attributes:
        inode: of the socket that it is about; 0 for another call.
        polled: says what it waits for, where it looks itself now and then, nothing if it is about to go on.
        until: the moment of virtual time when it stops to, if there is one.
        files: the descriptors that it waits for, where nobody can end that; `lacks` is what, in words.
        tells: whether the system says what it waits for.
    """

    inode: int = 0
    polled: Callable[[], Sequence[Wait]] | None = None
    until: float | None = None
    files: tuple[int, ...] = ()
    lacks: str = ""
    tells: bool = False


UNKNOWN = Call()


class Controlled(ThreadState):
    """A thread of control.

    Attributes:
        ident: of the thread that runs it, -1 before it does; `native` is what the operating system calls it.
        baton: locked, unless it may go on.
        gone: locked until its thread has nothing more to do with the execution.
        ready: whether it is among those that can go on.
        gate: what its pending event needs open.
        deadline: the moment of virtual time when it stops to wait, if there is one.
        away: whether it was let go: it is in a call outside our control.
        blocked: the place in Python from which it was let go last, without our knowing the call.
        outside: whether that is a call that we know: what it does is done with the real locks and clocks.
        call: what is known of it.
        quiet: how many calls are around it whose steps are not recorded and are no choices, such as imports.
        held: the locks that it holds, each with the site where it got it.
        task_ref: gives the asyncio task that it is, which nothing of ours may keep alive; None for a thread.
        aborts: how often it was told that the execution is over.
        cancelled: of a task that was cancelled and has not ended, how many events there were when that was seen first.
        overdue: the threads for whose end it has waited with a timeout, in vain.
    """

    __slots__ = (
        "aborts",
        "away",
        "baton",
        "blocked",
        "call",
        "cancelled",
        "daemon",
        "deadline",
        "ended",
        "gate",
        "gone",
        "held",
        "ident",
        "kind",
        "launched",
        "native",
        "outside",
        "overdue",
        "parent",
        "quiet",
        "ready",
        "started",
        "task_ref",
    )

    def __init__(self, number: int, name: str, parent: int, started: Site | None, *, daemon: bool = False) -> None:
        super().__init__(number, name)
        self.parent = parent
        self.started = started
        self.kind = "thread"
        self.daemon = daemon
        self.ident = -1
        self.native = 0
        self.launched = False
        self.baton = _raw_lock()
        self.baton.acquire()
        self.gone = _raw_lock()
        self.gone.acquire()
        self.ended = Ending(number)
        self.ready = False
        self.gate: Gate | None = None
        self.deadline: float | None = None
        self.away = False
        self.blocked: object = ""  # nowhere yet
        self.outside = False
        self.call = UNKNOWN
        self.task_ref: Callable[[], asyncio.Task[Any] | None] = _no_task
        self.quiet = 0
        self.held: dict[Gate, Site | None] = {}
        self.aborts = 0
        self.cancelled = -1
        self.overdue: list[Controlled] = []

    @property
    def task(self) -> asyncio.Task[Any] | None:
        """The asyncio task that it is, while that exists."""
        return self.task_ref()


def _no_task() -> None:
    """A thread is none."""


def next_moment(threads: Iterable[Controlled]) -> float | None:
    """When time wakes somebody next; None if nobody waits for it.

    Three times 0.1 is as long as 0.3, whatever `float` and a look at a clock make of it: who is due at nearly the same
    moment is woken at once, and any of them may go first.
    """
    moments = [waiting.deadline for waiting in threads if waiting.deadline is not None]
    end = min(moments, default=0.0) + _AT_ONCE
    return max((moment for moment in moments if moment <= end), default=None)


class Ending(Gate):
    """Opens when a thread of control has ended."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def holder(self) -> int:
        return self.number
