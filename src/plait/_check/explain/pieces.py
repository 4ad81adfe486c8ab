"""Says that something is put together from several writes, and that another thread has put its own in between."""

from __future__ import annotations

from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding
from plait._check.reading.atomicity import by_place, one_call, overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._core.event import Kind, Site

_Sites = tuple[Site | None, ...]


def explain_pieces(history: History, before: History | None, sources: Sources) -> Finding | None:
    """The finding for a write between two of one call, which the execution that passed does not have; None for none."""
    usual = set(_interleaved(before).values()) if before is not None else set()
    found = next((three for three, sites in _interleaved(history).items() if sites not in usual), None)
    if found is None or before is None:
        return None
    words = Words(history, sources)
    first, between, second = found
    one, other = (words.thread(history.events[index].thread) for index in (first, between))
    sites = history.sites(*found)
    thing, lines = words.thing(first), words.block(_ends(history, first))
    gil, reason = on_gil_builds(history, first, second, sources)
    return Finding(
        "broken invariant",
        f"Written in pieces: {thing}",
        f"{one} changes {thing} in {words.line(sites[0])} and goes on with that in {words.line(sites[2])}. In between "
        f"{other} changes it in {words.line(sites[1], sites[0])}: the pieces of both are mixed.",
        f"Write the whole in one call, put together in a local name before; or hold one lock over {lines}, from the "
        "first piece to the last, and wherever else such pieces are written.",
        (words.side(first), words.side(between)),
        tuple(words.moment(index) for index in found),
        gil=gil,
        reason=reason,
    )


def _ends(history: History, index: int) -> list[Site | None]:
    """The first and the last place in its function where the thread changes the same."""
    one = history.events[index]
    mine = [history.events[at] for at in history.of[one.thread]]
    sites = [
        event.site
        for event in mine
        if event.kind == Kind.WRITE and overlap(event, one) and event.site is not None and one.site is not None
        if (event.site.file, event.site.function) == (one.site.file, one.site.function)
    ]
    return [min(sites, key=lambda site: site.line), max(sites, key=lambda site: site.line)] if sites else [one.site]


def _interleaved(history: History) -> dict[tuple[int, int, int], _Sites]:
    """Two neighbouring changes of one thing by one call, and that of another thread in between; where they are."""
    found: dict[tuple[int, int, int], _Sites] = {}
    for accesses in by_place(history).values():
        changes = [access.at for access in accesses if access.event.kind == Kind.WRITE]
        last: dict[int, int] = {}
        for position, index in enumerate(changes):
            event = history.events[index]
            first = last.get(event.thread, -1)
            last[event.thread] = position
            if first < 0 or position == first + 1:
                continue
            one, between = history.events[changes[first]], history.events[changes[first + 1]]
            three = changes[first], changes[first + 1], index
            if one.name == event.name == "[]" and overlap(one, between) and one_call(history, three[0], index):
                if one.site != event.site and not history.held_over(three[0], index) & history.locks(three[1]):
                    found[three] = one.site, between.site, event.site
    return found
