"""Hints first: executions that others have asked for by their turns, and a strategy of its own for all the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait._core.event import Event
    from plait._schedulers.interface import Scheduler, ThreadState

Turns = Sequence[tuple[int, int, int]]  # when this thread has executed so many events, that one goes on


_ROW = 12  # hints that are followed one after the other; then the strategy has every second execution


class HintedScheduler:
    """Follows each hint in one execution, in the order in which they came; without one, it does as `strategy` does.

    Where there are many hints, the strategy has its turn in between: they may all be in vain, and executions be long.

    Args:
        strategy: for the executions that nobody has asked for.
        follow: gives the scheduler that follows turns.
    """

    name = "hinted"

    def __init__(self, strategy: Scheduler, follow: Callable[[Turns], Scheduler]) -> None:
        self._strategy = strategy
        self._follow = follow
        self._hints: deque[Turns] = deque()
        self._now = strategy
        self._row = 0

    @property
    def follows(self) -> bool:
        """Whether the execution that has begun last follows a hint."""
        return self._now is not self._strategy

    def hint(self, turns: Sequence[tuple[int, int, int, str]]) -> None:
        """The next execution that nobody has asked for yet follows these turns; their labels are not looked at."""
        self._hints.append([(thread, step, to) for thread, step, to, _ in turns])

    @property
    def proof(self) -> str:
        """What the strategy has proved when nothing is left to explore."""
        return str(getattr(self._strategy, "proof", "every schedule"))

    def begin(self, seed: int) -> bool:
        gives_way = self._row >= _ROW and self.follows
        self._row += 1 if self._hints else -self._row
        self._now = self._follow(self._hints.popleft()) if self._hints and not gives_way else self._strategy
        begun = self._now.begin(seed)
        self.choose = self._now.choose  # type: ignore[method-assign]  # one call less at each step
        return begun

    def choose(
        self, ready: Sequence[ThreadState], running: ThreadState | None, threads: Sequence[ThreadState]
    ) -> ThreadState:
        return self._now.choose(ready, running, threads)

    def hasty(self, thread: ThreadState) -> bool:
        """As the one that is followed now."""
        hasty = getattr(self._now, "hasty", None)
        return hasty is not None and bool(hasty(thread))

    def end(self, executed: Sequence[Event]) -> None:
        self._now.end(executed)
        if self.follows:
            self._strategy.end(executed)  # it may learn from them, too
