"""The turns of event loops: what one task does from its wake-up to its next wait, with no other task in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait._core.event import Event, Kind

if TYPE_CHECKING:
    from plait._check.record import ThreadInfo


class Turns:
    """Which events of an execution no task of the same loop can come between, whatever the schedule.

    A turn begins where the loop has chosen whose it is, which its thread notes as an event (`is_choice`). What the loop
    does between two turns belongs to none. Threads come in between everywhere.

    Attributes:
        hosts: for each task, the thread of its loop.
    """

    def __init__(self, events: Sequence[Event], threads: Sequence[ThreadInfo]) -> None:
        self.hosts = _hosts(threads)
        self._of: list[int] = []  # for each event, the one that begins its turn; empty where there are no tasks
        self._host: dict[int, int] = {}  # of each turn
        self._members: dict[int, list[int]] = {}
        if self.hosts:
            self._follow(events)

    def of(self, index: int) -> int:
        """The event that begins the turn of this one; -1 where it belongs to none."""
        return self._of[index] if self._of else -1

    def members(self, turn: int) -> list[int]:
        """The events of the turn that begins with this one, in order."""
        return self._members[turn]

    def host(self, turn: int) -> int:
        """The thread of the loop whose turn begins with this event."""
        return self._host[turn]

    def open_at(self, since: int) -> dict[int, int]:
        """For the thread of each loop, the turn that had begun before event `since` and was not over."""
        return {self._host[turn]: turn for turn, mine in self._members.items() if turn < since and mine[-1] >= since}

    def shut_out(self, first: int, other: int, second: int) -> bool:
        """Whether `other` is a doing of the loop in one turn of which the two are: it never comes between them."""
        turn, its = self.of(first), self.of(other)
        return turn >= 0 and its >= 0 and turn == self.of(second) and self._host[turn] == self._host[its]

    def _follow(self, events: Sequence[Event]) -> None:
        now: dict[int, int] = {}
        whose: dict[int, int] = {}
        for index, event in enumerate(events):
            host = self.hosts.get(event.thread, event.thread)
            if is_choice(event):
                now[host] = index
                self._host[index], self._members[index] = host, []
            turn = now.get(host, -1)
            if turn >= 0 and index > turn and event.thread != whose.setdefault(turn, event.thread):
                turn = -1
            self._of.append(turn)
            if turn >= 0:
                self._members[turn].append(index)


def is_choice(event: Event) -> bool:
    """Whether a loop has just chosen whose turn is next: other events of this kind stand somewhere in the source."""
    return event.kind == Kind.PAUSE and event.site is None


def _hosts(threads: Sequence[ThreadInfo]) -> dict[int, int]:
    """For each task, the thread of its loop, as far as it is the one that has started it."""
    parents = {info.number: info.parent for info in threads if info.kind == "task"}
    found = {}
    for number, parent in parents.items():
        while parent in parents:
            parent = parents[parent]
        found[number] = parent
    return found
