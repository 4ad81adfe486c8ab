"""Trace: what the threads, tasks and workers of a program did at each moment."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from plait._core.how_many import how_many


class State(IntEnum):
    """What a thread or task does at a moment."""

    ABSENT = 0  # it has not begun, has ended, or nobody looked
    PYTHON = 1  # on a core with the GIL; where nobody can tell who has it, on a core
    NATIVE = 2  # on a core without the GIL
    GIL = 3  # waits for the GIL
    CORE = 4  # ready, and no core was free
    LOCK = 5
    QUEUE = 6
    CONDITION = 7
    EVENT = 8
    JOIN = 9  # for the end of a thread or task
    FUTURE = 10  # for a result: of a future, a task, a map
    SLEEP = 11
    FILE = 12
    SOCKET = 13  # a socket or pipe
    CHILD = 14  # for the end of a process
    IDLE = 15  # waits for work: a worker without an item, an event loop without an event
    OTHER = 16  # in some other system call
    READY = 17  # a task that could go on, while its event loop runs something else
    SEMAPHORE = 18
    BARRIER = 19
    UNSEEN = 20  # off its core, and nobody looked what for
    GARBAGE = 21  # on a core with the GIL, where the collector of reference cycles looks for garbage


STATES = tuple(State)  # by number: to call State takes ten times as long


WORDS: dict[State, str] = {
    State.ABSENT: "not there",
    State.PYTHON: "running Python",
    State.NATIVE: "running C without the GIL",
    State.GIL: "waiting for the GIL",
    State.CORE: "waiting for a core",
    State.LOCK: "waiting for a lock",
    State.QUEUE: "waiting for a queue",
    State.CONDITION: "waiting for a condition",
    State.EVENT: "waiting for an event",
    State.JOIN: "waiting for a thread to end",
    State.FUTURE: "waiting for a result",
    State.SLEEP: "sleeping",
    State.FILE: "in file I/O",
    State.SOCKET: "in socket or pipe I/O",
    State.CHILD: "waiting for a process",
    State.IDLE: "idle",
    State.OTHER: "in a system call",
    State.READY: "ready, the event loop is busy",
    State.SEMAPHORE: "waiting for a semaphore",
    State.BARRIER: "waiting for a barrier",
    State.UNSEEN: "waiting, unseen for what",
    State.GARBAGE: "collecting garbage",
}


class Wait(NamedTuple):
    """One wait that a wrapper saw.

    Attributes:
        lane: whose, as an index into the lanes.
        began, ended: microseconds since the trace began.
        state: what sort of wait.
        name: what for, in words: ``STATS_LOCK (app.py:15)``.
        where: the line that waits, ``app.py:30``; "" when it is not known.
        holder: the lane that had it when the wait began, or -1.
        held_at: the line at which the holder was then; "" when it is not known.
        giver: the lane that let it go in the end, or -1.
        which: of several locks or semaphores of that name, which one: 0, 1, 2 ...
        got: False when it gave up, as far as it waited for a lock or a semaphore.
        permits: how many had it at the same time: more than one only of a semaphore, of which one is the `holder`;
            0 where nobody knows, of those of asyncio.
    """

    lane: int
    began: int
    ended: int
    state: State
    name: str
    where: str
    holder: int = -1
    held_at: str = ""
    giver: int = -1
    which: int = 0
    got: bool = True
    permits: int = 1


class Slice(NamedTuple):
    """One item of a map, one task, one step of an event loop: what a lane was busy with from `began` to `ended`."""

    lane: int
    began: int
    ended: int
    name: str
    group: str = ""
    failed: bool = False


@dataclass(slots=True)
class Lane:
    """One thread, task or worker, and what it did: state `states[k]` from `moments[k]` on, until the next moment.

    Attributes:
        name: for people.
        kind: ``"thread"``, ``"task"`` or ``"worker"``.
        pid: the process it is in.
        tid: the number that the system gives the thread; 0 for tasks.
        moments: microseconds since the trace began, rising.
        states: one byte, a `State`, for each moment.
        details: an index into the trace's texts for each moment: the file or socket of an I/O, or who
            sleeps if it is not time.sleep; 0 for none.
        cpu: seconds on a core, exact where the system tells; None otherwise.
        queued: seconds ready without a core; None where nobody tells.
        native: of the seconds on a core, those without the GIL, as sampled; None where nobody tells.
        garbage: of the seconds on a core, those in which it collected garbage, exact; of threads of this process only.
    """

    name: str
    kind: str
    pid: int
    tid: int
    moments: array[int] = field(default_factory=lambda: array("q"))
    states: bytearray = field(default_factory=bytearray)
    details: array[int] = field(default_factory=lambda: array("L"))
    cpu: float | None = None
    queued: float | None = None
    native: float | None = None
    garbage: float = 0.0

    def add(self, moment: int, state: State, detail: int = 0) -> None:
        """From this moment on it is in this state."""
        if self.states and self.states[-1] == state and self.details[-1] == detail:
            return
        if self.moments and self.moments[-1] == moment:
            self.states[-1] = state
            self.details[-1] = detail
            return
        self.moments.append(moment)
        self.states.append(state)
        self.details.append(detail)

    def stretches(self, end: int) -> Iterator[tuple[int, int, State, int]]:
        """``(began, ended, state, detail)`` of each stretch, up to the end of the trace; absences are left out."""
        for at, state in enumerate(self.states):
            ended = self.moments[at + 1] if at + 1 < len(self.moments) else end
            if state and ended > self.moments[at]:
                yield self.moments[at], ended, STATES[state], self.details[at]

    def stretches_between(self, low: int, high: int, end: int) -> Iterator[tuple[int, int, State, int]]:
        """As `stretches`, those in a part of the time, cut at its ends."""
        for at in range(max(0, bisect_right(self.moments, low) - 1), len(self.moments)):
            began, state = self.moments[at], self.states[at]
            if began >= high:
                break
            ended = min(high, self.moments[at + 1] if at + 1 < len(self.moments) else end)
            if state and ended > max(began, low):
                yield max(began, low), ended, STATES[state], self.details[at]

    def last_end(self, state: State, low: int, high: int, end: int) -> int:
        """When it was last in a state between two moments; the first of these where it was not."""
        at = bisect_left(self.moments, high) - 1
        while at >= 0 and (until := self.moments[at + 1] if at + 1 < len(self.moments) else end) > low:
            if self.states[at] == state:
                return min(until, high)
            at -= 1
        return low


@dataclass(slots=True)
class Trace:
    """What every thread, task and worker of a program did while it was traced; ``str()`` is the summary in words.

    `plait.trace` records one, `plait.show` draws it, and reads one from a file.

    Attributes:
        title: the program's command line, or the place of the block.
        began: seconds since the epoch.
        microseconds: how long it was.
        lanes: threads, tasks and workers, in the order in which they are drawn.
        waits: those that wrappers saw, by the moment at which they began.
        slices: items, tasks and steps, by the moment at which they began.
        texts: what `Lane.details` refer to; the first is "".
        missing: what could not be seen, one sentence each.
        facts: figures about the recording: ``rate`` of samples a second, ``cost`` as the share of one core; ``garbage``
            is the seconds that garbage was collected in this process.
        summary: where the time went, then the findings, the gravest first, one or two sentences each.

    >>> import plait, threading
    >>> with plait.trace() as trace:
    ...     threading.Event().wait(0.05)
    False
    >>> [(trace.lanes[wait.lane].name, wait.state.name) for wait in trace.waits]
    [('MainThread', 'EVENT')]
    """

    title: str
    began: float
    microseconds: int = 0
    lanes: list[Lane] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    texts: list[str] = field(default_factory=lambda: [""])
    missing: list[str] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    summary: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.microseconds / 1e6

    def times(self, lane: int | Lane) -> dict[State, float]:
        """Seconds that a lane, or the one of that index, spent in each state.

        Time on a core and time without one are the system's own totals; what remains is divided as it was sampled.

        Raises:
            IndexError: there is no lane of that index.
        """
        return times_of(lane if isinstance(lane, Lane) else self.lanes[lane], self.microseconds)

    def __repr__(self) -> str:  # in full it is as long as the trace: megabytes, in a cell of a notebook
        seen = f"{how_many(len(self.lanes), 'lane')}, {how_many(len(self.summary), 'finding')}"
        return f"<plait.Trace of {self.title}: {length_of(self)}, {seen}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # what IPython and notebooks show

    def __str__(self) -> str:
        lines = [f"{self.title}: {length_of(self)}", *(f"* {finding}" for finding in self.summary)]
        return "\n".join([*lines, *(f"not seen: {text}" for text in self.missing)])


def length_of(trace: Trace) -> str:
    """How long it was, for people: ``1.4 ms``, ``0.25 s``."""
    return f"{trace.seconds:.2f} s" if trace.seconds >= 0.05 else f"{trace.seconds * 1000:.1f} ms"


Finding = tuple[float, str]  # the seconds that it is about, and a sentence
ON_CORE = (State.PYTHON, State.NATIVE, State.GARBAGE)
WITH_GIL = (State.PYTHON, State.GARBAGE)
_SAMPLED = (State.GIL, State.SLEEP, State.FILE, State.SOCKET, State.CHILD, State.IDLE, State.OTHER)  # by looks only


def active(times: Mapping[State, float]) -> float:
    """The seconds of a lane in which it was not idle.

    >>> active({State.PYTHON: 1.0, State.LOCK: 0.5, State.IDLE: 3.0})
    1.5
    """
    return sum(seconds for state, seconds in times.items() if state is not State.IDLE)


def times_of(lane: Lane, end: int) -> dict[State, float]:
    """See `Trace.times`.

    >>> lane = Lane("a", "thread", 1, 1)
    >>> lane.add(0, State.PYTHON); lane.add(1_000_000, State.GIL); lane.add(4_000_000, State.SLEEP)
    >>> times_of(lane, 5_000_000)[State.GIL]
    3.0
    >>> lane.cpu, lane.queued = 1.0, 2.0
    >>> times_of(lane, 5_000_000)[State.GIL]
    1.5

    What nobody looked at went as what was looked at, but for the waits that a thread has noted itself.

    >>> lane = Lane("b", "thread", 1, 2, cpu=0.0, queued=0.0)
    >>> lane.add(0, State.LOCK); lane.add(3_000_000, State.SLEEP); lane.add(3_500_000, State.UNSEEN)
    >>> times_of(lane, 5_000_000) == {State.LOCK: 3.0, State.SLEEP: 2.0}
    True
    """
    found: dict[State, float] = {}
    for began, ended, state, _ in lane.stretches(end):
        found[state] = found.get(state, 0.0) + (ended - began) / 1e6
    if lane.cpu is None or lane.queued is None or not found:
        return found
    there = sum(found.values())
    cpu = min(lane.cpu, there)
    queued = min(lane.queued, there - cpu)
    on_core = {state: found.pop(state) for state in ON_CORE if state in found}
    found.pop(State.CORE, None)
    rest = there - cpu - queued
    unseen = min(found.pop(State.UNSEEN, 0.0), max(0.0, rest - sum(found.values())))
    if unseen > 0:
        looked_at = {state: found[state] for state in _SAMPLED if state in found}
        for state, seconds in _shared(looked_at, unseen, State.UNSEEN).items():
            found[state] = found.get(state, 0.0) + seconds
    blocked = sum(found.values())
    garbage = min(lane.garbage, cpu)
    on_core.pop(State.GARBAGE, None)
    if lane.native is None:
        times = _shared(on_core, cpu - garbage, State.PYTHON)
    else:
        native = min(lane.native, cpu - garbage)
        python = cpu - garbage - native
        times = {state: time for state, time in ((State.PYTHON, python), (State.NATIVE, native)) if time > 0}
    if garbage > 0:
        times[State.GARBAGE] = garbage
    if queued > 0:
        times[State.CORE] = queued
    sampled = {state: found[state] for state in _SAMPLED if state in found}
    noted = sum(seconds for state, seconds in found.items() if state not in sampled)
    if sampled and noted < rest:
        found = {**found, **_shared(sampled, rest - noted, State.UNSEEN)}
    for state, seconds in _shared(found, rest, State.UNSEEN).items():
        times[state] = seconds
    if not blocked and rest < 0.01 * there:  # a tick of rounding is no state
        times.pop(State.UNSEEN, None)
    return times


def _shared(parts: dict[State, float], whole: float, otherwise: State) -> dict[State, float]:
    """The whole, divided in the proportion of the parts."""
    total = sum(parts.values())
    if total <= 0:
        return {otherwise: whole} if whole > 0 else {}
    return {state: seconds / total * whole for state, seconds in parts.items()}
