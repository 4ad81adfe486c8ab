"""Replay: the choices of an earlier execution, as far as they still apply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from plait._core.event import Event
    from plait._schedulers.interface import ThreadState


_GREED = 2000  # choices in a row after which the running thread lets the next one go


class Turn(NamedTuple):
    """When `thread` has executed `step` events, `to` goes on; if it is itself, its sleep ends at once."""

    thread: int
    step: int
    to: int


HURRY = Turn(-1, -1, -1)


class ReplayScheduler:
    """Goes on with the running thread, else with the lowest number, except at the given turns.

    With `HURRY` as the only turn sleeps are over at once, and whoever was started last goes first.
    A turn that no longer applies (its thread has gone past it, or `to` cannot go on) is left out: see `missed`.

    Args:
        turns: as (thread, step, to).
        impatient: whether a thread that goes on and on lets the next one go, too, while a turn has not come: it may
            wait for the very thread whose turn that is; and whether a turn is left out that has come about unasked.
            What was recorded is followed to the letter without it.

    Attributes:
        hurried: whether sleeps are over at once, however long they are.
        missed: the indices of the turns that did not apply in the last execution.
    """

    name = "replay"

    def __init__(self, turns: Sequence[tuple[int, int, int]], *, impatient: bool = False) -> None:
        self._impatient = impatient
        self._turns = [Turn(*turn[:3]) for turn in turns]
        self.hurried = self._turns == [HURRY]
        self._at = self._row = 0
        self.missed: list[int] = []

    def begin(self, seed: int) -> bool:
        self._at = self._row = 0
        self.missed = []
        return True

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        plain = ready[0] if running is None else running
        if self.hurried:
            return self._go_on(ready[-1], ready, running)
        while self._at < len(self._turns):
            turn = self._turns[self._at]
            thread = threads[turn.thread] if turn.thread < len(threads) else None
            if self._impatient and _is_taken(turn, thread, running):
                self._at += 1
                continue
            if (
                thread is None
                or thread.steps < turn.step
                or (thread.steps == turn.step and _waits(thread, ready, running))
            ):
                return self._go_on(plain, ready, running) if self._impatient else plain
            self._at += 1
            self._row = 0
            chosen = next((candidate for candidate in ready if candidate.number == turn.to), None)
            if thread.steps == turn.step and chosen is not None:
                return chosen
            self.missed.append(self._at - 1)
        return self._go_on(plain, ready, running)

    def _go_on(self, plain: ThreadState, ready: Sequence[ThreadState], running: ThreadState | None) -> ThreadState:
        self._row = self._row + 1 if running is not None else 0
        if self._row > _GREED:  # it asks again and again for what only another can do
            self._row = 0
            return next((candidate for candidate in ready if candidate.number > plain.number), ready[0])
        return plain

    def hasty(self, thread: ThreadState) -> bool:
        """Whether the next turn says that this thread goes on itself, where it begins to sleep."""
        mine = Turn(thread.number, thread.steps, thread.number)
        if self._at >= len(self._turns) or self._turns[self._at] != mine:
            return False
        self._at += 1
        return True

    def end(self, executed: Sequence[Event]) -> None:
        self.missed.extend(range(self._at, len(self._turns)))


def _is_taken(turn: Turn, thread: ThreadState | None, running: ThreadState | None) -> bool:
    """Whether it has come about without a choice: its thread had to wait, and the one it leads to was all there was."""
    arrived = thread is not None and thread is not running and thread.steps == turn.step
    return arrived and running is not None and running.number == turn.to


def _waits(thread: ThreadState, ready: Sequence[ThreadState], running: ThreadState | None) -> bool:
    """Whether it has not come to its turn yet, because somebody else runs."""
    return thread is not running and thread in ready and not thread.done
