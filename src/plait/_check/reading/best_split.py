"""Which split explains a failure best: points for what speaks for it."""

from __future__ import annotations

import ast

from plait._check.reading.atomicity import Split, called_within, goes_round, one_call, overlap, splits
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import frame_site, innermost, line_of
from plait._check.record import Failure
from plait._core.event import Event, Kind


def best_split(
    history: History, before: History | None, suspects: list[int], failure: Failure, sources: Sources
) -> tuple[Split | None, int]:
    """The split that explains the failure best, and how many points speak for it."""
    symptoms = [history.events[index] for index in suspects]
    raised = _raised(history, failure)
    usual = {_signature(before, split) for split in splits(before)} if before is not None else set()
    best: tuple[int, int] | None = None
    chosen = None
    for split in splits(history):
        points = _points(history, split, failure, sources)
        middle = history.events[split.other]
        points += 4 if any(overlap(middle, symptom) for symptom in symptoms) else 0
        points -= 6 if _signature(history, split) in usual else 0
        points -= 8 if middle.thread == failure.thread and split.other > raised else 0
        points -= 8 if history.events[split.second].thread == failure.thread and split.second > raised else 0
        rank = points, -split.second
        if best is None or rank > best:
            best, chosen = rank, split
    return chosen, best[0] if best else 0


def goes_on_with(history: History, split: Split, sources: Sources) -> bool:
    """Whether what is wrong by a split is of any consequence: it is looked at later, or kept in a local variable.

    Else nothing that comes later is due to it, a hang for example.
    """
    first, written = history.events[split.first].site, history.events[split.second]
    if first is not None and isinstance(sources.statement(first), ast.Assign):
        return True
    later = (event for event in history.events[split.second + 1 :] if event.kind == Kind.READ)
    return any(overlap(written, event) for event in later)


def _raised(history: History, failure: Failure) -> int:
    """The last access on the line that raised the exception: what the thread does after it explains nothing."""
    line = line_of(frame_site(innermost(failure.stack)))
    mine = history.of.get(failure.thread, [])
    found = next((index for index in reversed(mine) if line_of(history.events[index].site) == line), None)
    return len(history.events) if found is None else found


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
    if first.kind == second.kind == Kind.READ and first.site.line != second.site.line and sources.forgets(first.site):
        points -= 3  # who reads again, and has not kept what it read
    apart = -4 if first.kind == Kind.WRITE else -1  # what is written in one function may be changed in another
    if split.kind == "non-repeatable read" and first.site == second.site and sources.in_test(first.site):
        points -= 10  # who asks again, in another turn or another call, takes nothing for granted
    if split.kind == "non-repeatable read" and first.site.function != second.site.function:
        points -= 4 if sources.in_test(first.site) and sources.in_test(second.site) else 0  # each decides for itself
    apart = 1 if called_within(history, split.first, split.second) else apart
    points -= 10 if _is_length(history, split, sources) else 0
    points += 3 if one_call(history, split.first, split.second) else apart
    points -= 5 if _is_next_round(split, first, second, sources) else 0
    points += 1 if first.thread == failure.thread else 0
    steps = range(history.steps[split.first] + 1, history.steps[split.second] + 1)
    points += 2 if any(one.thread == first.thread and one.step in steps for one in history.record.switches) else 0
    return points


def _is_next_round(split: Split, first: Event, second: Event, sources: Sources) -> bool:
    """Whether the second access is that of another turn of a loop, which takes little for granted of the one before."""
    if split.kind == "lost update" or (first.kind, second.kind) == (Kind.READ, Kind.WRITE):
        return False
    if first.name != second.name or not goes_round(first.site, second.site):
        return False
    return first.site is None or not sources.iterated(first.site)


def _is_length(history: History, split: Split, sources: Sources) -> bool:
    """Whether only the length of a list was looked at, and the change between is that of an element."""
    place = history.record.places.get(history.events[split.first].place)
    looks = [history.events[index] for index in (split.first, split.second)]
    sized = any(one.site is not None and one.kind == Kind.READ and sources.is_measured(one.site) for one in looks)
    fixed = place is not None and place.label in ("list", "deque", "bytearray", "array", "memoryview")
    return fixed and sized and history.events[split.other].name != "[]"


def _signature(history: History, split: Split) -> tuple[object, ...]:
    return (split.kind, *history.sites(*split[1:]))
