"""Says why two things that belong together were seen one without the other: torn pairs, and iterations."""

from __future__ import annotations

from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding, Moment
from plait._check.reading.half import Half
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.torn import Torn
from plait._check.reading.words import Words, listed
from plait._core.event import Kind, Site


def explain_torn(history: History, found: Torn, sources: Sources) -> Finding:
    """The finding for two parts that belong together and were seen, or changed, one without the other."""
    words = Words(history, sources)
    one = words.thread(history.events[found.first].thread)
    other = words.thread(history.events[found.between[0]].thread)
    sites = history.sites(found.first, *found.between, found.second)
    things = list(dict.fromkeys(f"`{words.thing(index)}`" for index in (found.first, found.second)))
    verb, seen = ("changes", "reads") if history.events[found.first].kind == Kind.WRITE else ("reads", "changes")
    early, late = history.sites(*found.between)
    if verb == "changes" and early is not None and sources.in_test(early) and found.between[0] != found.between[1]:
        if late is None or not sources.compared(early, late):
            return _told_too_early(history, found, words, sources)
    both = "both" if len(things) > 1 or verb == "reads" else "them"
    half = " and sees the one changed and the other not" if verb == "changes" else ", so they do not belong together"
    gil, reason = on_gil_builds(history, found.first, found.second, sources)
    lines = words.lines([sites[0], sites[3]])
    apart = verb == "reads" and sites[0] is not None and sites[3] is not None and sites[0].function != sites[3].function
    block = lines if apart else words.block([sites[0], sites[3]])
    once = (
        "Read both in one call, of a method that returns them together: two calls let go in between. " if apart else ""
    )
    return Finding(
        "broken invariant",
        f"Seen half changed: {listed([thing.strip('`') for thing in things])}",
        f"{one} {verb} {listed(things)} in two steps ({lines}). Between them {other} {seen} {both} "
        f"({words.lines(sites[1:3])}){half}.",
        once + _together(history, (found.first, found.between[0]), block, words.block(sites[1:3])),
        (words.side(found.first), words.side(found.between[0])),
        tuple(words.moment(index) for index in sorted({found.first, *found.between, found.second})),
        gil=gil,
        reason=reason,
    )


def explain_half(history: History, found: Half, passing: History, sources: Sources) -> Finding:
    """The finding for two parts of which one was seen changed, when the other would have been changed next."""
    words = Words(history, sources)
    use, other = found.uses
    events = [history.events[index] for index in (found.change, use, other)]
    writer, reader = words.thread(events[0].thread), words.thread(events[1].thread)
    one, two = words.thing(use), words.thing(other)
    lines, reads = words.lines([events[0].site, found.site]), words.lines([events[1].site, events[2].site])
    gil, reason = on_gil_builds(passing, *found.changes, sources)
    would = Moment(events[0].thread, found.site, f"would write {two}, but has not come so far")
    moments = (*(words.moment(index) for index in sorted({found.change, use, other})), would)
    both = f"`{one}` and `{two}`" if one != two else f"`{one}` of two objects"
    if found.guards:
        sites = [events[0].site, events[1].site, events[2].site, found.site]
        mine = Words(passing, sources)
        things = (words.thing(found.change), mine.thing(found.changes[1]), two)
        return Finding(
            "used before ready",
            f"Used before it is ready: {two}",
            *_turned(words, (writer, reader), things, sites, _kept(history, words, found.change)),
            (words.side(other), words.side(found.change)),
            moments,
            gil=gil,
            reason=reason,
        )
    return Finding(
        "broken invariant",
        f"Seen half changed: {one} and {two}" if one != two else f"Seen half changed: {one} of two objects",
        f"{writer} changes {both} in two steps ({lines}). Between them {reader} reads both ({reads}) and "
        "sees the one changed and the other not.",
        _together(
            history,
            (found.change, use),
            words.block([events[0].site, found.site]),
            words.block([events[1].site, events[2].site]),
        ),
        (words.side(found.change), words.side(use)),
        moments,
        gil=gil,
        reason=reason,
    )


def _together(history: History, sides: tuple[int, int], lines: str, others: str) -> str:
    """What keeps others from coming in between."""
    if all(history.is_task(history.events[index].thread) for index in sides):
        return (
            f"Put no `await` between the steps in {lines}: tasks take turns only there. Or hold one `asyncio.Lock` "
            f"over them, and over {others}."
        )
    return f"Hold one lock over {lines}, from the first step to the last, and the same lock over {others}."


def _told_too_early(history: History, found: Torn, words: Words, sources: Sources) -> Finding:
    """What says that something is ready is written before it is ready."""
    writer, reader = (words.thread(history.events[index].thread) for index in (found.first, found.between[0]))
    sites = history.sites(found.first, *found.between, found.second)
    says, thing = words.thing(found.first), words.thing(found.second)
    gil, reason = on_gil_builds(history, found.first, found.second, sources)
    return Finding(
        "used before ready",
        f"Used before it is ready: {thing}",
        *_turned(words, (writer, reader), (says, thing, thing), sites, _kept(history, words, found.first)),
        (words.side(found.between[1]), words.side(found.first)),
        tuple(words.moment(index) for index in sorted({found.first, *found.between, found.second})),
        gil=gil,
        reason=reason,
    )


def _kept(history: History, words: Words, change: int) -> str:
    """The lock that is held over a change; "" if none is."""
    return words.lock(min(history.locks(change))) if history.locks(change) else ""


def _turned(
    words: Words, threads: tuple[str, str], things: tuple[str, str, str], sites: list[Site | None], lock: str
) -> tuple[str, str]:
    """Why it is wrong and what to do when `says` is written before the thing, and read before it is used.

    `sites` are those of the write, the look at it, the use, and the write that comes too late; both writes are under
    the lock, if there is one.
    """
    (writer, reader), (says, thing, used) = threads, things
    other = "the other" if used == thing else f"`{used}`"
    last = words.line(sites[3], sites[0])
    last = f" in {last}" if last != words.line(sites[0]) else ", in the same line"
    also = f"take `{lock}` for the reading, too" if lock else "hold one lock over both, and over the reading"
    why = (
        f"{writer} writes `{says}` in {words.line(sites[0])} and only then `{thing}`{last}. In between {reader} sees "
        f"the one ({words.line(sites[1], sites[0])}) and uses {other} ({words.line(sites[2], sites[0])}), which is not "
        "there yet."
    )
    return why, f"Turn the two around: write `{thing}` first and `{says}` last; or {also}."


def explain_iteration(history: History, reading: int, change: int, sources: Sources, *, fails: bool = True) -> Finding:
    """The finding for a container that one thread changes while another goes through it."""
    words = Words(history, sources)
    sites = history.sites(reading, change)
    one, other = words.thread(history.events[reading].thread), words.thread(history.events[change].thread)
    thing = words.thing(reading)
    tasks = all(history.is_task(history.events[index].thread) for index in (reading, change))
    return Finding(
        "changed while iterated",
        f"Changed while it is iterated: {thing}",
        f"{one} goes through `{thing}` in {words.line(sites[0])}; before it is through, {other} changes it in "
        f"{words.line(sites[1], sites[0])}{'' if fails else ', and elements are skipped, or seen twice'}.",
        f"Go through a copy, `list({thing})`: no other task runs while it is made."
        if tasks
        else f"Go through a copy made under a lock (`with lock: snapshot = list({thing})`), and take the same lock in "
        f"{words.line(sites[1], sites[0])}.",
        (words.side(reading), words.side(change)),
        (
            words.moment(reading, f"is going through {thing}"),
            words.moment(change, f"changes {thing}"),
            words.moment(
                reading, "takes the next one, and fails" if fails else "takes the next one, or what is there now"
            ),
        ),
        gil=True,
        reason="other tasks run at the await in the loop"
        if tasks
        else "a loop may switch threads each time it goes round",
    )
