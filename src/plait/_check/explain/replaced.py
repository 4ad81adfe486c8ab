"""Says of a wrong result that a change went into a container that another one had taken the place of by then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding
from plait._check.reading.atomicity import goes_on
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._core.event import Kind, Site

_ARGUMENTS = 40  # events between the read of where a container is and its change, of what is handed to the method


class Replaced(NamedTuple):
    """Where a thread reads which container it is, where another one puts a new one there, where the old is changed."""

    read: int
    put: int
    changed: int


def explain_replaced(history: History, before: History | None, sources: Sources) -> Finding | None:
    """The finding for the last change of a container that was not in its place any more, None if there is none.

    ``self.pending.append(job)`` beside ``batch, self.pending = self.pending, []``: the job is in neither. What comes in
    an execution that passes, too, is not to blame.
    """
    usual = {_sites(before, one) for one in _replaced(before)} if before is not None else set()
    found = next((one for one in _replaced(history) if _sites(history, one) not in usual), None)
    if found is None:
        return None
    words = Words(history, sources)
    one, other = (words.thread(history.events[index].thread) for index in (found.read, found.put))
    sites = history.sites(found.read, found.put)
    thing, here, there = words.thing(found.read), words.line(sites[0]), words.line(sites[1], sites[0])
    gil, reason = on_gil_builds(history, found.read, found.changed, sources)
    is_task = history.is_task(history.events[found.read].thread)
    lock = "`asyncio.Lock` (`async with lock:`)" if is_task else "lock (`with lock:`)"
    return Finding(
        "lost update",
        f"Changed after it was replaced: {thing}",
        f"{one} takes `{thing}` in {here} and changes it. In between {other} puts a new one in its place in {there}. "
        "So the change is made to the old one, where nobody looks any more.",
        f"Hold one {lock} over {here}, and the same one where `{thing}` is taken away and replaced, in {there}. Or "
        "leave it in its place: take out what is in it one by one until it is empty.",
        (words.side(found.read), words.side(found.put)),
        (
            words.moment(found.read, f"takes {thing}"),
            words.moment(found.put, f"puts a new one in the place of {thing}"),
            words.moment(found.changed, "changes the old one"),
        ),
        gil=gil,
        reason=reason,
    )


def _replaced(history: History) -> Iterator[Replaced]:
    events = history.events
    seen: dict[int, int] = {}  # of each container, who has looked at it since
    for changed in range(len(events) - 1, -1, -1):
        event = events[changed]
        if event.kind == Kind.READ:
            seen.setdefault(event.place, event.thread)
        elif event.kind == Kind.WRITE and event.name[:1] == "[" and event.place not in seen:
            read = _taken(history, changed)
            put = next((index for index in range(changed - 1, read, -1) if _puts(history, index, read)), -1)
            if read >= 0 and put >= 0:
                yield Replaced(read, put, changed)


def _sites(history: History, found: Replaced) -> tuple[Site | None, ...]:
    return tuple(history.sites(*found))


def _taken(history: History, changed: int) -> int:
    """The read of the attribute or variable through which a container is changed; -1 if it is none."""
    event, step = history.events[changed], history.steps[changed]
    before = history.of[event.thread][max(0, step - _ARGUMENTS) : step]
    reads = (index for index in reversed(before) if history.events[index].kind == Kind.READ)
    return next((index for index in reads if goes_on(history.events[index], event)), -1)


def _puts(history: History, index: int, read: int) -> bool:
    """Whether another thread writes there what the read has found to be another."""
    event, where = history.events[index], history.events[read]
    is_there = (event.place, event.name) == (where.place, where.name)
    return event.kind == Kind.WRITE and is_there and event.thread != where.thread
