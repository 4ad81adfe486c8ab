"""Says that a channel or a queue was used after another thread had closed it."""

from __future__ import annotations

import queue

from plait._check.findings import Finding
from plait._check.history import History
from plait._check.record import Failure
from plait._check.source import Sources
from plait._check.uses import Call, calls_on
from plait._check.waits import receiver
from plait._check.words import Words
from plait._core.errors import Closed
from plait._core.event import Kind

_CLOSES = ("close", "shutdown")
_USES = ("put_nowait", "put", "get_nowait", "get")
_ERRORS: tuple[type[BaseException], ...] = (Closed, getattr(queue, "ShutDown", Closed))  # the second since Python 3.13


def explain_closed(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding for such an error, where the lines of both are known; None for others."""
    mine = [index for index in history.of.get(failure.thread, []) if history.events[index].kind == Kind.ACQUIRE]
    if not isinstance(failure.exception, _ERRORS) or not mine:
        return None
    calls = list(calls_on(history, history.events[mine[-1]].place, sources, (*_CLOSES, *_USES)))
    use = next((call for call in reversed(calls) if call.thread == failure.thread and call.method in _USES), None)
    closed = [call for call in calls if call.method in _CLOSES and use is not None and call.at < use.at]
    if use is None or not closed or closed[-1].thread == failure.thread:
        return None
    return _finding(history, use, closed[-1], sources)


def _finding(history: History, use: Call, closed: Call, sources: Sources) -> Finding:
    words = Words(history, sources)
    here, there = history.events[use.at].site, history.events[closed.at].site
    thing = receiver(sources.line(here.file, here.line), use.method) if here is not None else ""
    thing = thing or "the queue"
    name, who = words.thread(use.thread), words.thread(closed.thread)
    return Finding(
        "used after the end",
        f"Used after its end: {thing}",
        f"{name} calls `{thing}.{use.method}()` in {words.line(here)} after {who} has closed it in "
        f"{words.line(there, here)}. Nothing keeps the end back until the last use; to ask before whether it is closed "
        "does not help, since it may be closed right behind the answer.",
        f"Let {words.line(there, here)} wait until nobody uses it any more: join those who do. Or hold one lock over "
        "the question and the use, and over the end; or catch the error, if it says no more than that it is over.",
        (words.side(use.at), words.side(closed.at)),
        (
            words.moment(closed.at, f"calls {thing}.{closed.method}()"),
            words.moment(use.at, f"calls {thing}.{use.method}(), too late"),
        ),
        gil=True,
        reason="it takes a lock in between",
    )
