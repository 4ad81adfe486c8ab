"""How an execution has failed, said from what its threads of control do at that moment."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from plait._check.chained import busiest, chain_of_timers
from plait._check.controlled import Abort
from plait._check.kept import kept
from plait._check.reading.awaited import awaited
from plait._check.reading.deadlocks import circle
from plait._check.record import Blocked, Failure, Frame
from plait._check.remarks import ignoring
from plait._check.stand_in.holders import wanted_from
from plait._core.awaits import awaited_frames
from plait._core.event import Event, Kind, label

if TYPE_CHECKING:
    from plait._check.controlled import Controlled
    from plait._check.execution import Execution


_PASSING = (Kind.ENTER, Kind.PAUSE)  # nobody waits there; a loop is there while one of its tasks runs


def uncaught(execution: Execution, me: Controlled, error: BaseException) -> Failure:
    """An exception that nobody caught."""
    text = str(error)
    summary = f"{type(error).__name__}: {text}" if text else type(error).__name__
    stack = execution.sites.trace(error.__traceback__)
    before = kept(error, execution.sites.files)
    cause = uncaught(execution, me, before) if before is not None else _waited_for(execution, me)
    return Failure("exception", f"{summary} in {me.name}", me.number, error, stack, (), cause)


def at_limit(execution: Execution, me: Controlled) -> None:
    """Very many steps, of which every thread got its share: for ever, or only long?

    It is for ever, and a failure, when lately nobody has changed anything: they look, and nothing will be different; or
    when a task was cancelled long ago and goes on. Otherwise nothing can be said.
    """
    if ignorant := _deaf(execution):
        goes_on_cancelled(execution, me, ignorant)
    elif _changes(execution) or execution.away:
        steps = f"longer than {len(execution.events):,} steps{busiest(execution.events[-LATELY:], execution.threads)}"
        chain = chain_of_timers(execution.threads)
        asks = f". {chain}Does" if chain else ": does"
        execution.gave_up = f"{steps}{asks} it end by itself? Check a smaller part, or less of it"
        execution.stop()
    else:
        execution.fail(_endless(execution, me))


def goes_on_cancelled(execution: Execution, me: Controlled, tasks: Sequence[Controlled]) -> None:
    """These tasks were cancelled, and will not end: a failure."""
    for task in tasks:
        ignoring(execution, task)
    execution.fail(_endless(execution, me))


def give_up(execution: Execution, why: str) -> None:
    """Nothing can be said of the program, and a thread of it has found out why: the execution ends."""
    if execution.here() is not None:
        execution.gave_up = why
        execution.stop()
        raise Abort


def goes_on(execution: Execution) -> bool:
    """Whether a long execution is to go on: something happens in it, and there is time."""
    if len(execution.events) >= _MOST or not (_changes(execution) or execution.away) or _deaf(execution):
        return False
    return execution.until is None or monotonic() < execution.until


def only_time_helps(execution: Execution) -> bool:
    """Whether all who can go on ask again and again for what somebody will do who waits for time, or for the world."""
    sleeps = execution.away or any(waiting.deadline is not None for waiting in execution.threads)
    return bool(sleeps) and len(execution.events) < _MOST and not _changes(execution)


def _deaf(execution: Execution) -> list[Controlled]:
    """The tasks that were cancelled long ago, many steps, and go on."""
    found = []
    for me in execution.threads:
        if me.task is None or me.done or not me.task.cancelling():
            me.cancelled = -1
        elif me.cancelled < 0:
            me.cancelled = len(execution.events)
        elif len(execution.events) - me.cancelled >= LATELY:
            found.append(me)
    return found


def _changes(execution: Execution) -> bool:
    return any(event.kind in _CHANGES for event in execution.events[-LATELY:])


_MOST = 2_000_000  # steps: about a gigabyte
LATELY = 20_000  # steps
BRIEFLY = 1_000  # steps between two looks whether a call outside our control has returned
_CHANGES = (Kind.WRITE, Kind.ACQUIRE, Kind.RELEASE, Kind.START, Kind.JOIN, Kind.OUTSIDE, Kind.END)


def _endless(execution: Execution, me: Controlled) -> Failure:
    stack = execution.sites.stack(sys._getframe())
    summary = f"no end after {len(execution.events):,} steps"
    return Failure("steps", summary, me.number, None, stack, _blocked(execution))


def _waited_for(execution: Execution, me: Controlled) -> Failure | None:
    """How those hang for whose ends a thread has waited with a timeout, before it ends with an exception.

    None if any of them may go on yet: because of time, of somebody else, or of what the thread itself holds.
    """
    late = [other for other in me.overdue if not other.done]
    others = (one for one in execution.threads if one is not me and not one.done)
    if not late or any(one.ready or one.away or one.deadline is not None for one in others):
        return None
    blocked = _blocked(execution)
    if any(one.holder == me.number for one in blocked):
        return None
    return _hang(execution, late[0], blocked)


def stuck(execution: Execution, me: Controlled, among: Collection[int] | None = None) -> Failure:
    """Nobody can go on, ever; or none of these, since those who can make no difference."""
    blocked = _blocked(execution)
    if among is not None:
        hosts = {one.number for one in execution.threads if _runs_a_loop(one)}
        blocked = tuple(one for one in blocked if one.thread in among or one.thread in hosts)
    return _hang(execution, me, blocked)


def _runs_a_loop(me: Controlled) -> bool:
    return me.task is None and me.pending is not None and me.pending.kind is Kind.WAIT


def _hang(execution: Execution, me: Controlled, blocked: tuple[Blocked, ...]) -> Failure:
    cycle = circle({one.thread: one.holder for one in blocked if one.pending.kind != Kind.WAIT})
    names = {thread.number: thread.name for thread in execution.threads}
    if cycle:
        chain = " waits for ".join(names[number] for number in (*cycle, cycle[0]))
        return Failure("deadlock", f"deadlock: {chain}", cycle[0], None, _stack_of(execution, cycle[0]), blocked)
    waiting = "; ".join(f"{names[one.thread]} waits {_for(one.pending)}" for one in blocked)
    first = blocked[0].thread if blocked else me.number
    stack = _stack_of(execution, first)
    holders = [one.holder for one in blocked if one.pending.kind == Kind.WAIT and one.holder >= 0]
    ended = _unasked(execution, holders)
    return Failure("hang", f"nobody can go on: {waiting}", first, None, stack, blocked, ended)


def _unasked(execution: Execution, holders: Sequence[int]) -> Failure | None:
    """The exception with which a task has ended that held what others wait for, or for which nobody has asked."""
    for me in execution.threads:
        task = me.task if me.done else None
        error = getattr(task, "_exception", None)
        if error is not None and (me.number in holders or getattr(task, "_log_traceback", False)):
            return uncaught(execution, me, error)
    return None


def _blocked(execution: Execution) -> tuple[Blocked, ...]:
    found = []
    tasks = {me.number: me.task for me in execution.threads if me.task is not None and not me.done}
    for me in execution.threads:
        pending = _outside(execution, me) if me.call.lacks else me.pending
        if me.done or me.ready or pending is None or pending.kind in _PASSING:
            continue
        holder = me.gate.holder() if me.gate is not None else -1
        held = tuple((getattr(lock, "number", -1), site) for lock, site in me.held.items())
        stack = _stack_of(execution, me.number)
        awaits = list(awaited_frames(me.task.get_coro())) if me.task is not None and me.gate is None else []
        lock = wanted_from(awaits, lambda number: execution.threads[number].done)
        if lock is None:
            since = me.gate.since() if me.gate is not None else None
        else:
            holder, since = lock
        others = awaited(me.task, tasks) if me.task is not None and me.gate is None else ()
        found.append(Blocked(me.number, pending, stack, holder, held, since, others))
    return tuple(found)


def _for(pending: Event) -> str:
    return f"for {pending.name}" if pending.kind is Kind.OUTSIDE else f"to {label(pending)}"


def _outside(execution: Execution, me: Controlled) -> Event | None:
    """What one who waits outside our control, in vain, would do next: an event loop is told by its tasks."""
    if me.pending is not None and me.pending.kind is Kind.WAIT:
        return me.pending
    frame = sys._current_frames().get(me.ident)
    while frame is not None and frame.f_code.co_filename not in execution.sites.files:
        frame = frame.f_back
    return Event(me.number, Kind.OUTSIDE, -1, me.call.lacks, execution.sites.at(frame) if frame is not None else None)


def _stack_of(execution: Execution, number: int) -> tuple[Frame, ...]:
    me = execution.threads[number]
    task = me.task
    if task is not None and me.gate is None:
        return execution.sites.frames(list(awaited_frames(task.get_coro())))
    return execution.sites.stack(sys._current_frames().get(me.ident))
