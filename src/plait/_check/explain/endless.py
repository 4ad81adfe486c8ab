"""Says why an execution did not end: a thread that asks again and again for what nobody changes, or a livelock."""

from __future__ import annotations

from collections import Counter

from plait._check.findings import Finding
from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._core.event import Kind

_LATELY = 2000  # events at the end, by which every thread has had its turn many times
_OFTEN = 20  # so often in them is again and again


def explain_endless(history: History, sources: Sources) -> Finding | None:
    """The finding for threads that go round in loops; None when none of them reads the same again and again."""
    words = Words(history, sources)
    lately = range(max(0, len(history.events) - _LATELY), len(history.events))
    asked = _asked(history, lately)
    if not asked:
        return None
    changes = [
        index
        for index in lately
        if history.events[index].kind == Kind.WRITE
        and any(overlap(history.events[index], history.events[reading]) for reading in asked.values())
    ]
    reading = asked[min(asked)]
    name, thing = words.thread(history.events[reading].thread), words.thing(reading)
    where = words.line(history.events[reading].site)
    why = f"{name} looks at `{thing}` in {where} again and again, and waits for it to change. "
    why += (
        "Nobody who is left changes it."
        if not changes
        else "Others change it all the time, but never so that it can go on: a livelock."
    )
    shown = sorted([*asked.values(), *changes[-1:]])
    return Finding(
        "no end",
        f"It does not end: {thing}",
        why,
        f"Wait with a threading.Condition or Event that is set when `{thing}` changes, not in a loop"
        + (", and give way for different times when two of you meet." if changes else "."),
        tuple(words.side(index) for index in shown[:2]),
        tuple(words.moment(index, f"{words.does(index)}, again and again") for index in shown),
        reason="any build can run these loops for ever",
    )


def _asked(history: History, lately: range) -> dict[int, int]:
    """For each thread that reads one place of the source very often, the last such read."""
    often: Counter[tuple[int, object]] = Counter()
    last: dict[tuple[int, object], int] = {}
    for index in lately:
        event = history.events[index]
        if event.kind == Kind.READ and event.site is not None and event.place >= 0:
            often[event.thread, event.site] += 1
            last[event.thread, event.site] = index
    found: dict[int, int] = {}
    for (thread, site), times in often.most_common():
        if times >= _OFTEN and thread not in found:
            found[thread] = last[thread, site]
    return found
