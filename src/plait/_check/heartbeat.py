"""Tells a hang in a program in which something still beats: threads or tasks that wake by time, again and again.

Nobody else can go on, so time does. When it has done so many times, and those who beat have done the same each time and
could not have noticed the difference, time makes a leap of a year, as for a machine that was suspended: whatever ends
some day ends now. If they still do the same after that, those who wait without a timeout wait for ever.

Where all depends on those who beat, nobody waits for ever; but the program does not end by itself. That is said after
more of the same, and is no failure: it may be meant to go on.

*Promises*: whoever counts, in a variable that it looks at or by the turns of a `for`, is left alone. What fails after a
leap is no finding: a year is longer than any timeout was made for. The beats themselves are not kept.
"""

from __future__ import annotations

import asyncio
import dis
import sys
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from plait._check.controlled import Abort, next_moment
from plait._check.diagnosis import goes_on_cancelled, stuck
from plait._check.process_wide import SETTINGS
from plait._check.reading.awaited import awaited
from plait._check.reading.deadlocks import circle
from plait._core.awaits import awaited_frames
from plait._core.event import Event, Kind
from plait._draw.timeline import short_name

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from plait._check.controlled import Controlled
    from plait._check.execution import Execution
    from plait._check.record import Failure
    from plait._core.event import Site

_BEATS = 64  # how often time goes on between two looks
_FEW = 32  # the same where calls outside our control wait, which takes longer
_CALM = 3  # looks alike, before the leap and after it
_LONG = 32  # looks alike, where all depends on those who beat
_DEAF = 8  # looks alike, of a task that goes on although it was cancelled
_LEAP = 365 * 86_400.0  # seconds
_LEAPT: Final = (
    "{} goes on again and again while others wait; it failed when that had lasted for a year. Does it end by itself?"
)
_PLAIN = (int, float, complex, str, bytes, bool, type(None))
_SIZED = (list, dict, set, tuple, frozenset, bytearray)


class _Look(NamedTuple):
    """What is compared from one look to the next: who waits, who beats, what they do and what they know.

    `hangs` is whether somebody waits for what those who beat cannot do; `deaf` are those of them that were cancelled.
    """

    hangs: bool
    waiting: frozenset[int]
    beating: frozenset[int]
    does: frozenset[tuple[Kind, str, Site | None]]
    knows: dict[tuple[int, int, str], object]
    deaf: frozenset[int]


class Heartbeat:
    """Of one execution: asked whenever time is to go on."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._beats = 0
        self._calm = 0
        self._leapt = False
        self._began = self._cut = 0
        self._steps: dict[int, int] = {}
        self._places: set[int] = set()
        self._last: _Look | None = None

    def next_moment(self, me: Controlled) -> float:
        """When time wakes somebody next, in an execution in which nobody else can go on.

        Raises:
            Abort: nobody will ever wake those who wait, or a task goes on that was cancelled; the execution has failed.
        """
        execution = self._execution
        moment = next_moment(execution.threads)
        if moment is None:
            execution.fail(stuck(execution, me))
            raise Abort
        self._beats += 1
        if self._beats % _BEATS == 0 and not (execution.outside or execution.strangers):
            return self._look(me, moment)
        return moment

    def next_outside(self, moment: float, *, alone: bool) -> float:
        """The same, in an execution in which nobody but time can end the calls outside our control.

        Unless it is `alone` somebody from elsewhere might, of whom there is no sign; then nothing is a hang.

        Raises:
            Abort: likewise.
        """
        self._beats += 1
        if self._beats % _FEW:
            return moment
        return self._look(self._execution.threads[0], moment, calm=_CALM, alone=alone)

    def judged(self, failure: Failure) -> tuple[Failure | None, str]:
        """The failure, unless it came after a leap: then why nothing can be said."""
        if not self._leapt or failure.going:
            return failure, self._execution.gave_up
        beating = self._last.beating if self._last is not None else ()
        return None, _LEAPT.format(_names(self._execution, beating))

    def _look(self, me: Controlled, moment: float, *, calm: int = _LONG, alone: bool = True) -> float:
        execution = self._execution
        look, alike = self._seen(), False
        look = look if look is None or alone or not look.hangs else None
        if look is not None and self._last is not None:
            alike = look == self._last and not self._noticed(execution.events[self._began :])
        if look is not None and (self._last is None or look.waiting != self._last.waiting):
            self._cut = self._began
        self._calm = self._calm + 1 if alike else 0
        self._last, self._began = look, len(execution.events)
        if look is not None and look.deaf and not look.hangs and self._calm >= _DEAF:
            goes_on_cancelled(execution, me, [execution.threads[number] for number in sorted(look.deaf)])
            raise Abort
        if look is None or self._calm < (_CALM if look.hangs else calm):
            return moment
        if self._leapt and not look.hangs:
            execution.gave_up = _endless(execution, look)
            execution.stop()
            raise Abort
        if self._leapt:
            failure = stuck(execution, me, look.waiting)._replace(going=tuple(sorted(look.beating)))
            del execution.events[self._cut :]
            execution.switches[:] = [switch for switch in execution.switches if switch[4] <= self._cut]
            execution.fail(failure)
            raise Abort
        self._leapt, self._calm = True, 0
        return moment + _LEAP

    def _seen(self) -> _Look | None:
        """None where somebody makes progress."""
        execution = self._execution
        alive = [one for one in execution.threads if not one.done and (one.launched or one.task is not None)]
        timeless = (one for one in alive if one.deadline is None and one.call.until is None)
        still = {one.number for one in timeless if self._steps.get(one.number) == one.steps}
        beating = {one.number for one in alive} - still
        lasting = frozenset(beating & self._steps.keys())
        self._steps = {one.number: one.steps for one in alive}
        new, drawn = execution.events[self._began :], execution.places.numbers.get(id(SETTINGS["random"]))
        hangs = _for_ever(execution, still, beating)
        if not hangs and len(execution.threads) == 1:
            return None  # such as a function that was called where it was to be handed over: a finding, in time
        if not hangs and any(event.place == drawn and event.kind is Kind.WRITE for event in new):
            return None  # they may end by chance
        deaf = frozenset(one.number for one in alive if one.task is not None and one.task.cancelling()) & lasting
        does = frozenset((event.kind, event.name, event.site) for event in new)
        return _Look(hangs, frozenset(still), lasting, does, _knowledge(execution, lasting), deaf)

    def _noticed(self, events: Collection[Event]) -> bool:
        """Whether those who beat look at what they change from one beat to the next, other than to change it."""
        before, self._places = self._places, {event.place for event in events}
        lasting = before & self._places
        changed: dict[tuple[int, str], set[Site | None]] = {}
        for event in events:
            if event.kind is Kind.WRITE and event.place in lasting:
                changed.setdefault((event.place, event.name), set()).add(event.site)
        parts: dict[int, set[str]] = {}
        for place, name in changed:
            parts.setdefault(place, set()).add(name)
        return any(
            event.kind is Kind.READ
            and any(
                event.site not in changed[event.place, name]
                for name in parts.get(event.place, ())
                if name == event.name or (name[:1] == event.name[:1] == "[" and "[]" in (name, event.name))
            )
            for event in events
        )


def _for_ever(execution: Execution, still: Collection[int], beating: Collection[int]) -> bool:
    """Whether nobody who beats is what those wait for on whom all depends."""
    threads = execution.threads
    tasks = {number: task for number in (*still, *beating) if (task := threads[number].task) is not None}
    awaits: dict[int, tuple[int, ...]] = {}
    for number in still:
        one, task = threads[number], threads[number].task
        holder = one.gate.holder() if one.gate is not None else -1
        awaits[number] = awaited(task, tasks) if task is not None and one.gate is None else (holder,)
    locks = {number: found[0] for number, found in awaits.items() if found and threads[number].task is None}
    if circle(locks):
        return True
    root = 0 if 0 in still else min(tasks, default=-1)
    return root in still and not _reaches(root, awaits, beating)


def _reaches(start: int, awaits: dict[int, tuple[int, ...]], wanted: Collection[int]) -> bool:
    """Whether whoever one waits for, directly or not, is one of these."""
    seen, todo = {start}, [start]
    while todo:
        for other in awaits.get(todo.pop(), ()):
            if other in wanted:
                return True
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return False


def _knowledge(execution: Execution, numbers: Collection[int]) -> dict[tuple[int, int, str], object]:
    """The local variables of those who beat, in the user's own functions."""
    found: dict[tuple[int, int, str], object] = {}
    current = sys._current_frames()
    for number in numbers:
        one = execution.threads[number]
        frames = _frames_of(one.task) if one.task is not None else _outwards(current.get(one.ident))
        for depth, frame in enumerate(frame for frame in frames if frame.f_code.co_filename in execution.sites.files):
            if _in_for(frame.f_code, frame.f_lasti):
                found[number, depth, ""] = object()  # each turn is another one
            shared = (*frame.f_code.co_cellvars, *frame.f_code.co_freevars)  # these are events, as attributes are
            for name, value in frame.f_locals.items():
                if name not in shared:
                    found[number, depth, name] = _print_of(value)
    return found


def _frames_of(task: asyncio.Task[Any]) -> list[FrameType]:
    return list(awaited_frames(task.get_coro()))


def _outwards(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


@lru_cache(maxsize=1024)
def _in_for(code: CodeType, at: int) -> bool:
    """Whether an instruction is one of the body of a `for` or an `async for`."""
    begun: list[int] = []
    for one in dis.get_instructions(code):
        if one.opname == "FOR_ITER" and one.offset <= at < one.argval:
            return True
        if one.opname == "GET_ANEXT":
            begun.append(one.offset)
        if one.opname == "END_ASYNC_FOR" and begun and begun.pop() <= at <= one.offset:
            return True
    return False


def _print_of(value: object) -> object:
    """What stays the same when a value does, as far as that can be told without running code of the program."""
    if type(value) in _PLAIN:
        return value
    if hasattr(type(value), "__next__"):
        return object()  # nobody can tell how far it is
    return (type(value), len(value)) if type(value) in _SIZED else type(value)  # type: ignore[arg-type]  # it has one


def _endless(execution: Execution, look: _Look) -> str:
    """Why the execution was given up: all depends on those who beat, and they only do the same."""
    beats = [execution.threads[number] for number in sorted(look.beating)]
    sites = [one.pending.site for one in beats if one.pending is not None and one.pending.site is not None]
    places = list({f"{short_name(site.file)}, line {site.line}": None for site in sites})
    goes = "goes round and asks" if len(beats) == 1 else "go round and ask"
    main = execution.threads[0]
    ended = main.number not in look.beating and (main.pending is None or main.pending.site is None)
    late = ", and what atexit knows is called when those threads have ended" if execution.at_exit else ""
    return (
        f"it does not end by itself: {_names(execution, look.beating)} {goes} again and again for what nobody changes "
        f"any more, lately in {' and '.join(places[:3]) or 'a place that is not yours'}"
        f"{f'; the main thread has come to its end{late}' if ended else ''}. Have somebody end it before its end is "
        "waited for; of what is to go on for ever, check a part"
    )


def _names(execution: Execution, numbers: Collection[int]) -> str:
    names = [execution.threads[number].name for number in sorted(numbers)]
    return ", ".join(names[:3]) or "something"
