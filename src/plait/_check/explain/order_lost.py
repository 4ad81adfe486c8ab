"""Says that two threads went through a lock one after the other, and came to the next step in the other order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait._check.findings import Finding
from plait._check.reading.atomicity import one_call
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.waits import receiver
from plait._check.reading.wires import called, sends
from plait._check.reading.words import Words
from plait._core.event import Kind, Site

_NEAR = 16  # events behind a change in which it is handed on
_MANY = 100  # changes that are looked at, the last ones
_PUTS = ("put", "put_nowait", "append")


class Lost(NamedTuple):
    """The changes of both threads under the lock, and the steps behind it, which came in the other order."""

    changes: tuple[int, int]
    steps: tuple[int, int]


def explain_order_lost(history: History, before: History | None, sources: Sources) -> Finding | None:
    """The finding for what the execution that passed does not have; None if there is nothing."""
    found = next(_lost(history, sources), None) if before is not None else None
    if found is None or before is None or next(_lost(before, sources), None) is not None:
        return None
    words = Words(history, sources)
    early, late = found.changes
    one, other = (words.thread(history.events[index].thread) for index in found.changes)
    (change, step), lock = history.sites(early, found.steps[0]), words.lock(min(history.locks(early)))
    thing, goes = words.thing(early), _goes(step, sources)
    return Finding(
        "lock released in between",
        f"Overtaken behind the lock: {thing}",
        f"{one} changes `{thing}` in {words.line(change)} before {other} does, both under `{lock}`; but {other} comes "
        f"first to {words.line(step)}, where the lock is let go{goes}. What was made in one order goes out in another.",
        f"Keep `{lock}` until {words.line(step)} is done: one `with` block around {words.block([change, step])}. Or "
        "put what has a number back into order where it is taken.",
        (words.side(early), words.side(late)),
        tuple(
            words.moment(index) if index in found.changes else words.moment(index, "comes to the next step")
            for index in sorted((*found.changes, *found.steps))
        ),
        gil=True,
        reason="a lock is let go in between",
    )


def _goes(step: Site | None, sources: Sources) -> str:
    """What goes on there."""
    if step is None:
        return ""
    line = sources.line(step.file, step.line)
    thing = next(filter(None, (receiver(line, method) for method in _PUTS)), "") or called(step)
    return f", with `{thing}`" if thing else ""


def _lost(history: History, sources: Sources) -> Iterator[Lost]:
    """Two threads that change something under a lock, let go of it, and come to the next step the other way round."""
    changes = [at for at, event in enumerate(history.events) if event.kind is Kind.WRITE and history.locks(at)]
    went = [found for index in changes[-_MANY:] for found in _next(history, index, sources)]
    for early, step in went:
        for late, other in went:
            one, two = history.events[early], history.events[late]
            alike = one.thread != two.thread and (one.place, one.site) == (two.place, two.site)
            if alike and early < late and other < step and _alike(history, step, other):
                yield Lost((early, late), (step, other))


def _next(history: History, change: int, sources: Sources) -> Iterator[tuple[int, int]]:
    """A change under a lock, with what the same call hands on behind the end of the lock, if it does."""
    mine, step = history.of[history.events[change].thread], history.steps[change]
    for index in mine[step + 1 : step + 1 + _NEAR]:
        if not history.held_over(change, index) and one_call(history, change, index):
            if _hands(history, index, sources):
                yield change, index
                return


def _hands(history: History, index: int, sources: Sources) -> bool:
    """Whether something is put or sent there."""
    event = history.events[index]
    if event.site is None or event.kind not in (Kind.ACQUIRE, Kind.WRITE, Kind.OUTSIDE):
        return False
    line = sources.line(event.site.file, event.site.line)
    return sends(history, index) or any(receiver(line, method) for method in _PUTS)


def _alike(history: History, one: int, other: int) -> bool:
    first, second = history.events[one], history.events[other]
    return (first.kind, first.place, first.site) == (second.kind, second.place, second.site)
