"""Says of a call that failed that it went by an old value: it was given what others have changed since."""

from __future__ import annotations

from collections.abc import Iterator

from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding
from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words, own
from plait._check.record import Failure
from plait._core.event import Event, Kind


def explain_stale(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for the last value that a call in the traceback was given and that is another one by now, else None.

    ``self.token = await self.server.refresh(self.token)``: two tasks hand over the same one, and the first changes it.
    """
    found = next(_stale(history, failure), None)
    if found is None:
        return None
    read, change = found
    words = Words(history, sources)
    one, other = words.thread(history.events[read].thread), words.thread(history.events[change].thread)
    thing, here = words.thing(read), words.line(history.events[read].site)
    there = words.line(history.events[change].site, history.events[read].site)
    is_task = history.is_task(history.events[read].thread)
    lock = "one `asyncio.Lock` over it (`async with lock:`)" if is_task else "one lock over it (`with lock:`)"
    gil, reason = on_gil_builds(history, read, change, sources)
    moment = words.moment(change)
    return Finding(
        "check then act",
        f"Changed while it is in use: {thing}",
        f"{one} hands `{thing}` to a call in {here}. Before that is over {other} changes `{thing}` in {there}, so the "
        "call goes by a value that does not hold any more.",
        f"Hold {lock}, from the check whether {here} is needed to its end, and check when you have the lock: whoever "
        f"waited for it finds that it is done. Take the same lock wherever else `{thing}` is changed.",
        (words.side(read), words.side(change)),
        (words.moment(read), moment._replace(does=f"{moment.does}, too late for {one}")),
        gil=True if is_task else gil,
        reason="other tasks run at the await in between" if is_task else reason,
    )


def _stale(history: History, failure: Failure) -> Iterator[tuple[int, int]]:
    """Reads on a line that was still calling others when the exception came, with a change by another thread since."""
    calling = {(frame.file, frame.line, frame.function) for frame in own(failure.stack)[:-1]}
    changes: dict[int, list[int]] = {}  # of each object, the last first
    for index in range(len(history.events) - 1, -1, -1):
        event = history.events[index]
        if event.kind == Kind.WRITE:
            changes.setdefault(event.place, []).append(index)
        elif event.kind == Kind.READ and _is_in(event, calling):
            since = (at for at in reversed(changes.get(event.place, ())) if _is_others(history.events[at], event))
            if (change := next(since, None)) is not None:
                yield index, change


def _is_in(read: Event, lines: set[tuple[str, int, str]]) -> bool:
    site = read.site
    return site is not None and (site.file, site.line, site.function) in lines


def _is_others(change: Event, read: Event) -> bool:
    return change.thread != read.thread and overlap(change, read)
