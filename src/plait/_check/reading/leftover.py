"""Items that nobody took out of a queue: more at the end of an execution that failed than of one that passed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.uses import Call, calls_on
from plait._check.reading.waits import receiver
from plait._core.event import Kind, Site

_PUTS = ("put", "put_nowait")
_GETS = ("get", "get_nowait")
_LOOKS = ("empty", "qsize", "full", "task_done", "join")


class Leftover(NamedTuple):
    """How many items are left in a queue, the call that put the last one, the last that took one, and who takes them.

    Attributes:
        name: what the line that puts calls the queue.
        sites: of all that put.
        got: None when nobody has taken any.
        takers: the threads that take items, here or in the execution that passed.
    """

    items: int
    name: str
    sites: frozenset[Site | None]
    put: Call
    got: Call | None
    takers: frozenset[int]


def leftover(failing: History, passing: History | None, thread: int, sources: Sources) -> Leftover | None:
    """The first queue with more left in it than in the execution that passed, and nobody to take it; None without.

    Those who take have ended, or are the thread that fails.
    """
    usual = list(_queues(passing, sources)) if passing is not None else []
    for found in _queues(failing, sources):
        before = [one for one in usual if one.sites & found.sites]
        takers = found.takers.union(*(one.takers for one in before))
        gone = all(number == thread or failing.ended(number) for number in takers)
        if takers and gone and found.items > max((one.items for one in before), default=0):
            return found._replace(takers=takers)
    return None


def _queues(history: History, sources: Sources) -> Iterator[Leftover]:
    """Each queue into which something was put."""
    for number in history.record.places:
        calls = _calls(history, number, sources)
        puts = [call for call in calls if call.method in _PUTS]
        gets = [call for call in calls if call.method in _GETS]
        known = len(puts) + len(gets) == sum(call.method not in _LOOKS for call in calls)
        theirs = any(_line(history, call, sources).startswith("with ") for call in calls)  # a lock, not a queue
        name = _name(history, puts[-1], sources) if puts else ""
        if known and name and not theirs:
            sites = frozenset(history.events[call.at].site for call in puts)
            takers = frozenset(call.thread for call in gets)
            yield Leftover(len(puts) - len(gets), name, sites, puts[-1], gets[-1] if gets else None, takers)


def _name(history: History, put: Call, sources: Sources) -> str:
    text = _line(history, put, sources)
    return next((name for method in _PUTS if (name := receiver(text, method))), "")


def _line(history: History, call: Call, sources: Sources) -> str:
    site = history.events[call.at].site
    return sources.line(site.file, site.line) if site is not None else ""


def _calls(history: History, number: int, sources: Sources) -> list[Call]:
    """What was done to the queue that has this number, or this lock inside."""
    if history.record.places[number].label != "SimpleQueue":
        return list(calls_on(history, number, sources, (*_LOOKS, *_PUTS, *_GETS)))
    return [
        Call(index, event.thread, "put" if event.kind == Kind.RELEASE else "get")
        for index, event in enumerate(history.events)
        if event.place == number and event.kind in (Kind.RELEASE, Kind.ACQUIRE)
    ]
