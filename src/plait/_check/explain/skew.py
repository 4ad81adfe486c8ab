"""Says that each of two threads has looked at what the other one changes, before either had changed its own part.

``if not stopping: busy = True`` and ``if not busy: stopping = True``: neither writes what it has read, so no update is
lost and nothing that was read has changed when it is written; databases call that a write skew. Mutual exclusion by
flags that are set too late (Dekker, Peterson, the bakery) and a queue that two ends take from fail so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait._check.atomicity import contents, one_call, overlap
from plait._check.findings import Finding
from plait._check.history import History
from plait._check.source import Sources
from plait._check.window import on_gil_builds
from plait._check.words import Words
from plait._core.event import Event, Kind

_NEAR = 8  # events between the check and the change that goes by it
_MOST = 300  # of these, the last ones


class Skew(NamedTuple):
    """A thread's look in a test, and its change behind that; the same of another thread, the other way round."""

    look: int
    change: int
    other_look: int
    other_change: int


def explain_skew(history: History, sources: Sources) -> Finding | None:
    """The finding for the last such pair of an execution; None if there is none."""
    found = max(_skews(history, sources), default=None, key=max)
    if found is None:
        return None
    words = Words(history, sources)
    events = history.events
    one, other = (words.thread(events[index].thread) for index in (found.look, found.other_look))
    sites = history.sites(*found)
    mine, theirs = (words.block(pair) for pair in (sites[:2], sites[2:]))
    lock = _new_lock(history, found)
    also = f", and the same lock over {theirs}" if theirs != mine else ""
    gil, reason = on_gil_builds(history, found.look, found.change, sources)
    return Finding(
        "check then act",
        f"Each checked before the other had acted: {words.thing(found.look)} and {words.thing(found.other_look)}",
        f"{one} looks at `{words.thing(found.look)}` in {words.line(sites[0])} and goes by it when it changes "
        f"`{words.thing(found.change)}` in {words.line(sites[1])}. {other} looks at `{words.thing(found.other_look)}` "
        f"in {words.line(sites[2])} and changes `{words.thing(found.other_change)}` in {words.line(sites[3])}. Both "
        "had looked before either had changed anything, so what they saw does not hold any more.",
        f"Hold {lock} over {mine}, from the look to the end of what goes by it{also}.",
        (words.side(found.look), words.side(found.other_look)),
        tuple(words.moment(index) for index in sorted(found)),
        gil=gil,
        reason=reason,
    )


def explain_missed(history: History, sources: Sources) -> Finding | None:
    """The finding for two of which one changes something and then looks at what the other one does by that; else None.

    A worker finds its queue empty and is about to say that it has gone; somebody puts an item in and sees it there.
    """
    found = max(_misses(history, sources), default=None, key=max)
    if found is None:
        return None
    words = Words(history, sources)
    one, other = (words.thread(history.events[index].thread) for index in (found.look, found.other_look))
    looked, changed = words.thing(found.look), words.thing(found.change)
    sites = history.sites(*found)
    locked = history.locks(found.look) & history.locks(found.change)
    lock = f"`{words.lock(min(locked))}`, without letting go of it in between," if locked else _new_lock(history, found)
    gil, reason = on_gil_builds(history, found.look, found.change, sources)
    return Finding(
        "check then act",
        f"Each has missed what the other did: {looked} and {changed}",
        f"{one} looks at `{looked}` in {words.line(sites[0])} and goes by it when it changes `{changed}` in "
        f"{words.line(sites[1])}. In between {other} changes `{looked}` in {words.line(sites[3])}, and looks at "
        f"`{changed}` in {words.line(sites[2])}, where it finds what was there before. So each counts on the other.",
        f"Hold {lock} over {words.block(sites[:2])}, from the look to the change that goes by it; and over "
        f"{words.block([sites[3], sites[2]])}.",
        (words.side(found.look), words.side(found.other_look)),
        tuple(words.moment(index) for index in sorted(found)),
        gil=gil,
        reason=reason,
    )


def _new_lock(history: History, found: Skew) -> str:
    """The lock that is to be taken where there is none."""
    return "one `asyncio.Lock`" if history.is_task(history.events[found.look].thread) else "one lock"


def _misses(history: History, sources: Sources) -> Iterator[Skew]:
    inside = contents(history)
    acts = sorted(_acts(history, sources))[-_MOST:]
    for look, change in acts:
        seen = inside.get(look, history.events[look])
        for other_change, other_look in _answers(history, look, change, sources):
            if overlap(seen, history.events[other_change]):
                yield Skew(look, change, other_look, other_change)


def _answers(history: History, look: int, change: int, sources: Sources) -> Iterator[tuple[int, int]]:
    """Changes by others between the two, each with a test behind it of what the second of the two is yet to change."""
    for other in range(look + 1, change):
        event = history.events[other]
        if event.kind != Kind.WRITE or event.thread == history.events[look].thread:
            continue
        mine = history.of[event.thread]
        for index in mine[history.steps[other] + 1 : history.steps[other] + _NEAR]:
            asked = history.events[index]
            tests = asked.kind == Kind.READ and asked.site is not None and sources.in_test(asked.site)
            if tests and index < change and overlap(asked, history.events[change]) and one_call(history, other, index):
                yield other, index


def _skews(history: History, sources: Sources) -> Iterator[Skew]:
    acts = sorted(_acts(history, sources))[-_MOST:]
    for look, change in acts:
        for other_look, other_change in acts:
            skew = Skew(look, change, other_look, other_change)
            if history.events[look].thread < history.events[other_look].thread and _cross(history, skew):
                yield skew


def _acts(history: History, sources: Sources) -> Iterator[tuple[int, int]]:
    """A look in a test, and the first change of something else by the same call behind it."""
    shared = _shared(history)
    for mine in history.of.values():
        for step, look in enumerate(mine):
            event = history.events[look]
            if event.kind != Kind.READ or event.site is None or event.place not in shared:
                continue
            if not sources.in_test(event.site):
                continue
            behind = (index for index in mine[step + 1 : step + _NEAR] if _writes_else(history.events[index], event))
            change = next((index for index in behind if one_call(history, look, index)), None)
            if change is not None:
                yield look, change


def _writes_else(event: Event, look: Event) -> bool:
    return event.kind == Kind.WRITE and not overlap(event, look)


def _shared(history: History) -> set[int]:
    """Places that several threads touch."""
    seen: dict[int, set[int]] = {}
    for event in history.events:
        seen.setdefault(event.place, set()).add(event.thread)
    return {place for place, threads in seen.items() if len(threads) > 1}


def _cross(history: History, skew: Skew) -> bool:
    """Whether each looks at what the other one changes, and both looked before either changed."""
    look, change, other_look, other_change = (history.events[index] for index in skew)
    if not (overlap(look, other_change) and overlap(other_look, change)):
        return False
    return max(skew.look, skew.other_look) < min(skew.change, skew.other_change)
