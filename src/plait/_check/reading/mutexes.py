"""Semaphores of one unit, which many use as locks: who holds which, from the calls in the user's lines.

A `threading.Semaphore` takes the lock inside it for a moment in each call, whatever the call does. What it was for is
read from the line: ``acquire``, ``release``, or a `with` block, which begins with the one and ends with the other. A
semaphore that is released by somebody who has not taken it hands on, and is no lock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from plait._check.record import Place
from plait._core.event import Event

_MADE = re.compile(r"\b(Bounded)?Semaphore\(\s*(value\s*=)?\s*1?\s*\)$")
_BLOCK = re.compile(r"(async\s+)?with\b")


class Mutexes:
    """Those of one execution, while it is replayed.

    Attributes:
        places: of the locks inside.
        signals: those of them that somebody has released who had not taken the semaphore.
    """

    def __init__(self, places: Mapping[int, Place]) -> None:
        made = ((number, place.made) for number, place in places.items() if place.label == "Lock")
        self.places = {number for number, site in made if site is not None and _MADE.search(site.text)}
        self.signals: set[int] = set()
        self._owners: dict[int, tuple[int, int]] = {}  # a place: who holds it, and the index of the event

    def called(self, index: int, event: Event, held: tuple[int, ...]) -> tuple[int, ...]:
        """What a thread holds after the lock inside is released, by the event with this index, at the end of a call."""
        owner, taken = self._owners.get(event.place, (-1, -1))
        text = event.site.text if event.site is not None else ""
        mine = owner == event.thread
        is_block = _BLOCK.match(text) is not None
        if (is_block and mine) or (not is_block and "release" in text):
            self._owners.pop(event.place, None)
            if not mine:
                self.signals.add(event.place)
            return tuple(one for one in held if one != taken)
        if owner < 0:
            self._owners[event.place] = event.thread, index
            return (*held, index)
        return held  # it waits, or has tried in vain
