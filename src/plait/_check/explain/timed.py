"""Says why a wait with a timeout ended by it: nobody notified, or what it waited for had not come at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.untold import changes_of, keeps_silent, looked_at
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words, frame_site, innermost, line_of, listed
from plait._check.record import Failure
from plait._core.event import Kind


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


def explain_vain(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for a wait by whose timeout a thread fails, and nobody had done what it waited for; None if not."""
    events, words = history.events, Words(history, sources)
    end = next((at for at in _timeouts(history) if events[at].thread == failure.thread), -1)
    raised, site = frame_site(innermost(failure.stack)), events[end].site if end >= 0 else None
    wait = _wait(history, end) if end >= 0 else None
    if wait is None or site is None or raised is None or (raised.file, raised.function) != (site.file, site.function):
        return None
    if _changed(history, wait, end) >= 0 or not wait.looked:
        return None
    last = _last_changes(history, wait)
    before_it = [index for index in wait.looked if line_of(events[index].site) != line_of(site)] or wait.looked
    name, thing = words.thread(failure.thread), words.thing((last or before_it)[-1])
    who, where = listed([words.thread(events[index].thread) for index in last]), [events[index].site for index in last]
    before = f"; {who} did so last, in {words.lines(where)}" if last else ""
    back = f"See whether what is taken in {words.lines(where)} is given back on every way out: in a `finally:`. "
    return Finding(
        "nobody sets it",
        f"Waited in vain: {thing}",
        f"{name} waits in {words.line(site)} until its timeout is over, and fails by that. All the time nobody changes "
        f"`{thing}`{before}.",
        f"{back if last else ''}If the others only need more time, wait longer.",
        (words.side(wait.began)._replace(site=site, does="waits in vain"), *map(words.side, last)),
        (
            *map(words.moment, last),
            words.moment(wait.began, "waits, with a timeout")._replace(site=site, held=()),
            words.moment(end, "the timeout is over")._replace(held=()),
        ),
        gil=True,
        reason="it waits in between",
    )


class _Wait(NamedTuple):
    """A wait on a condition: the events by which it began and that its thread had read before, the lock's place."""

    began: int
    looked: list[int]
    lock: int


def _wait(history: History, end: int) -> _Wait | None:
    """The wait that ended by an event; None if it was no condition that it waited for."""
    events, mine = history.events, history.of[history.events[end].thread]
    step = history.steps[end]
    if step < 2 or events[mine[step - 1]].kind != Kind.RELEASE:
        return None  # it was a lock that it waited for
    own, began = events[mine[step - 2]], mine[step - 1]
    if own.kind != Kind.ACQUIRE or own.place != events[end].place:
        return None
    return _Wait(began, looked_at(history, events[end].thread, end), events[began].place)


def _changed(history: History, wait: _Wait, end: int) -> int:
    """The last change by another thread of what a waiting one has looked at, under its lock; or -1."""
    return next(_changes(history, wait, range(end - 1, wait.began, -1)), -1)


def _last_changes(history: History, wait: _Wait) -> list[int]:
    """The last change of what it looked at by each other thread, before the wait: of the last two of them."""
    found = {history.events[index].thread: index for index in _changes(history, wait, range(wait.began))}
    return sorted(found.values())[-2:]


def _changes(history: History, wait: _Wait, among: Iterable[int]) -> Iterator[int]:
    changes = changes_of(history, history.events[wait.began].thread, wait.looked, among)
    return (index for index in changes if wait.lock in history.locks(index))


def _timeouts(history: History) -> list[int]:
    """Where waits were over by their timeouts, the last first."""
    events = history.events
    found = [index for index, event in enumerate(events) if event.kind == Kind.TRY and event.name == "timeout"]
    return found[::-1]


def _missed(history: History, end: int) -> tuple[int, int, int] | None:
    """When the wait of a condition began, the change by another thread of what was looked at before, and the end."""
    wait = _wait(history, end)
    change = _changed(history, wait, end) if wait is not None else -1
    if wait is None or change < 0 or not keeps_silent(history, change, end, wait.lock):
        return None
    return wait.began, change, end
