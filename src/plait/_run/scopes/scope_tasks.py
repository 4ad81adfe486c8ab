"""Tasks: which tasks of a scope have not ended, and what those raised that have."""

from __future__ import annotations

import threading
from _collections_abc import Callable
from concurrent import futures
from typing import Any

from plait._core.errors import Closed
from plait._run.future import Future
from plait._run.scopes.scope_race import Race

UNINTERRUPTIBLE = True  # see `cancelling`


class Tasks:
    """The tasks of one scope; all of it may be used from any thread.

    Args:
        failed: called when a task has raised an error that is no race's.
        idle: called when no task is open any more.
    """

    def __init__(self, failed: Callable[[], None], idle: Callable[[], None]) -> None:
        self._lock = threading.RLock()  # a task may be cancelled by a destructor that runs while this is held
        self._open: dict[Future[Any], Race | None] = {}
        self._failed = failed
        self._idle = idle
        self._closed = False
        self._first: Future[Any] | None = None
        self.errors: list[BaseException] = []

    def add(self, future: Future[Any], race: Race | None) -> None:
        """A task is about to begin.

        Raises:
            Closed: the scope is over.
        """
        future.add_done_callback(self._ended)  # first, since Ctrl-C may come between any two steps
        with self._lock:
            if self._closed:
                raise over()
            if race is not None:
                race.enter(future)
            self._open[future] = race

    def close_if_idle(self) -> bool:
        """Take no more tasks if none is open; whether that is so."""
        with self._lock:
            if not self._open:
                self._closed = True
            return self._closed

    @property
    def open(self) -> list[Future[Any]]:
        """Those that have not ended, in the order of their submission."""
        with self._lock:
            return list(self._open)

    def disown(self, why: str) -> int:
        """In a forked child: none of them will end here. Returns how many those are."""
        lost, self._open = list(self._open), {}
        self._lock = threading.RLock()
        for future in lost:
            future.disown(f"{future._name()} {why}")
        return len(lost)

    def race(self, race: Race) -> None:
        """All that are open, and the first that has succeeded since the last race, take part in this one.

        None does if a task has failed before, of which its thread may not have told yet.
        """
        with self._lock:
            entering = [future for future, other in self._open.items() if other is None]
            failed = bool(self.errors) or any(_has_failed(future) for future in entering)
            if not failed:
                first, self._first = self._first, None
                for future in entering:
                    self._open[future] = race
                    race.enter(future)
        if failed:
            self._failed()
            return
        if first is not None:
            race.enter(first)
            race.ended(first)
        race.start()

    def _ended(self, future: futures.Future[Any]) -> None:
        assert isinstance(future, Future)
        error = None if future.cancelled() else future.exception()
        with self._lock:
            if future not in self._open:  # it was refused, or its submit was interrupted
                return
            race = self._open.pop(future)
            idle = not self._open
            if race is None:
                if error is not None:
                    self.errors.append(error)
                elif self._first is None and not future.cancelled():
                    self._first = future
        if race is not None:
            race.ended(future)
        elif error is not None:
            self._failed()
        if idle:
            self._idle()


def _has_failed(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is not None


def over() -> Closed:
    """What submitting to a scope that is over raises."""
    return Closed("the scope is over: its block has ended and so have its tasks; open another one to start more")
