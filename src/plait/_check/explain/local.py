"""Says of a thread-local that tasks of one event loop overwrite each other's values: to them it is one variable."""

from __future__ import annotations

from plait._check.findings import Finding
from plait._check.reading.atomicity import Split, splits
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words


def explain_local(history: History, sources: Sources) -> Finding | None:
    """The finding for the last value of a thread-local that a task reads and another one has set; None if none is."""
    found = next((split for split in reversed(splits(history)) if _is_local(history, split)), None)
    if found is None:
        return None
    words = Words(history, sources)
    first, other, second = (history.events[index] for index in found[1:])
    one, two, thing = words.thread(first.thread), words.thread(other.thread), words.thing(found.second)
    here = words.line(first.site)
    return Finding(
        "changed after the write",
        f"A thread-local that tasks share: {thing}",
        f"{one} sets `{thing}` in {here} and reads it in {words.line(second.site, first.site)}. In between {two} sets "
        f"it, too, in {words.line(other.site, second.site)}. A threading.local has one value for each thread, and all "
        "tasks of an event loop run in one.",
        "Use a `contextvars.ContextVar`, of which each task has a value of its own: `variable.set(...)`, "
        "`variable.get()`. Threads have one each, too.",
        (words.side(found.second), words.side(found.other)),
        tuple(words.moment(index) for index in found[1:]),
        gil=True,
        reason="other tasks run at the await in between",
    )


def _is_local(history: History, split: Split) -> bool:
    """Whether tasks touch an attribute that is kept in a dict itself, as those of thread-locals are."""
    event = history.events[split.first]
    place = history.record.places.get(event.place)
    is_kept = place is not None and place.label == "dict" and event.name[:1] != "["
    return is_kept and split.kind == "changed after the write" and history.is_task(event.thread)
