"""Race: several tasks of which the first that succeeds is wanted; the others are then cancelled."""

from __future__ import annotations

import threading
from typing import Any

from plait._run.future import Future

UNINTERRUPTIBLE = True  # see `cancelling`


class Race:
    """Knows the winner when there is one.

    Attributes:
        empty: whether nobody takes part.
        over: whether somebody has won, or nobody can any more; who takes part from then on is not cancelled by that.
        outcome: a future for the winner's value, or for what all of them raised.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: set[Future[Any]] = set()
        self._errors: list[BaseException] = []
        self._started = False
        self.empty = True
        self.over = False
        self.outcome: Future[Any] = Future()

    def enter(self, future: Future[Any]) -> None:
        """A task takes part."""
        with self._lock:
            self._open.add(future)
            self.empty = False

    def start(self) -> None:
        """No more will take part: from now on it can be lost."""
        self.outcome._name = lambda: "the first of several tasks"
        self.outcome._stop = self._give_up
        self.outcome.set_running_or_notify_cancel()
        with self._lock:
            self._started = True
            lost = self._is_lost()
        if lost:
            self._lose()

    def ended(self, future: Future[Any]) -> None:
        """A task that takes part has ended."""
        error = None if future.cancelled() else future.exception()
        won = not future.cancelled() and error is None
        with self._lock:  # until it is known what comes of it: nobody may see that it is gone, and not that it has won
            self._open.discard(future)
            if error is not None:
                self._errors.append(error)
            won = won and not self.over
            self.over = self.over or won
            rest, lost = list(self._open), self._is_lost()
        if won:
            self.outcome.set_result(future.result())
            for other in rest:
                other.cancel()
        elif lost:
            self._lose()

    def _is_lost(self) -> bool:
        """Whether nobody is left who could win; said once, under the lock."""
        lost = self._started and not self._open and not self.over
        self.over = self.over or lost
        return lost

    def _lose(self) -> None:
        if len(self._errors) == 1:
            self.outcome.set_exception(self._errors[0])
        elif self._errors:
            group = BaseExceptionGroup(f"none of {len(self._errors)} tasks succeeded", self._errors)
            self.outcome.set_exception(group)
        else:
            self.outcome.set_cancelled("none of the tasks succeeded: all of them were cancelled")

    def _give_up(self) -> None:
        """Nobody waits for a winner any more."""
        with self._lock:
            rest = list(self._open)
        for future in rest:
            future.cancel()
