"""Says that each of two threads has looked at what the other one changes, and knows nothing of that change.

``if not stopping: busy = True`` and ``if not busy: stopping = True``: neither writes what it has read, so no update is
lost and nothing that was read has changed when it is written; databases call that a write skew. Mutual exclusion by
flags that are set too late (Dekker, Peterson, the bakery) and a queue that two ends take from fail so.

``past = list(log)`` and then ``readers.append(me)``: what another thread writes to the log in between, and hands to the
readers that there are, goes to nobody. No access is undone by another here, so where nobody asks it is only told of a
failed assertion for which nothing else is to blame.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding
from plait._check.reading.atomicity import called_within, contents, one_call, overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words, numbered
from plait._core.event import Event, Kind, Site

_NEAR = 8  # events of a thread between a look and the change that goes by it, or two steps of one piece of work
_MOST = 300  # looks, or accesses where nobody asks; the last ones
_FEW = 8  # of the same kind behind one access

_MISSED = "Each has missed what the other did: {look} and {change}"


class Skew(NamedTuple):
    """A thread's look, and its change behind that; the same of another thread, the other way round."""

    look: int
    change: int
    other_look: int
    other_change: int


def explain_skew(history: History, sources: Sources) -> Finding | None:
    """The finding for the last two that had both looked before either had changed anything; None if there are none."""
    found = max(_skews(history, sources), default=None, key=max)
    if found is None:
        return None
    words, sites = Words(history, sources), history.sites(*found)
    mine, theirs = words.block(sites[:2]), words.block(sites[2:])
    also = f", and the same lock over {theirs}" if theirs != mine else ""
    return _told(
        words,
        found,
        "check then act",
        "Each checked before the other had acted: {look} and {other_look}",
        "{one} looks at `{look}` in {at_look} and goes by it when it changes `{change}` in {at_change}. {other} looks "
        "at `{other_look}` in {at_other_look} and changes `{other_change}` in {at_other_change}. Both had looked "
        "before either had changed anything, so what they saw does not hold any more.",
        f"Hold {_new_lock(history, found)} over {mine}, from the look to the end of what goes by it{also}.",
    )


def explain_missed(history: History, sources: Sources) -> Finding | None:
    """The finding for two of which one changes something and then looks at what the other one does by that; else None.

    A worker finds its queue empty and is about to say that it has gone; somebody puts an item in and sees it there.
    """
    found = max(_misses(history, sources), default=None, key=max)
    if found is None:
        return None
    words, sites = Words(history, sources), history.sites(*found)
    locked = history.locks(found.look) & history.locks(found.change)
    lock = f"`{words.lock(min(locked))}`, without letting go of it in between," if locked else _new_lock(history, found)
    return _told(
        words,
        found,
        "check then act",
        _MISSED,
        "{one} looks at `{look}` in {at_look} and goes by it when it changes `{change}` in {at_change}. In between "
        "{other} changes `{look}` in {at_other_change}, and looks at `{change}` in {at_other_look}, where it finds "
        "what was there before. So each counts on the other.",
        f"Hold {lock} over {words.block(sites[:2])}, from the look to the change that goes by it; and over "
        f"{words.block([sites[3], sites[2]])}.",
    )


def explain_missed_untested(history: History, before: History | None, sources: Sources) -> Finding | None:
    """The finding for two that have missed what the other one did, without a test in between; None if there are none.

    It is of the last that an execution which passed does not have.
    """
    usual = {_sites(before, one) for one in _untested(before)} if before is not None else set()
    found = max((one for one in _untested(history) if _sites(history, one) not in usual), default=None, key=_in_order)
    if found is None:
        return None
    words = Words(history, sources)
    return _told(
        words,
        found,
        "broken invariant",
        _MISSED,
        "{one} looks at `{look}` in {at_look} and changes `{change}` after that, in {at_change}. In between {other} "
        "changes `{other_change}` in {at_other_change} and looks at `{other_look}` in {at_other_look}. So neither "
        "knows of the other.",
        f"Hold one lock over {words.block(history.sites(found.look, found.change))}, without letting go of it in "
        f"between; and over {_apart(words, history.sites(found.look, found.other_change, found.other_look))}.",
    )


def _told(words: Words, found: Skew, kind: str, title: str, why: str, fix: str) -> Finding:
    """The finding, with the two threads, what they touch and where in the title and in why."""
    history = words.history
    sites = history.sites(*found)
    names = {"one": words.thread(history.events[found.look].thread)}
    names["other"] = words.thread(history.events[found.other_look].thread)
    for name, index, site in zip(Skew._fields, found, sites, strict=True):
        names[name], names[f"at_{name}"] = words.thing(index), words.line(site, sites[0])
    gil, reason = on_gil_builds(history, found.look, found.change, words.sources)
    return Finding(
        kind,
        title.format(**names),
        why.format(**names),
        fix,
        (words.side(found.look), words.side(found.other_look)),
        tuple(words.moment(index) for index in sorted(found)),
        gil=gil,
        reason=reason,
    )


def _new_lock(history: History, found: Skew) -> str:
    """The lock that is to be taken where there is none."""
    return "one `asyncio.Lock`" if history.is_task(history.events[found.look].thread) else "one lock"


def _apart(words: Words, sites: list[Site | None]) -> str:
    """Where the other one's change and look are, which no block may have both; beside the first place."""
    beside, *theirs = sites
    there = {site for site in theirs if site is not None}
    if len({site.file for site in there}) == 1:
        return numbered(sorted({site.line for site in there}))
    return " and ".join(words.line(site, beside) for site in theirs)


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


def _in_order(found: Skew) -> tuple[int, ...]:
    return found.look, found.change, found.other_change, found.other_look


def _sites(history: History, found: Skew) -> tuple[Site | None, ...]:
    return tuple(history.sites(*found))


def _untested(history: History) -> Iterator[Skew]:
    seen, users = contents(history), dict[int, set[int]]()
    for event in history.events:
        users.setdefault(event.place, set()).add(event.thread)
    touches: dict[int, Event] = {
        index: seen.get(index, event)
        for index, event in enumerate(history.events)
        if event.kind in (Kind.READ, Kind.WRITE) and event.site is not None and len(users[event.place]) > 1
    }
    last = list(touches)[-_MOST:]
    for first in (at for at in last if touches[at].kind == Kind.READ):
        event = touches[first]
        others = [at for at in last if at > first and touches[at].thread != event.thread]
        answers = [at for at in others if touches[at].kind == Kind.WRITE and overlap(event, touches[at])]
        mine = (at for at in last if answers and at > answers[0] and touches[at].thread == event.thread)
        differ = (at for at in mine if touches[at].kind == Kind.WRITE and not overlap(event, touches[at]))
        for second in islice((at for at in differ if one_call(history, first, at)), _FEW):
            yield from _answered(history, (first, second), answers[:_FEW], others, touches)


def _answered(
    history: History, mine: tuple[int, int], answers: list[int], others: list[int], touches: dict[int, Event]
) -> Iterator[Skew]:
    first, second = mine
    for answer in (at for at in answers if at < second):
        for at in others:
            event = touches[at]
            if at >= second or (event.thread, event.kind) != (touches[answer].thread, Kind.READ):
                continue
            if overlap(event, touches[second]) and _same_work(history, min(answer, at), max(answer, at)):
                yield Skew(first, second, at, answer)


def _same_work(history: History, one: int, two: int) -> bool:
    """Whether two events of a thread are of one call, or of what that calls."""
    if one_call(history, one, two) or called_within(history, one, two):
        return True
    step = history.steps[one]
    mine = history.of[history.events[one].thread]
    return any(one_call(history, index, two) for index in mine[max(0, step - _NEAR) : step])
