"""Says of a thread that failed that a notify has woken it for nothing: it waited once, and did not look again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from plait._check.explain.split import explain_split
from plait._check.findings import Finding
from plait._check.reading.atomicity import Split, overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.uses import is_wake_up
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words
from plait._core.event import Event, Kind, Site

_NEAR = 24  # events before the end of a wait in which the thread looked at what it waits for


def explain_woken(history: History, suspects: list[int], sources: Sources) -> Finding | None:
    """The finding for a failing use of what was asked before a wait, and has not changed since; else None."""
    for use in suspects:
        thread = history.events[use].thread
        mine = [index for index in history.of[thread] if index < use]
        woken = next((index for index in reversed(mine) if _ends_wait(history, index, sources)), None)
        if woken is None:
            continue
        looks = (index for index in reversed(mine) if index < woken and _asks(history, index, use, sources))
        look = next(looks, None)
        if look is None or any(_changes(history, at, use) for at in range(look, use)):
            continue
        return _told(history, look, woken, use, sources)
    return None


def explain_overtaken(history: History, before: History | None, sources: Sources) -> Finding | None:
    """The finding for what a thread was woken for, and a third one took before it went on; None if there is none.

    Not where that happens in an execution that passes, too: then it does no harm.
    """
    usual = {_where(before, one) for one in _overtaken(before, sources)} if before is not None else set()
    for one in _overtaken(history, sources):
        if _where(history, one) not in usual:
            return _told_overtaken(history, one, sources)
    return None


class Overtaken(NamedTuple):
    """Indices of a look at what is waited for, the notify, the change by a third thread, and the end of the wait."""

    look: int
    notify: int
    change: int
    woken: int


def _where(history: History, one: Overtaken) -> Site | None:
    """Where the wait is in the source."""
    return history.events[one.woken].site


def _overtaken(history: History, sources: Sources) -> Iterator[Overtaken]:
    events = history.events
    for woken, event in enumerate(events):
        if not _ends_wait(history, woken, sources):
            continue
        mine = history.of[event.thread]
        signal = events[mine[history.steps[woken] - 1]].place
        notify = next((at for at in range(woken, -1, -1) if _lets_go(history, at, signal)), -1)
        test = _asked_before(event.site, sources)
        if notify < 0 or test is None:
            continue
        step = history.steps[woken]
        looks = [at for at in mine[max(0, step - _NEAR) : step] if _in(events[at], test)]
        for change in range(notify, woken):
            one = events[change]
            if one.kind == Kind.WRITE and one.thread not in (event.thread, events[notify].thread):
                look = next((at for at in looks if overlap(events[at], one)), -1)
                if look >= 0:
                    yield Overtaken(look, notify, change, woken)


def _asked_before(site: Site | None, sources: Sources) -> ast.expr | None:
    """The test of the innermost `if` that has a line in its body; None if there is none."""
    function = sources.function(site) if site is not None else None
    tests = [
        node.test
        for node in (ast.walk(function) if function is not None else ())
        if isinstance(node, ast.If) and site is not None
        if node.body[0].lineno <= site.line <= (node.body[-1].end_lineno or 0)
    ]
    return max(tests, key=lambda test: test.lineno, default=None)


def _in(event: Event, test: ast.expr) -> bool:
    """Whether it looks at something in this test, or in a function that the test calls."""
    if event.kind != Kind.READ or event.site is None:
        return False
    calls = (one.func for one in ast.walk(test) if isinstance(one, ast.Call))
    called = {getattr(one, "attr", getattr(one, "id", "")) for one in calls}
    lines = range(test.lineno, 1 + (test.end_lineno or 0))
    return event.site.line in lines or event.site.function.rpartition(".")[2] in called


def _told_overtaken(history: History, found: Overtaken, sources: Sources) -> Finding:
    words = Words(history, sources)
    look, notify, change, woken = (history.events[index] for index in found)
    line = sources.line(woken.site.file, woken.site.line) if woken.site is not None else ""
    thing, asked = receiver(line, "wait"), words.thing(found.look)
    one, other, third = (words.thread(event.thread) for event in (woken, notify, change))
    return Finding(
        "wait without loop",
        f"A wait without a loop: {thing}.wait()",
        f"{one} looks at `{asked}` in {words.line(look.site)}, waits in {words.line(woken.site)}, and goes on as soon "
        f"as it is woken. {other} wakes it in {words.line(notify.site)}; but before it has its turn, {third} changes "
        f"`{words.thing(found.change)}` in {words.line(change.site)}, so what it was woken for is gone.",
        f"Use `while` instead of `if` around `{thing}.wait()`, or `{thing}.wait_for(...)`.",
        (words.side(found.woken), words.side(found.change)),
        (
            words.moment(found.look),
            words.moment(found.notify, f"wakes whoever waits for {thing}"),
            words.moment(found.change),
            words.moment(found.woken, f"goes on behind {thing}.wait(), and does not look again"),
        ),
        gil=True,
        reason="it waits in between",
    )


def _told(history: History, look: int, woken: int, use: int, sources: Sources) -> Finding:
    words = Words(history, sources)
    events = history.events
    site = events[woken].site
    line = sources.line(site.file, site.line) if site is not None else ""
    thing, asked = receiver(line, "wait"), words.thing(look)
    one = words.thread(events[use].thread)
    signal = events[history.of[events[woken].thread][history.steps[woken] - 1]].place
    notify = next((at for at in range(woken, -1, -1) if _lets_go(history, at, signal)), None)
    by = (
        f" {words.thread(events[notify].thread)} wakes it in {words.line(events[notify].site)}."
        if notify is not None
        else ""
    )
    rows = [words.moment(look), words.moment(woken, f"is woken from {thing}.wait()"), words.moment(use)]
    if notify is not None:
        rows.insert(1, words.moment(notify, f"wakes whoever waits for {thing}"))
    return Finding(
        "wait without loop",
        f"A wait without a loop: {thing}.wait()",
        f"{one} looks at `{asked}` in {words.line(events[look].site)}, waits in {words.line(site)}, and goes on as "
        f"soon as it is woken.{by} But `{asked}` has not changed by then: a notify says that something may "
        "have happened, not what.",
        f"Use `while` instead of `if` around `{thing}.wait()`, or `{thing}.wait_for(...)`.",
        (words.side(use),),
        tuple(rows),
        gil=True,
        reason="it waits in between",
    )


def _ends_wait(history: History, index: int, sources: Sources) -> bool:
    """Whether a wait on a condition ends here, that stands in no loop."""
    event = history.events[index]
    if event.kind != Kind.ACQUIRE or event.site is None or not is_wake_up(history, index):
        return False
    line = sources.line(event.site.file, event.site.line)
    return bool(receiver(line, "wait")) and sources.enclosing(event.site, ast.While) is None


def _asks(history: History, index: int, use: int, sources: Sources) -> bool:
    event = history.events[index]
    asks = event.kind == Kind.READ and event.site is not None and sources.in_test(event.site)
    return asks and overlap(event, history.events[use])


def _changes(history: History, index: int, use: int) -> bool:
    event = history.events[index]
    return event.kind == Kind.WRITE and overlap(event, history.events[use])


def _lets_go(history: History, index: int, signal: int) -> bool:
    event = history.events[index]
    return event.kind == Kind.RELEASE and event.place == signal


def explain_unlooped(history: History, split: Split, sources: Sources) -> Finding | None:
    """A split over a wait that stands in no loop: the wait is what is wrong."""
    site = history.events[split.first].site
    function = sources.function(site) if site is not None else None
    for node in ast.walk(function) if function is not None else ():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "wait"):
            continue
        place = Site(site.file, node.lineno, node.col_offset, node.lineno, node.col_offset, "", "") if site else None
        if place is None or sources.enclosing(place, ast.While) is not None:
            continue
        if not _waited(history, split, place, sources):
            continue
        found = explain_split(history, split, sources)
        thing = ast.unparse(node.func.value)
        thread = history.events[split.first].thread
        one, kind = Words(history, sources).thread(thread), "task" if history.is_task(thread) else "thread"
        return found._replace(
            kind="wait without loop",
            title=f"A wait without a loop: {thing}.wait()",
            why=f"{one} checks once, waits in line {node.lineno}, and goes on as soon as it is woken. By then another "
            f"{kind} has been quicker and changed it again, so what it waited for is not so.",
            fix=f"Use `while` instead of `if` around `{thing}.wait()`, or `{thing}.wait_for(...)`.",
            gil=True,
            reason="it waits in between",
        )
    return None


def _waited(history: History, split: Split, place: Site, sources: Sources) -> bool:
    """Whether the thread waited at this line between the two accesses, and not for a lock of its own.

    A task waits there under the lock of an asyncio.Condition; else it may be another thing that has a `wait`.
    """
    waits = Kind.ACQUIRE
    if history.is_task(history.events[split.first].thread):
        entered = sources.entered_around(place.file, place.line)
        if receiver(sources.line(place.file, place.line), "wait") != entered:
            return False
        waits = Kind.PAUSE
    mine = history.of[history.events[split.first].thread]
    between = (history.events[index] for index in mine[history.steps[split.first] : history.steps[split.second]])
    return any(event.kind == waits and event.site is not None and event.site.line == place.line for event in between)
