"""Says that a channel or a queue was used after another thread had closed it."""

from __future__ import annotations

import queue

from plait._check.findings import Finding
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.uses import Call, calls_on
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words, frame_site, innermost
from plait._check.record import Failure
from plait._core.errors import Closed
from plait._core.event import Kind, Site

_CLOSES = ("close", "shutdown")
_BLOCK = "with"  # at the end of which a channel is closed
_USES = ("put_nowait", "put", "get_nowait", "get")
_ERRORS: tuple[type[BaseException], ...] = (Closed, getattr(queue, "ShutDown", Closed))  # the second since Python 3.13


def explain_closed(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for such an error, where the lines of both are known; None for others."""
    if not isinstance(failure.exception, _ERRORS):
        return None
    asked = _asked(history, failure)
    if asked < 0:
        return None
    thread, known = history.events[asked].thread, (*_CLOSES, *_USES)
    calls = list(calls_on(history, history.events[asked].place, sources, known))
    use = next((call for call in reversed(calls) if call.thread == thread and call.method in _USES), None)
    closed = [call for call in calls if call.method in (*_CLOSES, _BLOCK) and use is not None and call.at < use.at]
    if use is None or not closed or (closed[-1].thread == thread and closed[-1].method != _BLOCK):
        return None
    return _finding(history, use, closed[-1], sources)


def _asked(history: History, failure: Failure) -> int:
    """The event by which it took the lock inside, -1 if none is known; a scope raises here what another thread met."""
    site = frame_site(innermost(failure.stack))
    taken = [index for index, event in enumerate(history.events) if event.kind == Kind.ACQUIRE]
    there = [index for index in taken if site is not None and _is_at(history.events[index].site, site)]
    mine = [index for index in taken if history.events[index].thread == failure.thread]
    return (there or mine or [-1])[-1]


def _is_at(one: Site | None, other: Site) -> bool:
    return one is not None and (one.file, one.line) == (other.file, other.line)


def _finding(history: History, use: Call, closed: Call, sources: Sources) -> Finding:
    words = Words(history, sources)
    here, there = history.events[use.at].site, history.events[closed.at].site
    thing = receiver(sources.line(here.file, here.line), use.method) if here is not None else ""
    thing = thing or "the queue"
    name, who = words.thread(use.thread), words.thread(closed.thread)
    who = "it" if use.thread == closed.thread else who  # in an earlier task, say
    why = f"{name} calls `{thing}.{use.method}()` in {words.line(here)} after {who} has closed it in "
    why += words.line(there, here)
    if closed.method == _BLOCK:
        did = f"closes {thing}, at the end of the block"
        why += f", at the end of the block. Whoever comes to the end of theirs first closes `{thing}` for all."
        fix = (
            f"Close `{thing}` once, after the last use: open a scope for those who put, and close it behind that. Or "
            "let the one who puts last close it."
        )
    else:
        did = f"calls {thing}.{closed.method}()"
        why += (
            ". Nothing keeps the end back until the last use; to ask before whether it is closed does not help, since "
            "it may be closed right behind the answer."
        )
        fix = (
            f"Let {words.line(there, here)} wait until nobody uses it any more: join those who do. Or hold one lock "
            "over the question and the use, and over the end; or catch the error, if it says no more than that it is "
            "over."
        )
    return Finding(
        "used after the end",
        f"Used after its end: {thing}",
        why,
        fix,
        (words.side(use.at), words.side(closed.at)),
        (
            words.moment(closed.at, did),
            words.moment(use.at, f"calls {thing}.{use.method}(), too late"),
        ),
        gil=True,
        reason="it takes a lock in between",
    )
