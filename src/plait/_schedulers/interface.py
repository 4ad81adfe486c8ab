"""The interface of a scheduler: three methods, and what it may look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from plait._core.event import Event

LONGEST = 100_000  # events after which an execution no longer asks its scheduler, but gives all threads their share


class ThreadState:
    """What a scheduler sees of a thread of control: a thread, or an asyncio task.

    Attributes:
        number: in the order of creation; the main one is 0. The same in every execution with the same schedule.
        name: for people.
        steps: how many events it has executed.
        pending: what it does next when it is chosen; None before its start and after its end.
        done: whether it has ended.
        timed_out: whether its last wait, such as a sleep, ended because its time was up.
    """

    __slots__ = ("__weakref__", "done", "name", "number", "pending", "steps", "timed_out")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.steps = 0
        self.pending: Event | None = None
        self.done = False
        self.timed_out = False


class Scheduler(Protocol):
    """Decides, at every step of a controlled execution, which thread of control goes next.

    Promises: the same seeds in the same order and the same program give the same choices, in any process and on any
    Python; it looks at nothing but what it is given, and at no clock.

    One that has a method ``hasty(thread) -> bool`` is asked by it whether a short wait of the thread ends at once, as
    if all others were held up meanwhile. The others let everybody who can go on go first.
    """

    def begin(self, seed: int) -> bool:
        """A new execution begins; False when nothing is left to explore, and then no execution follows."""
        ...

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        """One of `ready`: those that can go on, by number, at least two.

        `running` is the one that has just gone, if it is among them; `threads` are all so far, by number.
        """
        ...

    def end(self, executed: Sequence[Event]) -> None:
        """The execution is over; its events in order, which a strategy may learn from."""
        ...
