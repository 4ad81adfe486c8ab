"""The one finding that explains an execution that failed: its cause where it is recognised, else its last switches."""

from __future__ import annotations

import ast

from plait._check.atomicity import Split, overlap, splits
from plait._check.deadlocks import waiting_cycle
from plait._check.explain_access import explain_iteration, explain_split, explain_swap, in_test
from plait._check.explain_deadlock import explain_cycle
from plait._check.explain_hang import explain_hang
from plait._check.findings import Finding, Moment, Side
from plait._check.hangs import cause
from plait._check.history import History
from plait._check.ordering import swaps
from plait._check.record import Failure, Record
from plait._check.source import Sources
from plait._check.words import Words, frame_site, innermost, own
from plait._core.event import Kind, Site

_ITERATED = ("changed size during iteration", "mutated during iteration", "keys changed during iteration")
_ENOUGH = 6  # points of a split that is believed


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
        return explain_hang(history, failure, found, sources) if found else _unexplained(history, failure, sources)
    if failure.kind != "exception":
        return _unexplained(history, failure, sources)
    return _with_end(_of_exception(history, failure, passing, sources), failure)


def _of_exception(history: History, failure: Failure, passing: Record | None, sources: Sources) -> Finding:
    suspects = _suspects(history, failure)
    reading = _iteration(history, failure, suspects)
    if reading is not None:
        return explain_iteration(history, *reading, sources)
    before = History(passing) if passing is not None else None
    best, points = _best_split(history, before, suspects, failure, sources)
    if best is not None and points >= _ENOUGH:
        return _unlooped(history, best, sources) or explain_split(history, best, sources)
    for swap in swaps(history, before, suspects) if before is not None else ():
        return explain_swap(history, swap, sources)
    if best is not None:
        return explain_split(history, best, sources)
    return _unexplained(history, failure, sources)


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
    points = {"lost update": 3, "lock released in between": 3, "non-repeatable read": 1}.get(split.kind, 0)
    if first.kind == Kind.READ and first.site != second.site and in_test(sources, first.site):
        points += 2
    points += 2 if first.site.function == second.site.function else 0
    points += 1 if _same_call(history, split) else -1
    points += 1 if first.thread == failure.thread else 0
    steps = range(history.steps[split.first] + 1, history.steps[split.second] + 1)
    points += 2 if any(one.thread == first.thread and one.step in steps for one in history.record.switches) else 0
    return points


def _same_call(history: History, split: Split) -> bool:
    """Whether the function of the first access was not entered again before the second."""
    function = site.function if (site := history.events[split.first].site) is not None else ""
    mine = history.of[history.events[split.first].thread]
    between = (history.events[index] for index in mine[history.steps[split.first] + 1 : history.steps[split.second]])
    return not any(
        event.kind == Kind.ENTER and event.site is not None and event.site.function == function for event in between
    )


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
    if site is None or (finding.moments and _line(finding.moments[-1].site) == _line(site)
                        and finding.moments[-1].thread == failure.thread):  # fmt: skip
        return finding._replace(sides=sides)
    end = Moment(failure.thread, site, f"fails: {headline(failure)}")
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
    moments = []
    for switch in history.record.switches[-4:]:
        mine = history.of.get(switch.thread, [])
        if switch.step < len(mine) and history.events[mine[switch.step]].site is not None:
            moments.append((mine[switch.step], words.moment(mine[switch.step], "has to wait before this")))
    moments.sort(key=lambda row: row[0])
    site = frame_site(innermost(failure.stack))
    kind = {"steps": "no end", "died": "died"}.get(failure.kind, "fails under a schedule")
    title = {"no end": "It does not end", "died": "The process died"}.get(kind, "Fails under some schedules")
    return Finding(
        kind,
        f"{title}: {headline(failure)}",
        _UNEXPLAINED[kind],
        "Compare the order of the lines with the one that you had in mind; what must not be split needs one lock.",
        (Side(failure.thread, words.thread(failure.thread), "fails", site, own(failure.stack)),),
        (*(moment for _, moment in moments), Moment(failure.thread, site, f"fails: {headline(failure)}")),
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
