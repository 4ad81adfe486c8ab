"""Says of a failure without another cause that only sleeps keep the threads in order: it passes as if nobody slept."""

from __future__ import annotations

from collections.abc import Sequence

from plait._check.clock import HURRIED
from plait._check.findings import Finding, Side
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words, frame_site, headline, innermost, own
from plait._check.record import Failure, Record
from plait._core.event import Event, Kind

_USES = (Kind.READ, Kind.WRITE)
_SHOWN = 3  # the last uses of what threads share


def explain_hurried(history: History, failure: Failure, passing: Record | None, sources: Sources) -> Finding | None:
    """The finding, if `passing` is an execution in which sleeps were over at once; None if it is not."""
    if failure.kind != "exception" or passing is None:
        return None
    if not any(event.kind == Kind.SLEEP and event.name == HURRIED for event in passing.events):
        return None
    words = Words(history, sources)
    slept = [event.site for event in (*history.events, *passing.events) if _sleeps(event)]
    where = words.lines(slept)
    rival = "tasks" if all(map(history.is_task, range(1, len(history.record.threads)))) else "threads"
    shared = _shared(history.events)
    return Finding(
        "wrong order",
        f"Only the time keeps them in order: {headline(failure)}",
        f"It fails with the sleeps in {where} as long as they are. It passes when they are over at once, and each of "
        f"the {rival} goes on to its end before the next one begins. So it counts on an order that nothing makes but "
        "the time that things take.",
        "Wait for what has to have happened, and not for a time: for the end of a thread (`join()`), for a "
        "threading.Event, for an item in a queue.Queue. If it is results that come in another order than they were "
        "asked for, keep each with its number, or use `executor.map(...)`, which gives them in the order of its input.",
        (
            Side(
                failure.thread,
                words.thread(failure.thread),
                "fails",
                frame_site(innermost(failure.stack)),
                own(failure.stack),
            ),
        ),
        tuple(words.moment(index) for index in shared[-_SHOWN:]),
        gil=True,
        reason="it waits in between",
    )


def _sleeps(event: Event) -> bool:
    return event.kind == Kind.SLEEP and event.site is not None


def _shared(events: Sequence[Event]) -> list[int]:
    """The uses of what several threads use and one changes."""
    users: dict[int, set[int]] = {}
    changed = set()
    for event in events:
        if event.kind in _USES:
            users.setdefault(event.place, set()).add(event.thread)
        if event.kind == Kind.WRITE:
            changed.add(event.place)
    places = {place for place in changed if len(users[place]) > 1}
    return [
        index
        for index, event in enumerate(events)
        if event.kind in _USES and event.site is not None and event.place in places
    ]
