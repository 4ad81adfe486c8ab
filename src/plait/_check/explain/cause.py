"""The one finding that explains an execution that failed: its cause where it is recognised, else how it went."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from plait._check.explain.abandoned import explain_abandoned
from plait._check.explain.besides import besides, early
from plait._check.explain.crossed import explain_crossed
from plait._check.explain.cut_off import explain_cut_off
from plait._check.explain.deadlock import explain_cycle, explain_nested
from plait._check.explain.endless import explain_endless
from plait._check.explain.ends import with_end
from plait._check.explain.hang import explain_hang
from plait._check.explain.hurried import explain_hurried
from plait._check.explain.imports import explain_import
from plait._check.explain.kept import explain_raised, raised_by, with_kept
from plait._check.explain.left_unset import explain_left_unset
from plait._check.explain.leftover import explain_unserved
from plait._check.explain.lent import explain_lent
from plait._check.explain.let_in import let_in
from plait._check.explain.loop import explain_loop
from plait._check.explain.outcome import explain_outcome
from plait._check.explain.permits import explain_permits
from plait._check.explain.remark import explain_remark, stuck_in_call, thrown_away
from plait._check.explain.server import explain_server
from plait._check.explain.split import explain_split
from plait._check.explain.unanswered import explain_unanswered
from plait._check.findings import FAILS, Finding, Moment, Side
from plait._check.reading.atomicity import Split
from plait._check.reading.best_split import best_split, goes_on_with
from plait._check.reading.deadlocks import waiting_cycle
from plait._check.reading.hangs import Cause, cause
from plait._check.reading.history import History
from plait._check.reading.leftover import leftover
from plait._check.reading.source import Sources
from plait._check.reading.uses import hands_on
from plait._check.reading.way_out import is_left
from plait._check.reading.words import Words, begun, changeovers, frame_site, headline, innermost, own
from plait._check.record import Failure, Record
from plait._check.remarks import CALLED, GRAVITY, IGNORES, gravest
from plait._check.verdict import waits_for_process
from plait._core.event import Kind, conflict

_SOON = 6  # accesses of a thread that goes on, among which its first change is shown, too
_SWITCHES = 4  # the last ones, which are told when nothing explains the failure
_RECENT = 30  # accesses of the failing thread that are looked at when nothing else explains it
_ENOUGH_FOR_A_HANG = 8  # points of a split that is believed where no symptom says which part is wrong
_ENOUGH_FOR_A_COUNT = 6  # of one in the count by which a semaphore is given back


def explain(failing: Record, passing: Record | None, sources: Sources) -> Finding:
    """The finding for a record that has a failure.

    `passing` is an execution of the same program that did not fail, if one is known: what both have in common is not
    the cause.
    """
    failure = failing.failure
    if failure is None:
        raise ValueError("the record has no failure to explain")
    history = History(failing)
    finding, failure = _overdue(history, failure, passing, sources)
    finding = finding or _explained(history, failure, passing, sources)
    finding = finding or explain_hurried(history, failure, passing, sources)
    failure = failure._replace(thread=raised_by(history, failure, sources)) if failure.kind == "exception" else failure
    finding = finding or with_kept(
        _unexplained(history, failure, sources, always=passing is None), failure, history, sources
    )
    ends = failure.kind == "exception" or finding.kind in ("fails under a schedule", "no end")
    finding = _with_end(finding, failure) if ends else finding
    words = Words(history, sources)
    finding = with_end(let_in(finding, sources), history, failure, sources)
    return words.named(finding._replace(why=finding.why + besides(failure, words)))


def _overdue(
    history: History, failure: Failure, passing: Record | None, sources: Sources
) -> tuple[Finding | None, Failure]:
    """The finding for a hang that a timeout of `join` has made an exception of, and the failure without it."""
    hang = failure.cause
    if failure.kind != "exception" or hang is None or hang.kind == "exception":
        return None, failure
    before = History(passing) if passing is not None else None
    return _stuck(history, hang, before, sources), failure._replace(cause=None)


def _explained(history: History, failure: Failure, passing: Record | None, sources: Sources) -> Finding | None:
    before = History(passing) if passing is not None else None
    remark = gravest(history.record.remarks)
    if remark is not None and (failure.kind == "misuse" or remark.kind == CALLED):
        return explain_remark(history, remark, sources)
    if failure.kind in ("deadlock", "hang", "steps") and (inside := stuck_in_call(failure, sources)) is not None:
        return explain_remark(history, inside, sources)
    if failure.kind in ("deadlock", "hang"):
        return _stuck(history, failure, before, sources)
    if failure.kind == "exception":
        thrown = thrown_away(history.record.remarks, sources)
        if thrown is not None:
            return explain_remark(history, thrown, sources)
        raised = explain_raised(history, failure, before, sources)
        return raised or explain_cut_off(history, failure, sources) or _misused(history, sources)
    if failure.kind == "steps":
        deaf = next((one for one in history.record.remarks if one.kind == IGNORES), None)
        return explain_endless(history, sources) if deaf is None else explain_remark(history, deaf, sources)
    if failure.kind == "outcome":
        return explain_outcome(history, passing, _rivals(history), sources)
    return None


def _misused(history: History, sources: Sources) -> Finding | None:
    """What asyncio does wrong at some place, where nothing else explains an exception: the gravest first."""
    known = [remark for remark in history.record.remarks if remark.kind in GRAVITY]
    known.sort(key=lambda remark: GRAVITY.index(remark.kind))
    return explain_remark(history, known[0], sources) if known else None


def _stuck(history: History, failure: Failure, before: History | None, sources: Sources) -> Finding | None:
    found = explain_import(history, failure, sources) or explain_server(history, failure, sources)
    if found is not None:
        return found
    circle = waiting_cycle(failure)
    abandoned = explain_abandoned(history, failure, circle[0], sources) if len(circle) == 1 else None
    if abandoned is not None:
        return abandoned
    if circle and not (len(circle) == 1 and is_left(circle[0], circle[0].since, sources)):
        return explain_cycle(history, circle, sources)
    found = explain_unanswered(history, failure, sources) or explain_nested(history, failure, sources)
    found = found or explain_loop(history, failure, sources)
    if found is not None:
        return found
    why = cause(history, failure, sources)
    if why is None:
        return None
    behind = _behind(history, failure, why, before, sources) or _unserved(history, why, before, sources)
    signals = why.kind in ("nobody sets it", "nothing comes")
    crossed = explain_crossed(history, failure, why.blocked, sources) if signals else None
    permits = explain_permits(history, failure, why, sources)
    lent = explain_lent(history, failure, why, sources)
    left = explain_left_unset(history, failure, why, sources)
    return behind or crossed or permits or lent or left or explain_hang(history, failure, why, sources)


def _behind(
    history: History, failure: Failure, found: Cause, before: History | None, sources: Sources
) -> Finding | None:
    """The lost update, or the like, because of which nobody does what a stuck thread waits for."""
    signals = found.kind == "never released" and hands_on(history, found.calls, sources)
    if not signals and found.kind not in ("nobody sets it", "nothing comes", "hang"):
        return None
    best, points = best_split(history, before, [], failure, sources)
    if best is None or not _explains_hang(history, best, points, sources, counts=signals):
        return None
    if history.events[best.other].kind == Kind.READ:
        return None  # who only looked has changed nothing for anybody
    if not signals and not goes_on_with(history, best, sources):
        return None
    hang = explain_hang(history, failure, found, sources)
    finding = explain_split(history, best, sources)
    last = next(
        moment for moment in hang.moments if moment.thread == found.blocked.thread and "for ever" in moment.does
    )
    return finding._replace(
        why=f"{finding.why} In the end {hang.sides[0].name} {hang.sides[0].does}.",
        sides=(*finding.sides, hang.sides[0]),
        moments=(*finding.moments, last),
    )


def _explains_hang(history: History, best: Split, points: int, sources: Sources, *, counts: bool) -> bool:
    """Whether a split is believed to be behind a hang.

    With `counts` it may be a counter that is asked, right after its change, whether to give a semaphore back.
    """
    asked = history.events[best.second].site
    if counts and best.kind == "changed after the write" and asked is not None and sources.in_test(asked):
        return points >= _ENOUGH_FOR_A_COUNT
    return points >= _ENOUGH_FOR_A_HANG and best.kind in ("lost update", "lock released in between")


def _unserved(history: History, found: Cause, before: History | None, sources: Sources) -> Finding | None:
    """What a stuck thread waits for is asked for in a queue from which nobody takes anything any more."""
    if found.kind != "nobody sets it" and found.waiting.kind != "queue get":
        return None
    left = leftover(history, before, found.blocked.thread, sources)
    if left is None or left.put.thread != found.blocked.thread:
        return None  # it waits for something else
    return explain_unserved(history, found.blocked, left, sources)


def _with_end(finding: Finding, failure: Failure) -> Finding:
    """The same with the exception as the last row of the timeline and the failing thread's stack on its side."""
    frame = innermost(failure.stack)
    site = frame_site(frame)
    sides = tuple(
        side._replace(stack=own(failure.stack)) if side.thread == failure.thread and not side.stack else side
        for side in finding.sides
    )
    if finding.moments and finding.moments[-1].does.startswith(FAILS):
        return finding._replace(sides=sides)
    end = Moment(failure.thread, site, f"{FAILS}{headline(failure)}")
    return finding._replace(sides=sides, moments=(*finding.moments, end))


def _unexplained(history: History, failure: Failure, sources: Sources, *, always: bool) -> Finding:
    """What is known when the cause is not: where the threads changed over, and how it ended."""
    words = Words(history, sources)
    site = frame_site(innermost(failure.stack))
    stopped = [words.moment(index) for index in _interleaved(history, failure.thread)] or [
        words.moment(index, "has to wait before this") for index in changeovers(history, site)
    ]
    kind = "no end" if failure.kind == "steps" else "fails under a schedule"
    by_time = kind == "fails under a schedule" and early(history) is not None
    kind = "wrong order" if by_time else kind
    always = always and kind == "fails under a schedule"
    numbers = [info.number for info in history.record.threads]
    rivals = "threads" if sum(not history.is_task(number) for number in numbers) > 1 else "tasks"
    plainly = always and rivals == "threads" and not history.record.switches
    told = _BY_TIME if by_time else _PLAINLY if plainly else _ALWAYS if always else _UNEXPLAINED[kind]
    if len(numbers) == 1 and kind == "fails under a schedule":
        elsewhere = any(map(waits_for_process, history.record.outside))
        told = _PROCESSES if elsewhere else _ALONE if always else told
    if always:
        stopped = [*begun(history, failure.thread), *stopped, *_calls(failure)]
    kind = "fails under every schedule" if plainly else kind
    return Finding(
        kind,
        f"{told.title}: {headline(failure)}",
        told.why.format(threads=rivals) + _last_words(history, failure),
        told.fix.format(threads=rivals),
        (Side(failure.thread, words.thread(failure.thread), "fails", site, own(failure.stack)),),
        tuple(stopped),
        gil=True if by_time or plainly else None,
        reason="" if by_time or plainly else "the cause is not recognised",
        certain=by_time,
    )


def _calls(failure: Failure) -> list[Moment]:
    """The calls down to the line that failed, as Python's traceback has them."""
    return [
        Moment(failure.thread, frame_site(frame), f"calls {called.function.rpartition('.')[2]}")
        for frame, called in itertools.pairwise(own(failure.stack))
    ]


def _last_words(history: History, failure: Failure) -> str:
    """What a program has printed that ended with an exit status, which says nothing by itself."""
    lines = [line.strip() for line in history.record.output.splitlines() if line.strip()]
    if not isinstance(failure.exception, SystemExit) or not lines:
        return ""
    return f" The last that it printed: {' / '.join(lines[-2:])}"


class _Told(NamedTuple):
    """What is said when the cause is not known."""

    title: str
    why: str
    fix: str


_ORDER = "Compare the order of the lines with the one that you had in mind; what must not be split needs one lock."
_UNEXPLAINED = {
    "fails under a schedule": _Told(
        "Fails under some schedules",
        "It passes under other schedules, and fails in this order. Which of the accesses is to blame could not be "
        "told.",
        _ORDER,
    ),
    "no end": _Told(
        "It does not end",
        "The {threads} go on without an end, even when each gets its turn: they may wait for each other in loops.",
        "See what each of them waits for, and let it wait with a Condition or an Event instead.",
    ),
}
_BY_TIME = _Told(
    "Fails when the others take longer",
    "It goes on when a time is over, and counts on what the others have done by then.",
    "Wait for what has to have happened, and not for a time: for a threading.Event that is set then, a join(), or the "
    "result of a future; with a timeout where it may never come.",
)
_PLAINLY = _Told(
    "Fails under every schedule that was tried",
    "It fails under the plainest schedule, too, where each of the {threads} goes on until it waits or ends, and no "
    "schedule was found under which it passes. So the order of the {threads} is hardly to blame.",
    "Mend it as you would in a program without {threads}; then check again.",
)
_ALONE = _Told(
    "Fails under every schedule that was tried",
    "It has started no thread and no task by then, so no order of theirs is to blame.",
    "Mend it as you would in any program; then check again.",
)
_PROCESSES = _Told(
    "Fails, with other processes at work",
    "It has started no thread and no task by then. What its other processes do, and when, is not under control, and "
    "may be to blame.",
    "See what the processes share. Each has a copy of everything but what multiprocessing has made to be shared, and "
    "`+=` on that takes its lock: `with number.get_lock(): number.value += 1`. What is taken out of a dict or list of "
    "a Manager is a copy, too: put it back after a change.",
)
_ALWAYS = _Told(
    "Fails under every schedule that was tried",
    "It may have nothing to do with the order of the {threads}: no schedule was found under which it passes.",
    "See whether it fails without {threads}, too; if it does, mend that first.",
)


def _rivals(history: History) -> list[int]:
    """The last two writes of different threads to one thing; else where threads changed over."""
    writes = [
        index for index, event in enumerate(history.events) if event.kind == Kind.WRITE and event.site is not None
    ]
    for later in reversed(writes):
        for earlier in reversed([index for index in writes[-_RECENT:] if index < later]):
            one, two = history.events[earlier], history.events[later]
            if one.thread != two.thread and min(one.thread, two.thread) > 0 and conflict(one, two):
                return [earlier, later]
    site = next((info.started for info in history.record.threads if info.started is not None), None)
    return changeovers(history, site)


def _interleaved(history: History, thread: int) -> list[int]:
    """What threads did last before others went on, and what those did first; else what the failing one shared."""
    found: set[int] = set()
    touches = _shared(history) or {
        index for index, event in enumerate(history.events) if event.kind in (Kind.READ, Kind.WRITE)
    }
    for switch in history.record.switches[-_SWITCHES:]:
        mine = history.of.get(switch.thread, [])[: switch.step]
        at = mine[-1] if mine else -1
        found.update([index for index in mine if index in touches][-1:])
        theirs = [index for index in history.of.get(switch.to, []) if index > at and index in touches]
        found.update(theirs[:1])
        found.update([index for index in theirs[:_SOON] if history.events[index].kind == Kind.WRITE][:1])
    shared = _contended(history, thread)
    return sorted({*found, *shared[-2:]}) if len({history.events[index].thread for index in found}) > 1 else shared


def _shared(history: History) -> set[int]:
    """The accesses to what several threads touch once there are several, and one of them changes."""
    begun = next((index for index, event in enumerate(history.events) if event.kind == Kind.START), 0)
    users: dict[tuple[int, str], set[int]] = {}
    changed: set[tuple[int, str]] = set()
    for event in history.events[begun:]:
        if event.kind in (Kind.READ, Kind.WRITE):
            key = event.place, "[" if event.name[:1] == "[" else event.name
            users.setdefault(key, set()).add(event.thread)
            if event.kind == Kind.WRITE:
                changed.add(key)
    rivals = {key for key in changed if len(users[key]) > 1}
    keys = ((event.place, "[" if event.name[:1] == "[" else event.name) for event in history.events)
    is_access = (event.kind in (Kind.READ, Kind.WRITE) for event in history.events)
    return {index for index, (key, access) in enumerate(zip(keys, is_access, strict=True)) if access and key in rivals}


def _contended(history: History, thread: int) -> list[int]:
    """The last accesses of a thread to what another one changes, or has changed, with the other's."""
    found: set[int] = set()
    accesses = [index for index in history.of.get(thread, []) if history.events[index].kind in (Kind.READ, Kind.WRITE)]
    for mine in reversed(accesses[-_RECENT:]):
        others = [
            index
            for index in range(len(history.events))
            if history.events[index].thread != thread and conflict(history.events[index], history.events[mine])
        ]
        if others:
            found |= {mine, min(others, key=lambda index: abs(index - mine))}
        if len(found) >= 6:
            break
    return sorted(found)
