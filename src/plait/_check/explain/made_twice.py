"""Says that a value was made twice: by a defaultdict's factory, or a cached function, which run without a lock."""

from __future__ import annotations

from plait._check.findings import Finding
from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._core.event import Kind, Site


def explain_factory(history: History, sources: Sources) -> Finding | None:
    """The finding for a defaultdict whose factory ran in one thread when another one came; None if none did."""
    for reading, event in enumerate(history.events):
        place = history.record.places.get(event.place)
        if event.kind != Kind.READ or place is None or place.label != "defaultdict":
            continue
        mine = history.of[event.thread]
        step = history.steps[reading] + 1
        if step + 1 >= len(mine) or history.events[mine[step]].kind != Kind.ENTER:
            continue  # the factory is no function of the user's, or nothing was missing
        others = range(reading + 1, mine[step + 1])
        between = [
            index
            for index in others
            if history.events[index].thread != event.thread and overlap(history.events[index], event)
        ]
        if between:
            return _factory(history, reading, between[0], mine[step], sources)
    return None


def _factory(history: History, reading: int, other: int, made: int, sources: Sources) -> Finding:
    words = Words(history, sources)
    one, two = words.thread(history.events[reading].thread), words.thread(history.events[other].thread)
    thing, place = words.thing(reading), history.events[reading].site
    return Finding(
        "check then act",
        f"Made twice: {thing}",
        f"`{thing}` is missing when {one} asks for it in {words.line(place)}: the defaultdict calls its factory "
        f"({words.line(history.events[made].site, place)}) and stores what it gives afterwards. Before that {two} asks "
        f"for the same in {words.line(history.events[other].site, place)}, gets a value of its own, and one of the two "
        f"is lost.",
        f"Hold one lock over {words.line(place)}, wherever `{thing}` is used; or make all values before the threads "
        f"start.",
        (words.side(reading), words.side(other)),
        (
            words.moment(reading, f"asks for {thing}, which is missing"),
            words.moment(made, "the factory begins"),
            words.moment(other, f"asks for {thing}, which is still missing"),
        ),
        reason="the factory is a function, and is called in between",
    )


def explain_cached(history: History, before: History | None, sources: Sources) -> Finding | None:
    """The finding for a function with a cache that ran more often than in the execution that passed; None if none did.

    Its calls are no events, but when it begins it was not in the cache.
    """
    usual = _runs(before, sources) if before is not None else {}
    for site, runs in _runs(history, sources).items():
        threads = {history.events[index].thread for index in runs}
        if len(threads) > 1 and 0 < len(usual.get(site, ())) < len(runs):
            return _cached(history, site, runs, sources)
    return None


def _runs(history: History, sources: Sources) -> dict[Site, list[int]]:
    """Where functions with a cache of functools begin, and the events of that."""
    found: dict[Site, list[int]] = {}
    for index, event in enumerate(history.events):
        if event.kind == Kind.ENTER and event.site is not None and sources.is_cached(event.site):
            found.setdefault(event.site, []).append(index)
    return found


def _cached(history: History, site: Site, runs: list[int], sources: Sources) -> Finding:
    words = Words(history, sources)
    one = runs[0]
    two = next(index for index in runs if history.events[index].thread != history.events[one].thread)
    first, second = (words.thread(history.events[index].thread) for index in (one, two))
    name = site.function.rpartition(".")[2]
    return Finding(
        "check then act",
        f"Made twice: {name}()",
        f"`{name}` in {words.line(site)} runs for {first} and for {second}. Its cache calls it when it has no answer, "
        "and has one only when that is over: whoever asks meanwhile has it run once more, and gets another answer. "
        "The caches of functools break nothing when threads use them, but have none of them wait for another.",
        f"Hold one lock over the call of `{name}`, wherever it stands; or call it once before the threads start.",
        (words.side(one), words.side(two)),
        tuple(words.moment(index, f"has {name}() run") for index in (one, two)),
        reason="the function is called in between",
    )
