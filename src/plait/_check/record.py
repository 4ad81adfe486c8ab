"""What one controlled execution leaves behind: its events, its choices, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from plait._core.event import Event, Site

TIME_IS_UP = "the time was up before the execution had ended"
IF_IT_HANGS = "if it hangs without check, too, `plait why` says what it waits for"


class Switch(NamedTuple):
    """A choice that differs from the plain one (go on with the running thread; else the lowest number).

    When `thread` has executed `step` events (and is about to do what `label` says, or
    waits, or has ended), `to` goes on.

    `step` is exact for one version of Python and of the program; `label` finds the same place in others: the words of
    `event.label` for what is pending, and ``#3`` after them when the thread comes to such a place for the third time.
    """

    thread: int
    step: int
    to: int
    label: str


class Frame(NamedTuple):
    """One level of a stack, outermost first in a list; `mine` says that it is the user's own code."""

    file: str
    line: int
    function: str
    mine: bool


class ThreadInfo(NamedTuple):
    """A thread of control of the execution. `kind` is "thread", "timer" or "task"; `started` is where."""

    number: int
    name: str
    kind: str
    parent: int
    started: Site | None


class Place(NamedTuple):
    """An object that events name: what people call it ("Account", "Lock"), and where it was made if known."""

    label: str
    made: Site | None


class Blocked(NamedTuple):
    """A thread of control that cannot go on: what it waits for, where, and who holds it.

    `holder` is the number of the thread that owns the lock or that is joined, -1 if nobody does; `held` are the places
    of the locks it holds itself, each with the site of the acquisition. `since` is where the
    holder took it, the time that it has not given back; for a task the lock may be one of asyncio. `awaited` are the
    tasks whose end a task waits for.
    """

    thread: int
    pending: Event
    stack: tuple[Frame, ...]
    holder: int
    held: tuple[tuple[int, Site | None], ...]
    since: Site | None = None
    awaited: tuple[int, ...] = ()


class Failure(NamedTuple):
    """How an execution failed.

    `kind` is "exception" (uncaught in a thread, or the program's own non-zero exit), "deadlock" (all wait, and there is
    a cycle of locks or joins), "hang" (all wait, for something that nobody will do), "steps" (no end within the limit),
    "misuse" (something is wrong at one place, see `remarks`), or "died" (the process of the run is gone). `cause` is an
    exception that was caught before, of which this one is only the echo, or a hang of those for whose end
    somebody has waited with a timeout; of a hang, the exception that has ended a task. `going` are those who still go
    on in a hang, and do the same again and again. `unasked` is "future", "task" or "asyncio future" when one of these
    keeps the exception and nobody asks for it.
    """

    kind: str
    summary: str
    thread: int
    exception: BaseException | None
    stack: tuple[Frame, ...]
    blocked: tuple[Blocked, ...]
    cause: Failure | None = None
    going: tuple[int, ...] = ()
    unasked: str = ""


class Remark(NamedTuple):
    """What is wrong at one place, whatever the schedule.

    Attributes:
        kind: one of those in `remarks`.
        thread: the number of the thread of control that does it; for a task that was collected, of the task itself.
        what: the coroutine, the call that blocks or that stands in the place of a function, or the number of the lock's
            place.
        site: where: the call that made the coroutine, the start of the task, the call that blocks, the `await`.
        other: where the lock was taken.
        seconds: how long the loop stood still, in virtual time; 0.0 when that is not known.
        gives: the type of what came where a function was to be handed over, "None" for nothing.
    """

    kind: str
    thread: int
    what: str
    site: Site | None
    other: Site | None = None
    seconds: float = 0.0
    gives: str = ""


class Standstill(NamedTuple):
    """What an execution was doing when it was given up, if it did nothing that is seen.

    Attributes:
        seconds: of real time since its last event.
        doing: who was where, in words; "" if it went on.
        outside: whether all that could be going on were calls outside our control.
    """

    seconds: float = 0.0
    doing: str = ""
    outside: bool = False


class Record(NamedTuple):
    """One controlled execution, whole.

    `outside` are the calls that were let go, `uncontrolled` how many foreign threads took part. `gave_up` says why the
    execution was ended although nothing had failed, and `standstill` what it was doing then; `left` which threads would
    not end. `one_order` says that there was never a choice. `same` are the writes of elements that lose nothing, see
    `elements`. `arrivals` is, for each call outside our control that the others did not wait for, how many events there
    were when it returned, by the index of its own.
    """

    events: Sequence[Event]
    switches: Sequence[Switch]
    threads: Sequence[ThreadInfo]
    places: dict[int, Place]
    failure: Failure | None
    output: str
    outside: Sequence[str]
    uncontrolled: int
    gave_up: str = ""
    left: Sequence[str] = ()
    remarks: Sequence[Remark] = ()
    one_order: bool = False
    standstill: Standstill = Standstill()
    same: frozenset[int] = frozenset()
    arrivals: Mapping[int, int] = MappingProxyType({})
