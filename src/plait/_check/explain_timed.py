"""Says why a wait with a timeout ended by it: what it waited for had come, and nobody had notified."""

from __future__ import annotations

from plait._check.atomicity import overlap
from plait._check.findings import Finding
from plait._check.history import History
from plait._check.source import Sources
from plait._check.untold import keeps_silent
from plait._check.waits import receiver
from plait._check.words import Words
from plait._core.event import Kind

_LOOKED = 12  # events before a wait in which the thread looked at what it waits for


def explain_timed(history: History, thread: int, sources: Sources) -> Finding | None:
    """The finding for a wait on a condition that ended by its timeout although its change had come; None if none did.

    That of the thread that failed, if there is one.
    """
    found = [one for at in _timeouts(history) if (one := _missed(history, at)) is not None]
    if not found:
        return None
    began, change, end = next((one for one in found if history.events[one[0]].thread == thread), found[0])
    events, words = history.events, Words(history, sources)
    site = events[end].site
    if site is None:
        return None
    name, changer = (words.thread(events[index].thread) for index in (began, change))
    line = sources.line(site.file, site.line)
    thing = receiver(line, "wait_for") or receiver(line, "wait") or "condition"
    where, changed = words.line(events[change].site, site), words.thing(change)
    return Finding(
        "nobody sets it",
        f"Nobody notifies: {thing}",
        f"{changer} changes `{changed}` in {where}, which {name} waits for in {words.line(site)}, but does not notify: "
        f"{name} waits until its timeout is over.",
        f"Call `{thing}.notify_all()` after the change in {where}, under the lock of `{thing}`.",
        (words.side(began)._replace(site=site, does=f"waits for {thing}"), words.side(change)),
        (
            words.moment(began, f"waits for {thing}, with a timeout")._replace(site=site),
            words.moment(change, f"{words.does(change)} and does not notify"),
            words.moment(end, "is not woken: the timeout is over"),
        ),
        gil=True,
        reason="it waits in between",
    )


def _timeouts(history: History) -> list[int]:
    """Where waits were over by their timeouts, the last first."""
    events = history.events
    found = [index for index, event in enumerate(events) if event.kind == Kind.TRY and event.name == "timeout"]
    return found[::-1]


def _missed(history: History, end: int) -> tuple[int, int, int] | None:
    """When the wait of a condition began, the change by another thread of what was looked at before, and the end."""
    events, mine = history.events, history.of[history.events[end].thread]
    step = history.steps[end]
    if step < 2 or events[mine[step - 1]].kind != Kind.RELEASE:
        return None  # it was a lock that it waited for
    own, began = events[mine[step - 2]], mine[step - 1]
    if own.kind != Kind.ACQUIRE or own.place != events[end].place:
        return None
    looked = [events[index] for index in mine[max(0, step - _LOOKED) : step] if events[index].kind == Kind.READ]
    for index in range(end - 1, began, -1):
        event = events[index]
        if event.kind == Kind.WRITE and event.thread != events[end].thread:
            if events[began].place in history.locks(index) and any(overlap(event, read) for read in looked):
                return (began, index, end) if keeps_silent(history, index, end, events[began].place) else None
    return None
