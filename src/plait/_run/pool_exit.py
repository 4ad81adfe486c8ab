"""Finishes the pending calls of every pool before the interpreter exits, as the standard library's executors do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Protocol


class Finishing(Protocol):
    """Work that must end before the interpreter does; two methods."""

    def close_at_exit(self) -> None:
        """Take nothing more."""
        ...

    def join(self) -> None:
        """Return when the work has ended."""
        ...


class ExitGate:
    """Knows what must end before the interpreter does, and turns away what would start too late."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a destructor that runs while it is held may submit
        self._open: set[Finishing] = set()
        self._exiting = False
        try:
            # Called before non-daemon threads are joined and before atexit's own callbacks, where threads still work.
            threading._register_atexit(self.finish)  # type: ignore[attr-defined]  # concurrent.futures uses it too
        except RuntimeError:
            self._exiting = True  # imported while the interpreter exits
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    @property
    def busy(self) -> bool:
        """Whether there is something that has to end."""
        return bool(self._open)

    def enter(self, work: Finishing) -> None:
        """Have `work` finished at exit.

        Raises:
            RuntimeError: the interpreter is exiting already.
        """
        with self._lock:
            if self._exiting:
                raise too_late()
            self._open.add(work)

    def leave(self, work: Finishing) -> None:
        """The work has ended."""
        with self._lock:
            self._open.discard(work)

    def finish(self) -> None:
        """Have all that is open end, and let nothing begin any more."""
        with self._lock:
            self._exiting = True
            open_ = list(self._open)
        for work in open_:
            work.close_at_exit()
        for work in open_:
            work.join()

    def exchange(self, others: Iterable[Finishing] = ()) -> set[Finishing]:
        """Have these in the place of what is open, which is returned, and let more begin: a check tries many ends."""
        with self._lock:
            self._exiting = False
            before, self._open = self._open, set(others)
        return before

    def _forget(self) -> None:
        """In a forked child: the parent's threads do not run here, and its lock may be held for ever."""
        self._lock = threading.RLock()
        self._open = set()


def too_late() -> RuntimeError:
    """What submitting while the interpreter exits raises."""
    return RuntimeError("cannot schedule new futures after interpreter shutdown")


exit_gate = ExitGate()  # one per process, because the process exits once
