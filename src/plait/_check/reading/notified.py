"""Whether the one whom a `notify()` has woken has used up what it was for."""

from __future__ import annotations

from collections.abc import Iterator

from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.untold import looked_at
from plait._check.reading.uses import is_wake_up
from plait._core.event import Kind


def used_up(history: History, taken: int, waiter: int, began: int) -> bool:
    """Whether the one who was woken has changed what another one waits for, before it let go of the lock.

    Then the notify did what it was for, and `waiter`, who waits since the event `began`, waits for the next one. So it
    does if nobody was there to be woken.
    """
    events, looked = history.events, looked_at(history, waiter, began)
    given = (events[index] for index in section(history, taken))
    signals = {event.place for event in given if event.kind == Kind.RELEASE} & history.signals
    if not signals:
        return taken < began
    for index, event in enumerate(events[taken:], taken):
        if event.kind != Kind.ACQUIRE or event.place != events[taken].place or not is_wake_up(history, index):
            continue
        if event.thread != waiter and events[history.of[event.thread][history.steps[index] - 1]].place in signals:
            changes = [at for at in section(history, index) if events[at].kind == Kind.WRITE]
            return any(overlap(events[at], events[read]) for at in changes for read in looked)
    return False


def section(history: History, taken: int) -> Iterator[int]:
    """What a thread does from where it takes a lock to where it lets go of it, waits on its condition included."""
    lock, mine = history.events[taken].place, history.of[history.events[taken].thread]
    before = taken
    for index in mine[history.steps[taken] + 1 :]:
        event = history.events[index]
        waits = history.events[before].kind == Kind.ACQUIRE and history.events[before].site == event.site
        if (event.kind, event.place) == (Kind.RELEASE, lock) and not (waits and before != taken):
            return
        yield index
        before = index
