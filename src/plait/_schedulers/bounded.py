"""Bounded: every schedule up to a number of preemptions, those first that can differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plait._core.event import Kind
from plait._schedulers.interface import LONGEST
from plait._schedulers.reduction import Race, races

if TYPE_CHECKING:
    from plait._core.event import Event
    from plait._schedulers.interface import ThreadState


class BoundedScheduler:
    """Depth first through the choices, in two passes: a quick one that finds, and a whole one that proves.

    1. With at most 0, 1, … preemptions a choice is tried the other way only where the events say that it can matter:
       where two that conflict, and that nothing orders, could have come the other way round (dynamic partial-order
       reduction; with a bound also where the block of the first of them began).
    2. Then every choice is tried every way. A reduction is only as sound as the events are complete, and no checker of
       Python sees all that threads share: ``"".join(lines)`` or ``getattr(job, name)`` is no event. So nothing is
       proved by the first pass, however much the second one repeats of it.

    A preemption is a change to another thread while the running one could have gone on. A thread that has just slept,
    or waited in vain until its time was up, was not running.

    Attributes:
        proof: when `begin` has said that nothing is left, what that proves; empty if schedules were left out, or the
            same choices did not lead to the same place again, and then nothing is proved.

    Source: Flanagan, Godefroid: Dynamic partial-order reduction, POPL 2005; Coons, Musuvathi, McKinley: Bounded
    partial-order reduction, OOPSLA 2013.
    """

    name = "bounded"

    def __init__(self, preemptions: int = 2) -> None:
        self._most = preemptions
        self._bound = 0
        self._whole = False
        self._path: list[_Node] = []
        self._depth = 0
        self._cut = False
        self._begun = False
        self._blind = False
        self._running = False
        self._row = 0
        self._threads: Sequence[ThreadState] = ()

    @property
    def proof(self) -> str:
        if self._blind or not self._whole:
            return ""
        most = self._most
        return f"every schedule with at most {most} preemption{'s' * (most != 1)}" if self._cut else "every schedule"

    def begin(self, seed: int) -> bool:
        if self._begun and not self._turn_back():
            if self._whole:
                return False
            if self._cut and self._bound < self._most:
                self._bound += 1
            else:
                self._whole = True
                self._bound = self._most
                self._blind = False  # the first executions may have differed: modules of the library were not imported
            self._cut = False
        self._begun = True
        self._depth = 0
        self._row = 0
        self._running = True
        self._threads = ()
        return True

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        self._threads = threads
        depth = self._depth
        self._depth = depth + 1
        position = sum(thread.steps for thread in threads)
        if depth < len(self._path):
            node = self._path[depth]
            if node.matches(position, ready):
                return next(thread for thread in ready if thread.number == node.chosen)
            self._blind = True  # the same choices have led elsewhere: the program depends on something else, too
            del self._path[depth:]
        node = self._new_node(position, ready, running)
        self._path.append(node)
        return next(thread for thread in ready if thread.number == node.chosen)

    def end(self, executed: Sequence[Event]) -> None:
        if not self._running:
            return  # an execution that others have chosen
        self._running = False
        if self._depth < len(self._path) or len(executed) >= LONGEST:
            self._blind = True
            del self._path[self._depth :]
        if self._whole:
            return
        pending = [thread.pending for thread in self._threads if not thread.done and thread.pending is not None]
        for race in races(executed, pending):
            self._try_other_way(executed, race)

    def _new_node(self, position: int, ready: Sequence[ThreadState], running: ThreadState | None) -> _Node:
        before = self._path[-1].preemptions if self._path else 0
        node = _Node(position, ready, running, before)
        self._row = self._row + 1 if running is not None else 0
        if self._row > _GREED:  # it seems to wait for somebody, and asks again and again
            self._row = 0
            node.give_way()
            self._blind = True  # the schedules in which it does not are left out
        elif self._whole or any(thread.pending is not None and thread.pending.kind is Kind.WAIT for thread in ready):
            node.want(_ANY)  # tasks share more than their accesses show: the queues of asyncio's own locks and events
        return node

    def _try_other_way(self, executed: Sequence[Event], race: Race) -> None:
        start = race.first
        while start and executed[start - 1].thread == executed[race.first].thread:
            start -= 1
        for node in self._path:
            if node.position in (race.first, start) or (start < node.position < race.first and node.is_free):
                node.want(race.thread)

    def _turn_back(self) -> bool:
        """The deepest choice with something left to try becomes the last one, the other way; False if there is none."""
        while self._path:
            node = self._path[-1]
            for number in sorted(node.wanted - node.tried):
                node.tried.add(number)
                if node.cost(number) <= self._bound:
                    node.chosen = number
                    return True
                self._cut = True
            self._path.pop()
        return False


_GREED = 500  # choices in a row after which the running thread lets the next one go
_ANY = -1
_WAITS = frozenset({Kind.ACQUIRE, Kind.JOIN, Kind.SLEEP, Kind.WAIT})


class _Node:
    """One choice on the path.

    Attributes:
        position: how many events had been executed.
        chosen: who went on this time; `tried` are those who did so far, `wanted` those who shall.
        base: preemptions before.
    """

    __slots__ = ("_pending", "_ready", "_running", "base", "chosen", "position", "tried", "wanted")

    def __init__(self, position: int, ready: Sequence[ThreadState], running: ThreadState | None, base: int) -> None:
        self.position = position
        self.base = base
        self._ready = [thread.number for thread in ready]
        self._pending = [_words(thread.pending) for thread in ready]
        self._running = -1 if running is None or _has_waited(running) else running.number
        self.chosen = ready[0].number if running is None else running.number
        self.tried = {self.chosen}
        self.wanted = {self.chosen}

    def give_way(self) -> None:
        """The running thread gives way of itself: that is no preemption."""
        after = [number for number in self._ready if number > self._running] or self._ready
        self.chosen = after[0]
        self.tried = set(self._ready)  # nobody else goes on here: there would be no end to that
        self._running = -1

    @property
    def is_free(self) -> bool:
        """Whether it is no preemption, whoever goes on."""
        return self._running < 0

    @property
    def preemptions(self) -> int:
        return self.cost(self.chosen)

    def cost(self, number: int) -> int:
        """Preemptions up to here if this one goes on."""
        return self.base + (self._running >= 0 and number != self._running)

    def want(self, number: int) -> None:
        """This thread shall go on here in some execution; if it cannot, all that can."""
        self.wanted.update([number] if number in self._ready else self._ready)

    def matches(self, position: int, ready: Sequence[ThreadState]) -> bool:
        """Whether it is this choice that has come again: as many events, the same threads, about to do the same."""
        return (
            position == self.position
            and [thread.number for thread in ready] == self._ready
            and [_words(thread.pending) for thread in ready] == self._pending
        )


def _words(pending: Event | None) -> tuple[Kind, int, str] | None:
    return None if pending is None else (pending.kind, pending.place, pending.name)


def _has_waited(running: ThreadState) -> bool:
    pending = running.pending
    return pending is not None and pending.kind in _WAITS and running.timed_out
