"""Says of a thread that failed that a notify has woken it for nothing: it waited once, and did not look again."""

from __future__ import annotations

import ast

from plait._check.atomicity import overlap
from plait._check.findings import Finding
from plait._check.history import History
from plait._check.source import Sources
from plait._check.uses import is_wake_up
from plait._check.waits import receiver
from plait._check.words import Words
from plait._core.event import Kind


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
