"""The one finding that explains an execution that failed: its cause where it is recognised, else its last switches."""

from __future__ import annotations

import ast
import queue

from plait._check.atomicity import Split, one_call, overlap, splits
from plait._check.deadlocks import waiting_cycle
from plait._check.explain_deadlock import explain_cycle
from plait._check.explain_hang import explain_hang
from plait._check.explain_queue import explain_queue
from plait._check.explain_split import explain_split
from plait._check.explain_swap import explain_swap
from plait._check.explain_torn import explain_iteration, explain_torn
from plait._check.findings import FAILS, Finding, Moment, Side
from plait._check.hangs import Cause, cause
from plait._check.history import History
from plait._check.known_errors import Known, known
from plait._check.ordering import swaps
from plait._check.record import Failure, Record
from plait._check.source import Sources
from plait._check.torn import torn
from plait._check.words import Words, frame_site, innermost, own
from plait._core.event import Kind, Site, conflict

_ITERATED = ("changed size during iteration", "mutated during iteration", "keys changed during iteration")
_RECENT = 30  # accesses of the failing thread that are looked at when nothing else explains it
_ENOUGH = 6  # points of a split that is believed
_ENOUGH_FOR_A_HANG = 8  # where no symptom says which part is wrong


def explain(failing: Record, passing: Record | None, sources: Sources) -> Finding:
    """The finding for a record that has a failure.

    `passing` is an execution of the same program that did not fail, if one is known: what both have in common is not
    the cause.
    """
    failure = failing.failure
    if failure is None:
        raise ValueError("the record has no failure to explain")
    history = History(failing)
    return Words(history, sources).named(_explained(history, failure, passing, sources))


def _explained(history: History, failure: Failure, passing: Record | None, sources: Sources) -> Finding:
    if failure.kind in ("deadlock", "hang"):
        circle = waiting_cycle(failure)
        if circle:
            return explain_cycle(history, circle, sources)
        found = cause(history, failure, sources)
        if found is None:
            return _unexplained(history, failure, sources)
        return _behind(history, failure, found, passing, sources) or explain_hang(history, failure, found, sources)
    if failure.kind != "exception":
        return _unexplained(history, failure, sources)
    return _with_end(_of_exception(history, failure, passing, sources), failure)


def _behind(
    history: History, failure: Failure, found: Cause, passing: Record | None, sources: Sources
) -> Finding | None:
    """The lost update, or the like, because of which nobody does what a stuck thread waits for."""
    if found.kind not in ("nobody sets it", "nothing comes", "hang"):
        return None
    before = History(passing) if passing is not None else None
    best, points = _best_split(history, before, [], failure, sources)
    if best is None or points < _ENOUGH_FOR_A_HANG or best.kind not in ("lost update", "lock released in between"):
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


def _of_exception(history: History, failure: Failure, passing: Record | None, sources: Sources) -> Finding:
    told = known(failure.exception)
    if told is not None:
        return _known(history, failure, told, sources)
    if isinstance(failure.exception, queue.Empty | queue.Full):
        asked = explain_queue(history, failure, sources)
        if asked is not None:
            return asked
    suspects = _suspects(history, failure)
    reading = _iteration(history, failure, suspects)
    if reading is not None:
        return explain_iteration(history, *reading, sources)
    before = History(passing) if passing is not None else None
    best, points = _best_split(history, before, suspects, failure, sources)
    if best is not None and points >= _ENOUGH:
        return _unlooped(history, best, sources) or explain_split(history, best, sources)
    found = torn(history) if isinstance(failure.exception, AssertionError | SystemExit) else None
    if found is not None:
        return explain_torn(history, found, sources)
    for swap in swaps(history, before, suspects) if before is not None else ():
        return explain_swap(history, swap, sources)
    if best is not None:
        return explain_split(history, best, sources)
    return _unexplained(history, failure, sources)


def _known(history: History, failure: Failure, told: Known, sources: Sources) -> Finding:
    """The finding for an exception that says itself what is wrong."""
    words = Words(history, sources)
    site = frame_site(innermost(failure.stack))
    facts = {"name": words.thread(failure.thread), "here": words.line(site)}
    side = Side(failure.thread, facts["name"], headline(failure), site, own(failure.stack))
    moments = [words.moment(index) for index in _changeovers(history, site)]
    return Finding(
        told.kind, told.title, told.why.format_map(facts), told.fix.format_map(facts), (side,), tuple(moments)
    )


def _changeovers(history: History, site: Site | None) -> list[int]:
    """The events right before which other threads than the one at the end were stopped, in the same file."""
    found = []
    for switch in history.record.switches[-4:]:
        mine = history.of.get(switch.thread, [])
        event = history.events[mine[switch.step]] if switch.step < len(mine) else None
        if event is not None and event.site is not None and site is not None and event.site.file == site.file:
            found.append(mine[switch.step])
    return sorted(found)


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


def _suspects(history: History, failure: Failure) -> list[int]:
    """What the failing thread touched on the lines of the failure, the last first; else what it touched last."""
    mine = [
        index for index in history.of.get(failure.thread, []) if history.events[index].kind in (Kind.READ, Kind.WRITE)
    ]
    lines = {(frame.file, frame.line) for frame in own(failure.stack)}
    hot = [index for index in mine if _line(history.events[index].site) in lines]
    return list(reversed(hot or mine[-4:]))


def _iteration(history: History, failure: Failure, suspects: list[int]) -> tuple[int, int] | None:
    """For an exception that says so: the read of the iteration and another thread's change before it."""
    if not any(text in str(failure.exception) for text in _ITERATED):
        return None
    for reading in suspects:
        event = history.events[reading]
        for index in range(reading - 1, -1, -1):
            other = history.events[index]
            if other.kind == Kind.WRITE and other.thread != event.thread and overlap(other, event):
                return reading, index
    return None


def _best_split(
    history: History, before: History | None, suspects: list[int], failure: Failure, sources: Sources
) -> tuple[Split | None, int]:
    """The split that explains the failure best, and how many points speak for it."""
    symptoms = [history.events[index] for index in suspects]
    usual = {_signature(before, split) for split in splits(before)} if before is not None else set()
    best: tuple[int, int] | None = None
    chosen = None
    for split in splits(history):
        points = _points(history, split, failure, sources)
        middle = history.events[split.other]
        points += 4 if any(overlap(middle, symptom) for symptom in symptoms) else 0
        points -= 6 if _signature(history, split) in usual else 0
        rank = points, split.second
        if best is None or rank > best:
            best, chosen = rank, split
    return chosen, best[0] if best else 0


def _points(history: History, split: Split, failure: Failure, sources: Sources) -> int:
    first, second = history.events[split.first], history.events[split.second]
    if first.site is None or second.site is None:
        return -10
    points = {
        "lost update": 3,
        "lock released in between": 3,
        "non-repeatable read": 1,
        "changed after the write": 1,
    }.get(split.kind, 0)
    if first.kind == Kind.READ and first.site != second.site and sources.in_test(first.site):
        points += 2
    apart = -4 if first.kind == Kind.WRITE else -1  # what is written in one function may be changed in another
    points += 3 if one_call(history, split.first, split.second) else apart
    points += 1 if first.thread == failure.thread else 0
    steps = range(history.steps[split.first] + 1, history.steps[split.second] + 1)
    points += 2 if any(one.thread == first.thread and one.step in steps for one in history.record.switches) else 0
    return points


def _signature(history: History, split: Split) -> tuple[object, ...]:
    return (split.kind, *(history.events[index].site for index in split[1:]))


def _unlooped(history: History, split: Split, sources: Sources) -> Finding | None:
    """A split over a wait that stands in no loop: the wait is what is wrong."""
    site = history.events[split.first].site
    function = sources.function(site) if site is not None else None
    for node in ast.walk(function) if function is not None else ():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "wait"):
            continue
        place = Site(site.file, node.lineno, node.col_offset, node.lineno, node.col_offset, "", "") if site else None
        if place is None or sources.enclosing(place, ast.While) is not None or not _waited(history, split, node.lineno):
            continue
        found = explain_split(history, split, sources)
        thing = ast.unparse(node.func.value)
        one = Words(history, sources).thread(history.events[split.first].thread)
        return found._replace(
            kind="wait without loop",
            title=f"A wait without a loop: {thing}.wait()",
            why=f"{one} checks once, waits in line {node.lineno}, and goes on as soon as it is woken. By then another "
            "thread has been quicker and changed it again, so what it waited for is not so.",
            fix=f"Use `while` instead of `if` around `{thing}.wait()`, or `{thing}.wait_for(...)`.",
            gil=True,
            reason="it waits in between",
        )
    return None


def _waited(history: History, split: Split, line: int) -> bool:
    """Whether the thread waited at this line between the two accesses, and not for a lock of its own."""
    mine = history.of[history.events[split.first].thread]
    between = (history.events[index] for index in mine[history.steps[split.first] : history.steps[split.second]])
    return any(event.kind == Kind.ACQUIRE and event.site is not None and event.site.line == line for event in between)


def _with_end(finding: Finding, failure: Failure) -> Finding:
    """The same with the exception as the last row of the timeline and the failing thread's stack on its side."""
    frame = innermost(failure.stack)
    site = frame_site(frame)
    sides = tuple(
        side._replace(stack=own(failure.stack)) if side.thread == failure.thread and not side.stack else side
        for side in finding.sides
    )
    if site is None or (finding.moments and finding.moments[-1].does.startswith(FAILS)):
        return finding._replace(sides=sides)
    end = Moment(failure.thread, site, f"{FAILS}{headline(failure)}")
    return finding._replace(sides=sides, moments=(*finding.moments, end))


def headline(failure: Failure) -> str:
    """The failure in one line.

    >>> headline(Failure("exception", "", 0, AssertionError("expected 2"), (), ()))
    'AssertionError: expected 2'
    """
    if failure.exception is None:
        return failure.summary.partition("\n")[0]
    text = str(failure.exception).strip().partition("\n")[0]
    name = type(failure.exception).__name__
    return f"{name}: {text}" if text else name


def _unexplained(history: History, failure: Failure, sources: Sources) -> Finding:
    """What is known when the cause is not: where the threads changed over, and how it ended."""
    words = Words(history, sources)
    site = frame_site(innermost(failure.stack))
    stopped = [words.moment(index) for index in _contended(history, failure.thread)] or [
        words.moment(index, "has to wait before this") for index in _changeovers(history, site)
    ]
    kind = {"steps": "no end", "died": "died"}.get(failure.kind, "fails under a schedule")
    title = {"no end": "It does not end", "died": "The process died"}.get(kind, "Fails under some schedules")
    return Finding(
        kind,
        f"{title}: {headline(failure)}",
        _UNEXPLAINED[kind],
        "Compare the order of the lines with the one that you had in mind; what must not be split needs one lock.",
        (Side(failure.thread, words.thread(failure.thread), "fails", site, own(failure.stack)),),
        (*stopped, Moment(failure.thread, site, f"{FAILS}{headline(failure)}")),
        gil=None,
        reason="the cause is not recognised",
        certain=False,
    )


_UNEXPLAINED = {
    "fails under a schedule": "It passes when the threads run one after the other, and fails in this order. Which of "
    "the accesses is to blame could not be told.",
    "no end": "The threads go on without an end, even when each gets its turn: they may wait for each other in loops.",
    "died": "The process that ran it ended before the run was over.",
}


def _line(site: Site | None) -> tuple[str, int] | None:
    return (site.file, site.line) if site is not None else None
