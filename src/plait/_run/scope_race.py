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
        outcome: a future for the winner's value, or for what all of them raised.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: set[Future[Any]] = set()
        self._errors: list[BaseException] = []
        self._started = False
        self._over = False
        self.empty = True
        self.outcome: Future[Any] = Future()

    def enter(self, future: Future[Any]) -> None:
        """A task takes part."""
        with self._lock:
            self._open.add(future)
            self.empty = False

    def start(self) -> None:
        """No more will take part: from now on it can be lost."""
        self._started = True
        self.outcome._name = lambda: "the first of several tasks"
        self.outcome._stop = self._give_up
        self.outcome.set_running_or_notify_cancel()
        self._settle(None)

    def ended(self, future: Future[Any]) -> None:
        """A task that takes part has ended."""
        with self._lock:
            self._open.discard(future)
            if not future.cancelled() and (error := future.exception()) is not None:
                self._errors.append(error)
        self._settle(None if future.cancelled() or future.exception() is not None else future)

    def _settle(self, winner: Future[Any] | None) -> None:
        with self._lock:
            lost = winner is None and self._started and not self._open
            if self._over or not (winner or lost):
                return
            self._over = True
            rest = list(self._open)
        if winner is not None:
            self.outcome.set_result(winner.result())
            for future in rest:
                future.cancel()
        elif len(self._errors) == 1:
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
