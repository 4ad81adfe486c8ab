"""Says of a wrong result what came in between on a socket or pipe: a message in pieces, an answer for somebody else."""

from __future__ import annotations

from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.wires import Between, called, last_close, new, parts, pieces, questions
from plait._check.reading.words import Words
from plait._check.record import Failure
from plait._core.event import Kind

_CLOSED = ("Bad file descriptor", "file descriptor cannot be a negative integer")


def explain_wire(history: History, before: History | None, sources: Sources) -> Finding | None:
    """The finding for what has gone to the wrong one, or what the execution that passed does not have; else None."""
    words = Words(history, sources)
    if (found := next(questions(history), None)) is not None:
        return _question(history, found, words)
    if before is None:
        return None
    if (found := new(pieces(history), pieces(before), history, before)) is not None:
        return _pieces(history, found, words)
    found = new(parts(history), parts(before), history, before)
    return _part(history, found, words) if found is not None else None


def explain_unplugged(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for the use of a socket or a descriptor that another thread has closed; None for another error."""
    error = failure.exception
    if not isinstance(error, OSError | ValueError) or not any(text in str(error) for text in _CLOSED):
        return None
    mine = (index for index in reversed(history.of.get(failure.thread, ())))
    use = next((index for index in mine if history.events[index].kind is Kind.OUTSIDE), -1)
    closed = last_close(history, use) if use >= 0 else -1
    if closed < 0:
        return None
    words = Words(history, sources)
    thing, there = _thing(history, closed), words.line(history.events[closed].site, history.events[use].site)
    return Finding(
        "used after the end",
        f"Used after it was closed: {thing}",
        f"{words.thread(history.events[use].thread)} uses `{thing}` in {words.line(history.events[use].site)} after "
        f"{words.thread(history.events[closed].thread)} has closed it in {there}. Its number may be given to the next "
        "file or socket that is opened: then it is that one that is used, or closed.",
        f"Close it once, when nobody uses it any more: join those who do before {there}; or hold one lock over the "
        "question whether it is open and the use, and over the closing.",
        (words.side(use), words.side(closed)),
        (words.moment(closed, f"closes {thing}"), words.moment(use, f"uses {thing}, too late")),
        gil=True,
    )


def _thing(history: History, index: int) -> str:
    site = history.events[index].site
    return (called(site) if site is not None else "") or "the socket"


def _pieces(history: History, found: Between, words: Words) -> Finding:
    one, other, lines, thing = _told(history, found, words)
    sites = history.sites(*found)
    return Finding(
        "broken invariant",
        f"Sent in pieces: {thing}",
        f"{one} sends over `{thing}` in {words.line(sites[0])} and goes on with that in {words.line(sites[2])}. In "
        f"between {other} sends over the same in {words.line(sites[1], sites[0])}: the pieces of both are mixed.",
        f"Send the whole in one call, put together before; or hold one lock over {lines}, from the first piece to the "
        "last, and wherever else something is sent over it.",
        (words.side(found.first), words.side(found.other)),
        (
            words.moment(found.first, f"sends over {thing}"),
            words.moment(found.other, "sends over the same"),
            words.moment(found.second, "sends the rest"),
        ),
        gil=True,
        reason="a call that sends gives up the GIL",
    )


def _question(history: History, found: Between, words: Words) -> Finding:
    one, other, lines, thing = _told(history, found, words)
    sites = history.sites(*found)
    lock = min(history.locks(found.first) & history.locks(found.other), default=-1)
    holds = f"Keep `{words.lock(lock)}`" if lock >= 0 else "Hold one lock"
    return Finding(
        "lock released in between" if lock >= 0 else "broken invariant",
        f"An answer for somebody else: {thing}",
        f"{one} sends over `{thing}` in {words.line(sites[0])}, and {other} behind it; but {other} is the first to "
        f"receive, in {words.line(sites[2], sites[0])}. Answers come one after the other, and bear no names: it gets "
        f"the one for {one}.",
        f"{holds} from the question to the end of its answer, {lines}; or give each thread a connection of its own; or "
        "number the questions, and let one thread read and hand on the answers.",
        (words.side(found.first), words.side(found.second)),
        (
            words.moment(found.first, f"sends over {thing}"),
            words.moment(found.other, "sends over the same"),
            words.moment(found.second, f"receives first, what is for {one}"),
        ),
        gil=True,
        reason="a lock is let go in between" if lock >= 0 else "a call that sends gives up the GIL",
    )


def _part(history: History, found: Between, words: Words) -> Finding:
    one, other, _, thing = _told(history, found._replace(first=found.other, other=found.first), words)
    sites = history.sites(*found)
    return Finding(
        "used before ready",
        f"A part taken for the whole: {thing}",
        f"{one} receives from `{thing}` in {words.line(sites[1])} when {other} has sent something in "
        f"{words.line(sites[0], sites[1])}, and the rest is yet to come, in {words.line(sites[2], sites[1])}. What "
        "comes is a stream: what was sent by two calls may come in one, and what was sent by one in parts.",
        "Say where a message ends, by its length in front or a newline behind it, and receive until all of it is "
        "there: `while len(data) < size:`, or `readline()` of `socket.makefile('rb')`. To send it by one call makes "
        "it rarer, no more.",
        (words.side(found.other), words.side(found.first)),
        (
            words.moment(found.first, "sends a part"),
            words.moment(found.other, f"receives from {thing}"),
            words.moment(found.second, "sends the rest"),
        ),
        gil=True,
        reason="a call that sends gives up the GIL",
    )


def _told(history: History, found: Between, words: Words) -> tuple[str, str, str, str]:
    """The names of both threads, the lines that belong together, and what it goes over."""
    one, other = (words.thread(history.events[index].thread) for index in (found.first, found.other))
    sites = history.sites(found.first, found.second)
    lines = words.block(sites) if sites[0] and sites[1] and sites[0].function == sites[1].function else "in one call"
    return one, other, lines, _thing(history, found.first)
