"""Says why threads disturb each other that set what the process has one of: a working directory, a level, a filter."""

from __future__ import annotations

from collections.abc import Iterator

from plait._check.findings import Finding
from plait._check.process_wide import BY_LABEL, LOGGER, PATCHED, WITH, Setting
from plait._check.reading.atomicity import by_place, overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._core.event import Event, Kind, Site

_ENTERS = "enter_context"  # of an ExitStack: it does to its argument what a `with` block does
_SETS = frozenset(("seed", "setstate", "setLevel", "chdir", "fchdir", WITH, _ENTERS))
"""What puts it to a value that the thread relies on afterwards, by the text of its site; other changes only use it."""


def explain_process(history: History, before: History | None, thread: int, sources: Sources) -> Finding | None:
    """The finding for what one thread has set and another one has set meanwhile; None if that did not happen.

    What happened in the execution that passed as well (`before`) is not to blame. `thread` is the one that failed.
    """
    harmless = {_sites(before, triple) for triple, _ in _disturbed(before)} if before is not None else set()
    found = [one for one in _disturbed(history) if _sites(history, one[0]) not in harmless]
    if not found:
        return None
    own = [one for one in found if history.events[one[0][0]].thread == thread]
    triple, setting = max(own or found, key=lambda one: (one[0][2], one[0][0]))
    return _finding(history, triple, setting, sources)


def _disturbed(history: History) -> Iterator[tuple[tuple[int, int, int], Setting]]:
    """Two accesses of one thread, at least one of which sets it, and a change by another one in between."""
    for accesses in by_place(history).values():
        setting = _setting(history, [access.event for access in accesses])
        if setting is None:
            continue
        for at, first in enumerate(accesses):
            mine = [one for one in accesses[at + 1 :] if one.event.thread == first.event.thread]
            second = next((one for one in mine if overlap(one.event, first.event)), None)
            if second is None or not (_sets(first.event) or _sets(second.event)):
                continue
            others = [
                one for one in accesses if first.at < one.at < second.at and one.event.thread != first.event.thread
            ]
            for other in others:
                changes = other.event.kind == Kind.WRITE and overlap(other.event, first.event)
                if changes and not history.in_order(first.at, other.at, second.at):
                    yield (first.at, other.at, second.at), setting


def _setting(history: History, events: list[Event]) -> Setting | None:
    """What it is that the process has one of; None for what the program has made."""
    place = history.record.places.get(events[0].place)
    label = place.label if place is not None else ""
    if label in BY_LABEL:
        return BY_LABEL[label]
    sets = [event for event in events if _sets(event) and event.site is not None and event.site.text != _ENTERS]
    if not sets:
        return None
    return LOGGER if sets[0].name == "level" and label.endswith("Logger") else PATCHED


def _sets(event: Event) -> bool:
    return event.kind == Kind.WRITE and event.site is not None and event.site.text in _SETS


def _sites(history: History, triple: tuple[int, int, int]) -> tuple[Site | None, ...]:
    return tuple(history.sites(*triple))


def _finding(history: History, triple: tuple[int, int, int], setting: Setting, sources: Sources) -> Finding:
    words = Words(history, sources)
    first, other, _ = triple
    events = [history.events[index] for index in triple]
    one, rival = words.thread(events[0].thread), words.thread(events[1].thread)
    thing = words.thing(first)
    here = events[0].site
    does = "sets" if _sets(events[0]) else "asks for"
    back = here is not None and here == events[2].site and here.text == WITH
    then = "puts back what it had found" if back else "relies on it" if _sets(events[0]) else "sets it"
    where = "at the end of the block" if back else f"in {words.line(events[2].site, here)}"
    lines = _lines(history, events[0], sources)
    instead = f" Or, better, {setting.instead}." if setting.instead else ""
    return Finding(
        "changed after the write",
        f"Set by another thread meanwhile: {thing}",
        f"{one} {does} {thing} in {words.line(here)} and {then} {where}. The process has one of it, for all its "
        f"threads, and in between {rival} changes it in {words.line(events[1].site, here)}.",
        f"Hold one lock over {lines}, in every thread that sets it.{instead}",
        (words.side(first), words.side(other)),
        tuple(words.moment(index) for index in triple),
        gil=True,
        reason="these are calls of functions",
    )


def _lines(history: History, event: Event, sources: Sources) -> str:
    """Where one thread uses it, from the first line to the last of the function."""
    site = event.site
    assert site is not None
    used = [
        (one.site.line, sources.end_of_block(one.site) if one.site.text == WITH else one.site.end_line)
        for one in history.events
        if overlap(one, event) and one.site is not None
        if (one.site.file, one.site.function) == (site.file, site.function)
    ]
    start, end = min(line for line, _ in used), max(line for _, line in used)
    return f"lines {start} to {end} (`with lock:` around all of it)" if start < end else f"line {start}"
