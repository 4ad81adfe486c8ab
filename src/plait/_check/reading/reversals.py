"""Pairs whose order was chance: the later one could have come first, and then the rest may go another way.

It is the step of dynamic partial-order reduction (Flanagan and Godefroid, POPL 2005), taken as a hint, not a proof.
"""

from __future__ import annotations

from typing import NamedTuple

from plait._check.reading.history import History
from plait._check.reading.steer import steer
from plait._check.record import Switch
from plait._core.event import Kind, Site, conflict

_MANY = 24


class Reversal(NamedTuple):
    """The places in the source of the two, and the switches by which the second comes before the first."""

    sites: tuple[Site | None, Site | None]
    switches: tuple[Switch, ...]


def reversals(history: History) -> list[Reversal]:
    """One for each two places in the source that are reversed by it, the earliest first."""
    found: dict[tuple[Site | None, Site | None], Reversal] = {}
    last: dict[int, list[int]] = {}  # accesses of a place, and acquisitions of a lock
    for later, event in enumerate(history.events):
        if event.kind not in ORDERED or event.place < 0:
            continue
        earlier = _rival(history, last.setdefault(event.place, []), later)
        last[event.place].append(later)
        sites = (history.events[earlier].site, event.site) if earlier >= 0 else (None, None)
        if earlier < 0 or sites in found:
            continue
        switches = steer(history, earlier, (later,), history.events[earlier].thread)
        if switches:
            found[sites] = Reversal(sites, switches)
        if len(found) >= _MANY:
            break
    return list(found.values())


ORDERED = (Kind.READ, Kind.WRITE, Kind.ACQUIRE)


def _rival(history: History, before: list[int], later: int) -> int:
    """The last event before that conflicts with it, is of another thread, and need not come first; -1 if none."""
    event = history.events[later]
    for earlier in reversed(before[-_MANY:]):
        other = history.events[earlier]
        if other.thread == event.thread or not conflict(other, event):
            continue
        if history.must(earlier, later) or history.locks(earlier) & history.locks(later):
            return -1
        return earlier
    return -1
