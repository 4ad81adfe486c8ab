"""SURW, selectively uniform random walk: uniform over the orders of the accesses to one shared thing."""

from __future__ import annotations

import random
from collections import _count_elements  # type: ignore[attr-defined]  # what Counter counts with, in C
from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from plait._core.event import Event, Kind

if TYPE_CHECKING:
    from plait._schedulers.interface import ThreadState

Thing = tuple[str, int]
What = tuple[int, Kind, int, str]

_GREED = 1000  # choices that a thread waits for its turn before whoever has it is taken to wait for that very thread
_MOST = 1000  # executions that are told from others by what happened in them
_FIRST = 16  # executions from which it learns in any case


class SurwScheduler:
    """Chooses one shared thing for each execution, and all orders of the accesses to it have about equal chances.

    It learns from the executions before which things several threads touch, and how often each does: from the first
    ones, whoever chose in them, and then from its own, which is enough and takes less time. A thread that
    spins until another has done something would have the turn for ever; so the rest of an execution in which somebody
    waits for long is a random walk.

    Source: Zhao, Wolff, Mathur, Roychoudhury: Selectively uniform concurrency testing, ASPLOS 2025.
    """

    name = "surw"

    def __init__(self) -> None:
        self._random = random.Random()
        self._counts: dict[Thing, dict[int, int]] = {}
        self._shared: list[Thing] = []
        self._known: set[frozenset[tuple[What, int]]] = set()
        self._ended = 0
        self._mine = False

    def begin(self, seed: int) -> bool:
        self._mine = True
        self._random.seed(seed)
        self._target = self._random.choice(self._shared) if self._shared else None
        self._left = dict(self._counts[self._target]) if self._target is not None else {}
        self._next: int = -1
        self._waited: dict[int, int] = {}
        return True

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        target = self._target
        if target is None:
            return ready[int(self._random.random() * len(ready))]
        if self._next < 0 or threads[self._next].done:
            self._next = self._draw(threads)
        # Whoever is about to touch the thing out of turn waits, unless nobody else is there.
        touching = [thread for thread in ready if thread.pending is not None and _thing(thread.pending) == target]
        free = [thread for thread in ready if thread.number == self._next or thread not in touching] or list(ready)
        chosen = free[int(self._random.random() * len(free))]
        if chosen in touching:
            self._left[chosen.number] = self._left.get(chosen.number, 0) - 1
            if chosen.number == self._next:
                self._next = -1
        if len(free) < len(ready):
            self._wait(touching, chosen)
        return chosen

    def end(self, executed: Sequence[Event]) -> None:
        mine, self._mine = self._mine, False
        self._ended += 1
        if not mine and self._ended > _FIRST:
            return
        counts: dict[What, int] = {}
        _count_elements(counts, map(_WHAT, executed))
        if (whole := frozenset(counts.items())) in self._known:  # it differs in its order only
            return
        if len(self._known) < _MOST:
            self._known.add(whole)
        seen: dict[Thing, dict[int, int]] = {}
        for (thread, kind, place, name), count in counts.items():
            thing = _touched(kind, place, name)
            if thing is not None:
                by = seen.setdefault(thing, {})
                by[thread] = by.get(thread, 0) + count
        for thing, by in seen.items():
            known = self._counts.setdefault(thing, {})
            for thread, count in by.items():
                known[thread] = max(known.get(thread, 0), count)
        self._shared = [thing for thing, by in self._counts.items() if len(by) > 1]

    def _wait(self, touching: Sequence[ThreadState], chosen: ThreadState) -> None:
        waited = self._waited
        for thread in touching:
            waited[thread.number] = 0 if thread is chosen else waited.get(thread.number, 0) + 1
            if waited[thread.number] > _GREED:
                self._target = None

    def _draw(self, threads: Sequence[ThreadState]) -> int:
        alive = [thread.number for thread in threads if not thread.done]
        weights = [max(self._left.get(number, 0), 0) for number in alive]
        return self._random.choices(alive, weights)[0] if any(weights) else -1


_WHAT = itemgetter(0, 1, 2, 3)  # of an event: the thread, what it does, to which part of what


def _thing(event: Event) -> Thing | None:
    return _touched(event.kind, event.place, event.name)


def _touched(kind: Kind, place: int, name: str) -> Thing | None:
    """The same for the same thing in all executions: numbers of places may differ, names do not."""
    if kind is Kind.READ or kind is Kind.WRITE:
        if place < 0:
            return None
        return ("[]", place) if name[:1] == "[" else (name, -1)
    if kind is Kind.ACQUIRE or kind is Kind.TRY:
        return ("", -1)
    return None
